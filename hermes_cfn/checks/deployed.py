"""What stands in the account: stacks and drift, secrets, lock, region, quotas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from hermes_cfn.checks.observed import Lease, StackLine
from hermes_cfn.errors import Finding, Severity, hermes

OLD_IMAGE_DAYS = 90


def region(name: str, enabled: bool) -> Iterator[Finding]:
    """eu-south-2 and other newer regions are off until the account switches them on."""
    if not enabled:
        yield Finding(
            "region-off",
            name,
            "is not enabled in this account",
            why="calls to it are refused as if the credentials were wrong",
            next=f"aws account enable-region --region-name {name}; it takes minutes to hours",
        )


def put_back(stack: str, region: str, parameters: Sequence[str], by: str, now: datetime) -> str:
    """What undoes a change by hand, and who may: an ordinary change set compares templates and does not see it.

    The name is of its time, for one that was executed keeps it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """
    where = f"--region {region} --stack-name {stack} --change-set-name put-back-{now:%Y%m%d%H%M%S}"
    kept = " ".join(f"ParameterKey={name},UsePreviousValue=true" for name in parameters)
    return (
        f"as {by}: aws cloudformation create-change-set {where} --use-previous-template --deployment-mode REVERT_DRIFT"
        f" --capabilities CAPABILITY_NAMED_IAM{f' --parameters {kept}' if kept else ''}"
        f" && aws cloudformation wait change-set-create-complete {where}"
        f" && aws cloudformation execute-change-set {where}"
    )


def stacks(lines: Sequence[StackLine], mended_by: Callable[[str], str] = str) -> Iterator[Finding]:
    """Stacks that failed, that are missing beside others, or that AWS found drifted or could not look at.

    ``mended_by`` is what undoes changes by hand to the stack of that key.
    """
    there = [line for line in lines if line.status != "not there"]
    if not there:
        yield Finding(
            "nothing-deployed",
            lines[0].name if lines else "",
            "nothing is deployed",
            next=hermes("deploy"),
            severity=Severity.INFO,
        )
        return
    for line in lines:
        if line.status == "not there":
            yield Finding(
                "stack-missing", line.name, "is not deployed", next=hermes("deploy"), severity=Severity.WARNING
            )
        elif "FAILED" in line.status or line.status in {"ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"}:
            yield Finding("stack-failed", line.name, f"is {line.status}", next=hermes("deploy") + " goes on from there")
        if line.drift == "DRIFTED":
            yield Finding(
                "stack-drifted",
                line.name,
                "somebody changed its resources by hand",
                evidence="\n".join(line.differences),
                next=mended_by(line.key),
                severity=Severity.WARNING,
            )
        if line.unread:
            yield Finding(
                "drift-unread",
                line.name,
                "CloudFormation could not look at all of its resources, so what it says of drift is not all",
                evidence=line.unread,
                next=(
                    hermes("doctor", "--drift")
                    + " with the role operator; "
                    + hermes("bootstrap")
                    + " renews what that may"
                ),
                severity=Severity.WARNING,
            )


def lock(lease: Lease | None, now: datetime, longest: timedelta = timedelta(hours=2)) -> Iterator[Finding]:
    """A lease that ran out without being given back: its run died."""
    if lease is None or lease.expires.timestamp() == 0:
        return
    if lease.expires <= now:
        yield Finding(
            "lock-stale",
            lease.owner,
            f"did not give the lock back after: {lease.purpose}",
            why="its run died; whoever comes next takes the lock and goes on",
            evidence=f"expired {lease.expires:%Y-%m-%d %H:%M:%S} UTC",
            next=hermes("release", "--resume"),
            severity=Severity.WARNING,
        )
    elif lease.expires - now > longest:
        yield Finding(
            "lock-far",
            lease.owner,
            f"holds the lock until {lease.expires:%Y-%m-%d %H:%M} UTC for: {lease.purpose}",
            next=hermes("lock", "break") + ", if that run is known to be dead",
        )


def secrets(missing: Sequence[str]) -> Iterator[Finding]:
    """Secrets that the application needs and that are not set."""
    for name in missing:
        yield Finding("secret-missing", name, "is not set", next=hermes("secrets", "set", name))


def quota(what: str, used: float, wanted: float, limit: float | None, code: tuple[str, str]) -> Iterator[Finding]:
    """A quota that what is wanted would cross; None is a quota that may not be asked.  ``code``: service and quota."""
    if limit is not None and used + wanted > limit:
        yield Finding(
            "quota-short",
            what,
            f"{used:.0f} used and {wanted:.0f} wanted, of {limit:.0f}",
            why="AWS refuses what goes beyond it",
            next=f"aws service-quotas request-service-quota-increase --service-code {code[0]} --quota-code {code[1]}"
            f" --desired-value {used + wanted:.0f}; AWS takes minutes to days",
        )


def machine_image(days: int | None, image: str) -> Iterator[Finding]:
    """How old the machine image is that instances run."""
    if days is not None and days > OLD_IMAGE_DAYS:
        yield Finding(
            "machine-image-old",
            image,
            f"is {days} days old",
            why="its packages lack three months of security updates",
            next=hermes("machine-image", "update"),
            severity=Severity.WARNING,
        )
