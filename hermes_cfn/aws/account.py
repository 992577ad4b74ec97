"""STS, IAM and Service Quotas: who we are, what we may, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from hermes_cfn.aws.calls import AwsError, Calls


@dataclass(frozen=True, slots=True)
class Identity:
    """The account and the ARN that calls are made with."""

    account: str
    arn: str

    @property
    def name(self) -> str:
        """What people call it: the last part of the ARN."""
        return self.arn.rpartition("/")[2] or self.arn

    @property
    def policy_source(self) -> str:
        """The ARN whose policies apply: of a role rather than of a session with it."""
        if ":assumed-role/" not in self.arn:
            return self.arn
        role = self.arn.split(":assumed-role/")[1].split("/")[0]
        return f"arn:aws:iam::{self.account}:role/{role}"


class Account:
    """The account behind the credentials."""

    def __init__(self, sts: Calls, iam: Calls, quotas: Calls) -> None:
        self._sts = sts
        self._iam = iam
        self._quotas = quotas

    def identity(self) -> Identity:
        found = self._sts.get_caller_identity()
        return Identity(str(found["Account"]), str(found["Arn"]))

    def quota(self, service: str, code: str) -> float | None:
        """The applied value of a quota, or None where it may not be asked."""
        try:
            return float(self._quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
        except AwsError:
            return None

    def role_exists(self, name: str) -> bool:
        try:
            self._iam.get_role(RoleName=name)
        except AwsError as error:
            if error.code == "NoSuchEntity":
                return False
            raise
        return True

    def roles(self) -> list[str]:
        """Names of every role of the account that lies under no path."""
        return [str(role["RoleName"]) for role in self._iam.pages("list_roles", "Roles") if role["Path"] == "/"]

    def has_provider(self, host: str) -> bool:
        """Whether the account has an OpenID Connect identity provider for ``host``."""
        found = self._iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return any(item["Arn"].endswith(f"/{host}") for item in found)
