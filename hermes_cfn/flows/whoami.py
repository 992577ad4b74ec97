"""Who acts, in which account, and which verbs that role may use here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hermes_cfn import permissions
from hermes_cfn.aws.simulation import Simulation
from hermes_cfn.flows.ground import Ground
from hermes_cfn.names import ACCOUNT

NEEDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "status": (("cloudformation:DescribeStacks", "stacks"), ("ssm:GetParameter", "stable")),
    "logs": (("logs:FilterLogEvents", "log-group"),),
    "plan": (("cloudformation:GetTemplate", "stacks"), ("cloudformation:DescribeStacks", "stacks")),
    "release": (("ssm:SendCommand", "documents"), ("autoscaling:EnterStandby", "group"), ("ssm:PutParameter", "goal")),
    "rollback": (("ssm:SendCommand", "documents"), ("ssm:PutParameter", "goal")),
    "deploy": (("cloudformation:CreateChangeSet", "stacks"), ("cloudformation:ExecuteChangeSet", "stacks")),
    "secrets set": (("ssm:PutParameter", "secrets"),),
    "run": (("ssm:SendCommand", "operator-document"),),
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


def ask(ground: Ground) -> Who:
    """Asks STS, and IAM's simulator where it may."""
    identity = ground.doors.account.identity()
    simulation = Simulation(ground.doors.calls("iam"), identity.policy_source)
    places = permissions.places(ground.settings)
    may: dict[str, bool | None] = {}
    for verb, needs in NEEDS.items():
        answers = [simulation.allowed(action, _concrete(places[place][0], identity.account)) for action, place in needs]
        may[verb] = None if None in answers else all(answers)
        if may[verb] is None:
            may |= dict.fromkeys(NEEDS, None)
            break
    ours = {ground.names.role(role): role for role in ("infrastructure", "release", "plan", "operator")}
    role = ours.get(identity.policy_source.rpartition("/")[2], "")
    return Who(identity.account, identity.arn, role, ground.region, ground.names.environment, may)


def _concrete(arn: str, account: str) -> str:
    return arn if arn == "*" else arn.replace(ACCOUNT, account)
