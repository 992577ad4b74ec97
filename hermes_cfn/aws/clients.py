"""The clients of AWS: one session, one endpoint, one region, and others by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from time import sleep as _sleep
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from hermes_cfn.aws.account import Account
from hermes_cfn.aws.autoscaling import AutoScaling
from hermes_cfn.aws.calls import Calls, Memo, ServiceTime, T, translated, until
from hermes_cfn.aws.cloudformation import CloudFormation
from hermes_cfn.aws.cloudwatch import CloudWatch
from hermes_cfn.aws.dynamodb import Lock
from hermes_cfn.aws.ec2 import Ec2
from hermes_cfn.aws.ecr import Ecr
from hermes_cfn.aws.elb import Elb
from hermes_cfn.aws.logs import Logs
from hermes_cfn.aws.s3 import S3
from hermes_cfn.aws.ssm import Ssm

SIDE_BY_SIDE = 8
"""Calls at once of one part of a look; parts of it may ask side by side themselves."""

Credentials = tuple[str, str]
"""Access key id and secret access key."""

RETRIES = {"mode": "adaptive", "max_attempts": 8}
"""Adaptive retries slow down by themselves when AWS throttles (boto3 guide, "Retries")."""

PATIENT: Mapping[str, Any] = {"retries": RETRIES, "connect_timeout": 10, "read_timeout": 60}
HURRIED: Mapping[str, Any] = {"retries": {"total_max_attempts": 1}, "connect_timeout": 3, "read_timeout": 10}
"""For what is only nice to know: without a network it ends after seconds."""


@dataclass
class AwsClients:
    """Every service that the product talks to, opened when first used.

    ``hurried`` clients give up early and try nothing twice; ``agent`` is added to what the user agent says.
    """

    session: boto3.session.Session
    region: str
    endpoint_url: str | None = None
    hurried: bool = False
    agent: str = ""
    time: ServiceTime = field(default_factory=ServiceTime)
    _clients: dict[tuple[str, str], Calls] = field(default_factory=dict)
    sleep: Callable[[float], None] = _sleep
    _stacks: dict[str, CloudFormation] = field(default_factory=dict)
    _memo: Memo | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def calls(self, service: str, region: str = "") -> Calls:
        """The calls of one service in one region (default: the clients' own)."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                style = {"addressing_style": "path"} if self.endpoint_url else {}
                how = HURRIED if self.hurried else PATIENT
                config = Config(
                    s3=style, max_pool_connections=4 * SIDE_BY_SIDE, user_agent_extra=self.agent or None, **how
                )
                with translated(service):
                    client = self.session.client(
                        service, region_name=key[1], endpoint_url=self.endpoint_url, config=config
                    )
                self._clients[key] = Calls(client, service, self.time, self.sleep)
                self._clients[key].memo = self._memo
        return self._clients[key]

    def together(self, asks: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers of several calls that do not depend on each other, asked side by side; each may do the same."""
        if len(asks) < 2:
            return [ask() for ask in asks]
        with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(asks)), thread_name_prefix="aws") as pool:
            return list(pool.map(lambda ask: ask(), asks))

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """While it lasts, what is asked twice in the same words is asked once: for verbs that only read."""
        if self._memo is not None:
            yield
            return
        self._remember(Memo())
        try:
            yield
        finally:
            self._remember(None)

    def _remember(self, memo: Memo | None) -> None:
        with self._lock:
            self._memo = memo
            for calls in self._clients.values():
                calls.memo = memo

    def until(self, ask: Callable[[], T], fresh: Callable[[T], bool]) -> T:
        """The first answer that is ``fresh``: see :func:`hermes_cfn.aws.calls.until`."""
        return until(ask, fresh, self.sleep)

    def now(self) -> datetime:
        """The service's time."""
        return self.time.now()

    def cloudformation(self, region: str = "") -> CloudFormation:
        """Stacks of a region; one object a region, for it knows what this run has seen and done."""
        region = region or self.region
        return self._stacks.setdefault(region, CloudFormation(self.calls("cloudformation", region)))

    @cached_property
    def auto_scaling(self) -> AutoScaling:
        return AutoScaling(self.calls("autoscaling"))

    @cached_property
    def elb(self) -> Elb:
        return Elb(self.calls("elbv2"))

    @cached_property
    def ssm(self) -> Ssm:
        return Ssm(self.calls("ssm"))

    @cached_property
    def ecr(self) -> Ecr:
        return Ecr(self.calls("ecr"))

    @cached_property
    def s3(self) -> S3:
        return S3(self.calls("s3"))

    @cached_property
    def ec2(self) -> Ec2:
        return Ec2(self.calls("ec2"))

    @cached_property
    def logs(self) -> Logs:
        return Logs(self.calls("logs"))

    @cached_property
    def cloudwatch(self) -> CloudWatch:
        return CloudWatch(self.calls("cloudwatch"))

    @cached_property
    def account(self) -> Account:
        return Account(self.calls("sts"), self.calls("iam"), self.calls("service-quotas"))

    def lock(self, table: str, key: str) -> Lock:
        return Lock(self.calls("dynamodb"), table, key)


def connect(
    profile: str | None = None,
    region: str = "eu-south-2",
    endpoint_url: str | None = None,
    credentials: Credentials | None = None,
    hurried: bool = False,
    agent: str = "",
) -> AwsClients:
    """Makes the clients of one account and region.  Nothing is called yet.

    Raises :class:`AwsError` ``credentials-missing`` for an unknown profile.
    """
    with translated("credentials"):
        session = boto3.session.Session(
            profile_name=profile,
            region_name=region,
            aws_access_key_id=credentials[0] if credentials else None,
            aws_secret_access_key=credentials[1] if credentials else None,
        )
    return AwsClients(session, region, endpoint_url, hurried, agent)


def signed_in(profile: str | None) -> bool:
    """Whether there are credentials, as far as this machine's environment and files say; nothing is called.

    The providers that would call, of instances and containers, are not asked.
    """
    with translated("credentials"):
        session = botocore.session.Session(profile=profile)
        resolver = session.get_component("credential_provider")
        for provider in ("iam-role", "container-role"):
            resolver.remove(provider)
        return resolver.load_credentials() is not None
