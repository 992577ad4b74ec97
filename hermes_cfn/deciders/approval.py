"""A person's approval of one plan: for one account, region and environment, once, and not for long."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

VERSION = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """``plan`` is the plan's hash, ``image`` and ``replace`` what it was made for, ``until`` an ISO time of the service."""

    plan: str
    account: str
    region: str
    environment: str
    until: str
    by: str
    image: str = ""
    replace: tuple[str, ...] = ()
    version: int = VERSION

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def read(text: str, hashed: str) -> Approval:
    """Raises HermesError ``approval-missing`` for what is no approval of this plan."""
    try:
        found = Approval(**json.loads(text))
        datetime.fromisoformat(found.until).utcoffset()
        if found.version != VERSION or found.plan != hashed:
            raise ValueError("it is another plan's")
        return Approval(**{**asdict(found), "replace": tuple(map(str, found.replace))})
    except (TypeError, ValueError, RecursionError) as error:
        raise missing(hashed, f"what is kept cannot be used: {error}") from error


def missing(hashed: str, why: str = "") -> HermesError:
    """Nobody approved it."""
    return HermesError(
        Finding(
            "approval-missing",
            hashed,
            "no person has approved this plan; nothing was touched",
            why=why,
            next="a person looks at the plan and types: " + hermes("approve", hashed),
        ),
        exit_code=ExitCode.REFUSED,
    )


def refused(approval: Approval, account: str, region: str, environment: str, now: datetime) -> Finding | None:
    """Why an approval does not hold here and now; None where it does."""
    again = "a person looks at the plan and types: " + hermes("approve", approval.plan)
    here, there = (account, region, environment), (approval.account, approval.region, approval.environment)
    if here != there:
        return Finding(
            "approval-elsewhere",
            approval.plan,
            f"was approved for {' / '.join(there)}, and this is {' / '.join(here)}; nothing was touched",
            next=again,
        )
    if now > datetime.fromisoformat(approval.until):
        return Finding(
            "approval-expired",
            approval.plan,
            f"the approval ended at {approval.until}; nothing was touched",
            next=again,
        )
    return None
