"""Who acts, in which account, and which verbs that role may use here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from hermes_cfn import permissions
from hermes_cfn.aws.account import Identity
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.simulation import Simulation
from hermes_cfn.config import Settings
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.names import ACCOUNT
from hermes_cfn.places import places

NEEDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "status": (("cloudformation:DescribeStacks", "stacks"), ("ssm:GetParameter", "stable")),
    "logs": (("logs:FilterLogEvents", "log-group"),),
    "plan": (("cloudformation:GetTemplate", "stacks"), ("cloudformation:DescribeStacks", "stacks")),
    "image push": (("ecr:GetAuthorizationToken", "*"), ("ecr:PutImage", "repository")),
    "release": (("ssm:SendCommand", "documents"), ("autoscaling:EnterStandby", "group"), ("ssm:PutParameter", "goal")),
    "rollback": (("ssm:SendCommand", "documents"), ("ssm:PutParameter", "goal")),
    "migrate": (("ssm:SendCommand", "documents"), ("dynamodb:UpdateItem", "lock")),
    "deploy": (("cloudformation:CreateChangeSet", "stacks"), ("cloudformation:ExecuteChangeSet", "stacks")),
    "sleep": (("autoscaling:UpdateAutoScalingGroup", "group"),),
    "secrets set": (("ssm:PutParameter", "secrets"),),
    "secrets restore": (("ssm:PutParameter", "secrets"), ("kms:Decrypt", "ssm-key")),
    "run": (("ssm:SendCommand", "operator-documents"), ("ssm:SendCommand", "instances")),
    "shell": (("ssm:StartSession", "instances"),),
    "bootstrap": (("cloudformation:CreateChangeSet", "foundation"), ("iam:CreateOpenIDConnectProvider", "*")),
}
"""Verb -> the actions that tell whether it may be used, each with the place it acts on."""


@dataclass(frozen=True, slots=True)
class Who:
    """``may``: verb -> True, False, or None where the simulator may not be asked."""

    account: str
    arn: str
    role: str
    region: str
    environment: str
    may: Mapping[str, bool | None]


def ask(context: DeployContext) -> Who:
    """Asks STS, and IAM's simulator where it may."""
    identity = context.clients.account.identity()
    simulation = Simulation(context.clients.calls("iam"), identity.policy_source)
    may: dict[str, bool | None] = {}
    for verb in NEEDS:
        answers = [simulation.allowed(*one) for one in requests(context.settings, verb, identity.account)]
        may[verb] = None if None in answers else all(answers)
        if may[verb] is None:
            may |= dict.fromkeys(NEEDS, None)
            break
    role = role_of(context, identity)
    return Who(identity.account, identity.arn, role, context.region, context.names.environment, may)


Request = tuple[str, str, dict[str, tuple[str, ...]]]
"""Action, resource, and the condition keys that our own call of it carries."""


def requests(settings: Settings, verb: str, account: str) -> list[Request]:
    """What the simulator is asked for a verb: each call as it would be sent, with all that our policies look at in it."""
    known, found = places(settings), []
    rows = [row for table in (*permissions.ROLES.values(), permissions.INSTANCE) for row in table]
    for action, place in NEEDS[verb]:
        carried: dict[str, tuple[str, ...]] = {}
        for row in rows:
            if action in row.actions and place in row.on:
                carried |= carried_by(row, settings, account)
        found.append((action, _concrete(known[place][0], account), carried))
    return found


def carried_by(row: permissions.Permission, settings: Settings, account: str) -> dict[str, tuple[str, ...]]:
    """Condition keys of a request of ours for ``row``, without wildcards and with the account filled in."""
    return {
        key: tuple(_concrete(value, account).replace("*", "x") for value in values)
        for key, values in row.carried(settings).items()
    }


def role_of(context: DeployContext, identity: Identity) -> str:
    """Which of our roles that is; empty for anybody else."""
    ours = {context.names.role(role): role for role in permissions.ROLES}
    return ours.get(identity.policy_source.rpartition("/")[2], "")


def denied(context: DeployContext, verb: str) -> Mapping[str, str] | None:
    """Of what ``verb`` needs, the actions that the simulator denies; None where it may not be asked.

    The plan role cannot deploy and need not: for it the infrastructure role is asked about.
    """
    try:
        identity = context.clients.account.identity()
    except AwsError:
        return None
    source = identity.policy_source
    if source.endswith(f"role/{context.names.role('plan')}"):
        source = f"arn:aws:iam::{identity.account}:role/{context.names.role('infrastructure')}"
    simulation = Simulation(context.clients.calls("iam"), source)
    found: dict[str, str] = {}
    asked = requests(context.settings, verb, identity.account)
    answers = context.clients.together([partial(simulation.allowed, *one) for one in asked])
    for (action, where, _), answer in zip(asked, answers, strict=True):
        if answer is None:
            return None
        if not answer:
            found[action] = f"{source.rpartition('/')[2]} may not do this on {where}"
    return found


def lacking(
    context: DeployContext, role: str, rows: Iterable[permissions.Permission]
) -> Iterator[tuple[str, str, str]]:
    """(action, resource, reason) of what the table gives the role ``role`` of ours and the simulator denies it.

    Each row is asked as a request would be that meets the row's own condition; a resource that is named after the
    caller is left out.
    """
    known = places(context.settings)
    account = context.names.account

    made = (
        context.names.made_role_arn(role)
        if role == "instance"
        else f"arn:aws:iam::{account}:role/{context.names.role(role)}"
    )

    def ask(row: permissions.Permission) -> list[tuple[str, str, str]]:
        carried = carried_by(row, context.settings, account)
        if role == "instance":  # the boundary lets secrets go to credentials that an instance got, and to no others
            carried["ec2:SourceInstanceARN"] = (f"arn:aws:ec2:{context.region}:{account}:instance/i-0",)
        door = Simulation(context.clients.calls("iam"), _concrete(made, account))
        arns = [_concrete(arn, account) for place in row.on for arn in known[place]]
        resources = [arn for arn in arns if "${" not in arn]
        denied = (door.denied(row.actions, resources, carried) or ()) if resources else ()
        return [(action, resource, row.reason) for action, resource in denied]

    needed = [row for row in rows if row.needed(context.settings)]
    for found in context.clients.together([partial(ask, row) for row in needed]):
        yield from found


def _concrete(arn: str, account: str) -> str:
    return arn if arn == "*" else arn.replace(ACCOUNT, account)
