"""The root cause of a failed stack: the first failing resource, and what it usually means.

CloudFormation cancels what was under way when one resource fails, and then rolls back; the
failures that follow are consequences.  The cause is the first failure in time that is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from hermes_cfn.errors import Advice, Finding, hermes


class EventLike(Protocol):
    """What a cause is read from."""

    @property
    def stack(self) -> str: ...
    @property
    def logical_id(self) -> str: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str: ...


CONSEQUENCES = ("cancelled", "The following resource(s) failed", "Rollback requested", "Resource creation cancelled")
"""Reasons that only say that something else failed."""

MEANINGS: tuple[tuple[str, str, str | Advice], ...] = (
    (r"Throttl|Rate exceeded|Request ?limit ?exceeded", "AWS asked to slow down", "the same command again in a minute"),
    (r"security token|ExpiredToken|InvalidClientTokenId", "the credentials that CloudFormation worked with have ended",
     "renew them, then the same command again"),
    (r"already exists?|exists already", "the name is taken, often by something that an earlier deletion left",
     "import it (deploy again takes up what was retained), rename, or delete it"),
    (r"deletion protection", "it is protected against deletion", "destroy --unprotect, if you mean it"),
    (r"LimitExceeded|limit.*exceeded|quota|maximum number", "a quota of the account is used up",
     "ask for more in Service Quotas, or free what is not needed"),
    (r"not authorized|Access ?Denied|UnauthorizedOperation|is not allowed|permissions? error", "the deploying role lacks a permission",
     hermes("whoami") + "; bootstrap renews the roles"),
    (r"key ?pair .*(does not exist|not found)|InvalidKeyPair", "the key pair is not in this region",
     "create it there or leave [compute] key_name empty"),
    (r"\bUnsupported\b|not supported in your requested Availability Zone|InsufficientInstanceCapacity",
     "the instance type is not to be had in a zone at the moment", "choose another type or other zones"),
    (r"CertificateNotFound|certificate.*(not found|expired|pending|in FAILED status)|UnsupportedCertificate",
     "the certificate is not issued, or belongs to another region", "create the DNS records of the certificate stack"),
    (r"image id .*does not exist|InvalidAMIID", "the machine image is no longer published", hermes("machine-image", "update")),
    (r"was not found|NotFound", "it is not there any more: somebody has changed or deleted it by hand",
     hermes("doctor", "--drift") + " names what differs"),
    (r"InvalidSubnet|subnet.*conflict|CIDR", "an address range overlaps or does not fit", "change [network] in hermes.toml"),
    (r"did not stabilize|timed? ?out|exceeded attempts", "AWS gave up waiting for the resource", "the same command again; then look at the resource"),
    (r"signal|WaitCondition|healthy", "instances did not report in time", hermes("doctor") + "; their boot log says why"),
    (r"depend", "something else still uses it", "delete or detach that first"),
    (r"not empty|BucketNotEmpty", "a bucket still holds objects", "destroy --empty-buckets, if you mean it"),
    (r"Internal ?Failure|Internal ?Error|ServiceInternal", "AWS failed by itself", "the same command again"),
    (r"EarlyValidation", "CloudFormation looked at the resources before it acts, and one is wrong",
     "aws cloudformation describe-events --stack-name STACK --filters FailedEvents=true says which"),
    (r"invalid|malformed|ValidationError|Properties validation|(extraneous|required) key|expected (type|minimum|maximum)", "a property has a value that AWS does not accept",
     hermes("validate") + ", then mend hermes.toml or the stack"),
)  # fmt: skip
"""(pattern in the message, what it usually means, the way on)."""


def root_cause(events: Sequence[EventLike]) -> Finding | None:
    """The first real failure of ``events`` (oldest first), with its message in full."""
    failures = [event for event in events if event.status.endswith("FAILED") and event.reason]
    real = [event for event in failures if not any(words in event.reason for words in CONSEQUENCES)]
    for event in (*real, *failures):
        why, after = meaning(event.reason)
        return Finding(
            "root-cause",
            f"{event.stack} / {event.logical_id} ({event.resource_type})",
            event.reason,
            why=why,
            evidence=event.status,
            next=after,
        )
    return None


def of_change_set(stack: str, reason: str) -> list[Finding]:
    """The root causes where CloudFormation refused the change set: it says so in one sentence, or beneath that of
    each resource that it has found wrong (``Name (Type): message``)."""
    said, *each = reason.splitlines() or [""]
    causes = [tuple(line.split(": ", 1)) for line in each] or [("change set", said)]
    return [_refused(f"{stack} / {where}", message) for where, message in causes]


def _refused(where: str, message: str) -> Finding:
    why, after = meaning(message)
    return Finding("root-cause", where, message, why=why, evidence="FAILED", next=after)


def meaning(message: str) -> tuple[str, str | Advice]:
    """What a message of a failed resource usually means, and the way on."""
    for pattern, why, after in MEANINGS:
        if re.search(pattern, message, re.IGNORECASE):
            return why, after
    return "", "look the message up, mend the cause, deploy again"
