"""STS: who may have a session with which role, by the role's trust policy (IAM user guide, "Policy evaluation logic").

Roles of this account only.  What STS of AWS offers beside AssumeRole and AssumeRoleWithWebIdentity, but gives out credentials
too (GetSessionToken, GetFederationToken, AssumeRoleWithSAML), is refused: moto's are the same constants for everybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hermes_cfn.local.clients import OWN
from hermes_cfn.local.identities import Identities, NotAToken
from hermes_cfn.local.keyring import Issued, Keyring
from hermes_cfn.local.moto_side import MotoSide, backend
from hermes_cfn.local.services.actions import Actions
from hermes_cfn.local.services.authorisation import document_of
from hermes_cfn.local.services.policies import EXPLICIT_DENY, Asked, Document, trusts
from hermes_cfn.local.wire import ACCOUNT, CALL, ServiceError

EC2 = "ec2.amazonaws.com"
ENDLESS = datetime(2099, 1, 1, tzinfo=UTC)
SHORTEST_S, DEFAULT_S, CHAINED_S = 900, 3600, 3600


@dataclass(frozen=True)
class Caller:
    """Who asks: their ARN, the ARN of the user or role behind it, and whether they are of this account's IAM at all."""

    arn: str
    principal: str
    service: str = ""

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """By which names a trust policy may mean them, by the kind of principal."""
        if self.service:
            return {"Service": (self.service,)}
        return {"AWS": (self.arn, self.principal, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)}


class Tokens(Actions):
    """``caller`` says who calls, and ``may`` whether their own policies let them assume a role (empty: they do)."""

    service = "sts"
    actions = frozenset(
        {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetSessionToken", "GetFederationToken",
         "AssumeRoot"}
    )  # fmt: skip

    def __init__(
        self, keys: Keyring, moto: MotoSide, identities: Identities, caller: Callable[[], tuple[str, str]],
        own_policies: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._keys = keys
        self._moto = moto
        self._identities = identities
        self._caller = caller
        self._own_policies = own_policies

    def assume_role(self, params: dict[str, Any]) -> dict[str, Any]:
        """Raises ServiceError ``AccessDenied`` where the trust policy, or the caller's own policies, say no."""
        caller = self._who(params)
        role = self._role(params["RoleArn"]) or ({}, DEFAULT_S)
        context = {**_context(params), **_of_caller(caller)}
        if params.get("ExternalId"):
            context["sts:externalid"] = (params["ExternalId"],)
        verdict = trusts(role[0], Asked("sts:AssumeRole", "*", context), caller.names)
        why_not = self._own_policies(params["RoleArn"]) if verdict and not caller.service else ""
        if not verdict or (verdict == "account" and why_not) or why_not == EXPLICIT_DENY:
            words = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {params['RoleArn']}"
            raise ServiceError("AccessDenied", words, 403)
        chained = ":assumed-role/" in caller.arn
        endless = caller.service == EC2 or (chained and caller.arn.rpartition("/")[2].startswith("i-"))
        return self._session(params, min(role[1], CHAINED_S) if chained else role[1], endless)

    def assume_role_with_web_identity(self, params: dict[str, Any]) -> dict[str, Any]:
        """Raises ServiceError ``InvalidIdentityToken``, ``ExpiredTokenException`` and ``AccessDenied``."""
        try:
            issuer, claims = self._identities.read(params["WebIdentityToken"])
        except NotAToken as problem:
            raise ServiceError(problem.code, str(problem), 400) from None
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
        self._known(provider, issuer, claims)
        context = {**_context(params), "aws:federatedprovider": (provider,), **_claims(issuer, claims)}
        role = self._role(params["RoleArn"])
        asked = Asked("sts:AssumeRoleWithWebIdentity", "*", context)
        if role is None or not trusts(role[0], asked, {"Federated": (provider,)}):
            raise ServiceError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        given = self._session(params, role[1])
        told = {"SubjectFromWebIdentityToken": str(claims.get("sub", "")), "Provider": provider}
        return {**given, **told, "Audience": str(claims.get("aud", ""))}

    def _who(self, params: Mapping[str, Any]) -> Caller:
        """The caller; the cloud itself asks for a service, and says in the session's name for which."""
        if CALL.get().access_key == OWN.key:
            name = str(params["RoleSessionName"])
            service = EC2 if name.startswith("i-") else "cloudformation.amazonaws.com"
            return Caller(service, "", service)
        return Caller(*self._caller())

    def _role(self, arn: str) -> tuple[Document, int] | None:
        """A role's trust policy, and how long its sessions may be (s); None for a role that there is not."""
        with self._moto.exclusive():
            for role in backend("iam", "us-east-1", ACCOUNT).get_roles():
                if role.arn == arn:
                    return document_of(role.assume_role_policy_document), int(role.max_session_duration or DEFAULT_S)
        return None

    def _known(self, provider: str, issuer: str, claims: Mapping[str, Any]) -> None:
        with self._moto.exclusive():
            found = backend("iam", "us-east-1", ACCOUNT).open_id_providers.get(provider)
            audiences = list(found.client_id_list) if found is not None else None
        if audiences is None:
            words = f"No OpenIDConnect provider found in your account for https://{issuer}"
            raise ServiceError("InvalidIdentityToken", words, 400)
        if not set(_texts(claims.get("aud"))) & set(audiences):
            raise ServiceError("InvalidIdentityToken", "Incorrect token audience", 400)

    def _session(self, params: Mapping[str, Any], longest_s: int, endless: bool = False) -> dict[str, Any]:
        """A session as STS answers it; ``endless`` for those of instances, which would be renewed as long as they
        run; and for those that an instance asks for, whose own clock is the machine's and not the service's."""
        seconds = int(params.get("DurationSeconds") or min(DEFAULT_S, longest_s))
        if seconds < SHORTEST_S:
            words = f"1 validation error detected: Value '{seconds}' at 'durationSeconds' must be at least {SHORTEST_S}"
            raise ServiceError("ValidationError", words)
        if seconds > longest_s:
            words = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise ServiceError("ValidationError", words)
        region, role = CALL.get().region, params["RoleArn"]
        with self._moto.exclusive():
            made = backend("sts", region, ACCOUNT).assume_role(
                region_name=region, role_session_name=params["RoleSessionName"], role_arn=role,
                policy=params.get("Policy"), duration=seconds, external_id=params.get("ExternalId"),
            )  # fmt: skip
            made.secret_access_key = made.access_key.secret_access_key = secrets.token_urlsafe(30)
        until = self._keys.now() + timedelta(seconds=seconds)
        issued = Issued(made.secret_access_key, made.session_token, ENDLESS if endless else until, role)
        self._keys.issue(made.access_key_id, issued)
        return {
            "Credentials": {
                "AccessKeyId": made.access_key_id, "SecretAccessKey": issued.secret,
                "SessionToken": issued.token, "Expiration": until,
            },
            "AssumedRoleUser": {"AssumedRoleId": made.user_id, "Arn": made.arn},
        }  # fmt: skip


def _context(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {
        "sts:rolesessionname": (str(params["RoleSessionName"]),),
        "aws:requestedregion": (CALL.get().region,),
        "aws:securetransport": ("true",),
    }
    if params.get("SourceIdentity"):
        found["sts:sourceidentity"] = (str(params["SourceIdentity"]),)
    for tag in params.get("Tags") or []:
        found[f"aws:requesttag/{tag['Key']}".lower()] = (str(tag["Value"]),)
    if params.get("Tags"):
        found["aws:tagkeys"] = tuple(str(tag["Key"]) for tag in params["Tags"])
    return found


def _of_caller(caller: Caller) -> dict[str, tuple[str, ...]]:
    if caller.service:
        return {"aws:sourceaccount": (ACCOUNT,), "aws:principalservicename": (caller.service,)}
    kind = "AssumedRole" if ":assumed-role/" in caller.arn else "User"
    return {
        "aws:principalarn": (caller.principal,), "aws:principalaccount": (ACCOUNT,), "aws:principaltype": (kind,),
    }  # fmt: skip


def _claims(issuer: str, claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """A token's claims as the condition keys of its provider: ``<issuer>:sub`` (IAM user guide, "Available keys for AWS OIDC federation")."""
    return {f"{issuer}:{name}".lower(): _texts(value) for name, value in claims.items()}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else () if value is None else (str(value),)
