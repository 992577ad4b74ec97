"""What was made a moment ago and is not known everywhere yet: for how long a call that misses it is made again.

A code like ``NoSuchBucket`` says two things: that there is none, or that it is young.  The second is believed only for
what this run has made itself, and for so long; whoever only looks is told at once.  The wait is told once.
"""

from __future__ import annotations

from dataclasses import dataclass

from hermes_cfn.errors import Finding, Severity


@dataclass(frozen=True, slots=True)
class Young:
    """``calls`` (``service.operation``, as boto3 names it) answer one of ``codes`` while ``what`` is not known to them.

    They are made again for ``wait_s`` seconds after this run has had it made.  No ``calls``: ``by`` says who waits instead.
    """

    what: str
    calls: tuple[str, ...]
    codes: frozenset[str]
    wait_s: float
    source: str
    by: str = ""


ROLE_S = 60.0
"""Seconds for which a service role that cannot be assumed is asked for again: a few seconds usually, a minute rarely
(DataDog/stratus-red-team#358; hashicorp/terraform-provider-aws#22834)."""

_BY_STACKS = "CloudFormation, before it says CREATE_COMPLETE of it; what asks for it is another resource of the stack"
_STABLE = "CloudFormation user guide, 'How CloudFormation works', eventual consistency checks of resources"


def _row(what: str, asked: str, codes: str, wait_s: float, source: str, by: str = "") -> Young:
    return Young(what, tuple(asked.split()), frozenset(codes.split()), wait_s, source, by)


YOUNG: tuple[Young, ...] = (
    _row(
        "the service role, to be assumed",
        "",
        "ValidationError",
        ROLE_S,
        "hashicorp/terraform-provider-aws#22834",
        "the deployer of stacks, before each change set, whoever made the role",
    ),
    _row(
        "the right to pass the service role",
        "cloudformation.create_change_set",
        "AccessDenied AccessDeniedException",
        ROLE_S,
        "IAM user guide, 'Changes that I make are not always immediately visible'",
    ),
    _row(
        "the deploy lock's table",
        "dynamodb.get_item dynamodb.update_item",
        "ResourceNotFoundException",
        30,
        "DynamoDB API, CreateTable: 'an asynchronous operation'; DescribeTable may not know the table yet",
    ),
    _row(
        "the bucket",
        "s3.put_object s3.get_object s3.list_objects_v2",
        "NoSuchBucket",
        60,
        "S3 user guide, 'Data consistency model': bucket configurations are eventually consistent",
    ),
    _row(
        "the registry's repository",
        "ecr.put_image ecr.describe_images ecr.batch_get_image",
        "RepositoryNotFoundException",
        30,
        "no figure published; as other control planes",
    ),
    _row(
        "the SSM document",
        "ssm.send_command ssm.describe_document",
        "InvalidDocument InvalidDocumentVersion",
        30,
        "no figure published; as other control planes",
    ),
    _row(
        "the certificate",
        "acm.describe_certificate",
        "ResourceNotFoundException",
        60,
        "hashicorp/terraform-provider-aws: a certificate is asked for again for a minute after its creation",
    ),
    _row(
        "the log group",
        "logs.filter_log_events logs.describe_log_streams",
        "ResourceNotFoundException",
        30,
        "no figure published; as other control planes",
    ),
    _row(
        "the instance",
        "",
        "InvalidInstanceID.NotFound",
        60,
        "EC2 developer guide, 'Eventual consistency in the Amazon EC2 API'",
        "the rollout: an instance that EC2 does not know is not ended",
    ),
    _row("the instance profile", "", "", 0, _STABLE, _BY_STACKS),
    _row("the launch template", "", "", 0, _STABLE, _BY_STACKS),
    _row("the OIDC provider", "", "", 0, _STABLE, "GitHub's job: it begins when a person has run bootstrap"),
)
"""Every kind of thing that the stacks make and that something asks for right afterwards."""


def row(call: str, code: str) -> Young | None:
    """The row of a call ``service.operation`` that was refused with ``code``."""
    return next((one for one in YOUNG if call in one.calls and code in one.codes), None)


def waited_for(one: Young) -> Finding:
    """What is said once of a wait."""
    return Finding(
        "not-known-yet",
        one.what,
        f"AWS does not know {one.what} everywhere yet",
        why="it was made a moment ago",
        next=f"it is asked for again for {one.wait_s:.0f} s",
        severity=Severity.INFO,
    )
