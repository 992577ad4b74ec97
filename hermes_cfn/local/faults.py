"""Faults on request: what goes wrong, how often, and for whom."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from hermes_cfn.local.wire import READS, ServiceError, speaks_json

API = ("throttle", "error", "lost", "timeout", "expired", "broken")


@dataclass
class ApiFault:
    """What happens to calls of ``service`` and ``action`` (``*`` for all).

    ``kind`` throttle answers the service's throttling error, error an InternalFailure, expired that
    the credentials are over, lost does the work and loses the answer, broken cuts it off half-way, timeout waits ``seconds`` first.  ``skip`` calls pass before,
    then it happens ``times`` times (0: until cleared), each with ``probability``; ``people_only``
    spares calls with the temporary credentials of roles, ``changes_only`` those that only read.  ``each``: it happens
    once to every action of every service, until it is cleared.
    """

    service: str
    action: str
    kind: str
    times: int = 1
    skip: int = 0
    probability: float = 1.0
    seconds: float = 5.0
    people_only: bool = False
    changes_only: bool = False
    happened: int = 0
    each: bool = False
    struck: tuple[str, ...] = ()


class Faults:
    """The faults that are on; asked by whoever could fail."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - chance, not a secret
        self._api: list[ApiFault] = []
        self._conditions: dict[str, dict[str, Any]] = {}

    def add_api(self, given: dict[str, Any]) -> None:
        """Raises ServiceError ``UnknownFault`` for a kind that does not exist."""
        if given.get("kind") not in API:
            raise ServiceError("UnknownFault", f"kinds are {', '.join(API)}")
        with self._lock:
            self._api.append(ApiFault(**given))

    def set(self, name: str, subject: str, value: Any) -> None:
        """Turns a condition on (a value) or off (None) for ``subject`` (``*`` for everything)."""
        with self._lock:
            subjects = self._conditions.setdefault(name, {})
            if value is None:
                subjects.pop(subject, None)
            else:
                subjects[subject] = value

    def remove_api(self, service: str) -> None:
        """Ends the faults of a service's calls."""
        with self._lock:
            self._api = [one for one in self._api if one.service != service]

    def clear(self) -> None:
        with self._lock:
            self._api.clear()
            self._conditions.clear()

    def condition(self, name: str, subject: str) -> Any:
        """The value of a condition for ``subject``; None when it is off."""
        with self._lock:
            subjects = self._conditions.get(name, {})
            return subjects.get(subject, subjects.get("*"))

    def call(self, service: str, action: str, access_key: str) -> str:
        """What happens to this call: empty, or a kind; a timeout has been waited for."""
        with self._lock:
            found = next((one for one in self._api if self._strikes(one, service, action, access_key)), None)
            if found is None:
                return ""
            found.happened += 1
            if found.each:
                found.struck += (f"{service}.{action}",)
            elif found.times and found.happened >= found.times:
                self._api.remove(found)
        if found.kind == "timeout":
            time.sleep(found.seconds)
        return found.kind

    def _strikes(self, one: ApiFault, service: str, action: str, access_key: str) -> bool:
        if one.service not in ("*", service) or one.action not in ("*", action):
            return False
        if one.changes_only and action.startswith(READS):
            return False
        if one.people_only and not access_key.startswith("AKIA"):
            return False
        if one.each and f"{service}.{action}" in one.struck:
            return False
        if one.skip > 0:
            one.skip -= 1
            return False
        return self._random.random() < one.probability

    def described(self) -> dict[str, Any]:
        with self._lock:
            return {
                "api": [vars(one) for one in self._api],
                "conditions": {k: dict(v) for k, v in self._conditions.items() if v},
            }


def throttled(service: str) -> ServiceError:
    """The error that clients recognise as throttling."""
    if service == "dynamodb":
        return ServiceError(
            "ProvisionedThroughputExceededException", "The level of configured provisioned throughput was exceeded"
        )
    if service in ("ssm", "ecr", "logs", "acm"):
        return ServiceError("ThrottlingException", "Rate exceeded")
    if service == "ec2":
        return ServiceError("RequestLimitExceeded", "Request limit exceeded.", 503)
    return ServiceError("Throttling", "Rate exceeded")


def refusal_of(kind: str, service: str) -> ServiceError:
    """The error by which a call is refused for a fault of that kind (throttle, error or expired)."""
    if kind == "throttle":
        return throttled(service)
    if kind == "expired":
        return expired(service)
    return ServiceError("InternalFailure", "An internal error occurred", 500)


def expired(service: str) -> ServiceError:
    """The refusal of a session that is over (S3 API, "Error responses"; EC2 API, "Error codes"; each API's "Common Errors")."""
    if service == "s3":
        return ServiceError("ExpiredToken", "The provided token has expired.", 400)
    if service == "ec2":
        return ServiceError("RequestExpired", "Request has expired.", 400)
    if speaks_json(service):
        return ServiceError("ExpiredTokenException", "The security token included in the request is expired", 400)
    return ServiceError("ExpiredToken", "The security token included in the request is expired", 403)


def region_off(service: str) -> ServiceError:
    """What every call to a region says that the account has not switched on: as if the credentials were wrong.

    (AWS re:Post, "IAM: InvalidClientTokenId in an opt-in region"; EC2 API, "Error codes: AuthFailure".)
    """
    if service == "ec2":
        return ServiceError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    code = "InvalidClientTokenId" if service in ("sts", "iam") else "UnrecognizedClientException"
    return ServiceError(code, "The security token included in the request is invalid.", 403)
