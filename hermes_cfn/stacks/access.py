"""The roles of an environment, what CloudFormation may do for it, and the boundary over what it creates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awacs.aws import Action, Allow, Deny, Principal, Statement
from troposphere import Ref, Template, iam

from hermes_cfn import service_role
from hermes_cfn.config import Settings
from hermes_cfn.names import GITHUB, Names, foundation_title
from hermes_cfn.names import ROLES as TASKS
from hermes_cfn.permissions import (
    DRIFT_READS,
    FLOW_LOGS,
    INSTANCE,
    NAT,
    NO_SECRETS,
    OBSERVE,
    PLAN,
    ROLES,
    Permission,
)
from hermes_cfn.places import places
from hermes_cfn.stacks import fences
from hermes_cfn.stacks.common import text
from hermes_cfn.stacks.roles import Tests, allow, boundary, policy, when
from hermes_cfn.stacks.statements import filled, statements

AUDIENCE = "sts.amazonaws.com"
SSO = "role/aws-reserved/sso.amazonaws.com/*"


SHARED: Mapping[str, tuple[Permission, ...]] = {
    "Observe": tuple(row for row in OBSERVE if row.on == ("*",)),
    "Check": tuple(row for row in PLAN if row.on == ("*",) and row not in OBSERVE and row.when is None),
    "Drift": tuple(row for row in DRIFT_READS if row.on == ("*",)),
}
"""Rows without a resource, as managed policies of the account: for every role, for those that check, and for who
detects drift."""


def _boundary(
    stack: Template, settings: Settings, names: Names, title: str, of_extras: Sequence[str]
) -> iam.ManagedPolicy:
    """At most what instances, NAT instances and log deliveries of this environment need; nothing of IAM.

    Secrets answer to credentials that an instance has: no other role reads them, whoever it trusts.
    """
    known = places(settings)
    rows = []
    for number, row in enumerate(INSTANCE, start=1):
        if set(row.on) & {"access-parameter", "application-role"} and not row.needed(settings):
            continue
        condition = filled(row, settings)
        if "secrets" in row.on:
            condition = {**condition, "Null": {"ec2:SourceInstanceARN": "false"}}
        arns = [text(arn) for name in row.on for arn in known[name]]
        rows.append(allow(f"Instance{number}", row.actions, arns, condition or None))
    account, region, both = names.account, settings.region, names.auto_scaling_group

    def ec2(*kinds: str) -> list[Any]:
        return [f"arn:aws:ec2:{region}:*:{kind}/*" for kind in kinds]

    groups = [
        f"arn:aws:logs:{region}:{account}:log-group:/aws/{kind}/{names.environment}/{names.application}{rest}"
        for kind in ("vpc", "cloudtrail")
        for rest in ("", ":*")
    ]
    rows.append(allow("NatWay", NAT[:3], ec2("elastic-ip", "route-table"), fences.ours(names)))
    rows.append(allow("NatAddress", NAT[:1], ec2("instance", "network-interface"), fences.ours(names, "IfExists")))
    nat = {"StringEquals": {"aws:ResourceTag/hermes:role": f"{both}-nat"}}
    rows.append(allow("NatForward", NAT[3:], ec2("instance"), nat))
    rows.append(allow("Logs", FLOW_LOGS, [text(arn) for arn in groups]))
    rows += fences.granted(settings, names, of_extras)
    rows.append(allow("LogGroups", ["logs:DescribeLogGroups"], ["*"]))
    return stack.add_resource(
        iam.ManagedPolicy(
            f"{title}Boundary",
            ManagedPolicyName=names.boundary,
            Description="The most that a role made by CloudFormation may do",
            PolicyDocument=policy(*rows),
        )
    )


def build_shared(stack: Template, settings: Settings) -> None:
    """What has no resource in any environment, once for all roles; and that none of them reads a secret."""
    for title, rows in SHARED.items():
        document = statements(rows, settings)
        if title == "Observe":
            document.append(
                Statement(
                    Sid="NoSecrets",
                    Effect=Deny,
                    Action=[Action("kms", "Decrypt")],
                    Resource=["*"],
                    Condition=when(NO_SECRETS),
                )
            )
        stack.add_resource(
            iam.ManagedPolicy(
                title,
                ManagedPolicyName=f"{settings.application.name}-{title.lower()}",
                PolicyDocument=policy(*document),
            )
        )


def build_roles(
    stack: Template, settings: Settings, types: Sequence[str], of_extras: Sequence[str], provider: str | None
) -> None:
    """The four roles and the service role of one environment; ``types`` are the resource types of its stacks.

    ``of_extras`` are those of the stacks of one's own.
    """
    names = Names.of(settings)
    title = foundation_title(names.environment)
    _boundary(stack, settings, names, title, of_extras)
    _service_role(stack, settings, names, f"{title}Cloudformation", types, of_extras)
    alike = {
        "Look": [row for row in OBSERVE if row.on != ("*",)],
        "Roll": [row for row in ROLES["release"] if row in ROLES["infrastructure"] and row not in _SHARED_ROWS],
    }
    for name, rows in alike.items():
        stack.add_resource(
            iam.ManagedPolicy(
                f"{title}{name}",
                ManagedPolicyName=names.role(name.lower()),
                PolicyDocument=policy(*statements(rows, settings)),
            )
        )
    for task in TASKS:
        shared = {name: rows for name, rows in {**SHARED, **alike}.items() if set(rows) <= set(ROLES[task])}
        covered = {row for rows in shared.values() for row in rows}
        own = [row for row in ROLES[task] if row not in covered]
        stack.add_resource(
            iam.Role(
                f"{title}{task.capitalize()}",
                RoleName=names.role(task),
                MaxSessionDuration=3600,
                AssumeRolePolicyDocument=policy(*_trust(settings, names, task, provider)),
                ManagedPolicyArns=[Ref(f"{title}{name}" if name in alike else name) for name in shared],
                **_inline(task, own, settings),
            )
        )


_SHARED_ROWS = frozenset((*OBSERVE, *SHARED["Check"], *SHARED["Drift"]))


def _inline(task: str, rows: Sequence[Permission], settings: Settings) -> dict[str, Any]:
    """A role's own policy, if anything is left for it."""
    if not rows:
        return {}
    return {"Policies": [iam.Policy(PolicyName=task, PolicyDocument=policy(*statements(rows, settings)))]}


def _trust(settings: Settings, names: Names, task: str, provider: str | None) -> list[Statement]:
    """CI by exactly one subject, and releases from one branch by one workflow; people by their Identity Center roles; nobody else."""
    found = []
    if provider and task != "operator":
        github = settings.github
        guarded = f"{names.environment}-infrastructure"
        claims = {
            "plan": github.pull_request_claims,
            "infrastructure": github.deployment_claims(guarded),
            "release": github.deployment_claims(names.environment),
        }[task]
        found.append(
            Statement(
                Sid="GitHub",
                Effect=Allow,
                Principal=Principal("Federated", text(provider)),
                Action=[Action("sts", "AssumeRoleWithWebIdentity")],
                Condition=when(
                    {"StringEquals": {f"{GITHUB}:{name}": value for name, value in {"aud": AUDIENCE, **claims}.items()}}
                ),
            )
        )
    people = settings.account.operators or (f"arn:aws:iam::${{AWS::AccountId}}:{SSO}AWSReservedSSO_HermesOperator_*",)
    found.append(
        Statement(
            Sid="People",
            Effect=Allow,
            Principal=Principal("AWS", text("arn:aws:iam::${AWS::AccountId}:root")),
            Action=[Action("sts", "AssumeRole")],
            Condition=when({"ArnLike": {"aws:PrincipalArn": [text(arn) for arn in people]}}),
        )
    )
    return found


def _service_role(
    stack: Template, settings: Settings, names: Names, title: str, types: Sequence[str], of_extras: Sequence[str]
) -> None:
    role = stack.add_resource(
        iam.Role(
            title,
            RoleName=names.role("cloudformation"),
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("Service", "cloudformation.amazonaws.com"),
                    Action=[Action("sts", "AssumeRole")],
                )
            ),
        )
    )
    role.ManagedPolicyArns = [Ref(READ)]
    ours = service_role.actions(types)
    actions = [action for action in service_role.actions(types, of_extras) if not service_role.reads(action)]
    identity = [action for action in actions if action.startswith("iam:")]
    network = [action for action in actions if action.startswith("ec2:")]
    groups = {
        "Identity": _identity(names, identity),
        "Network": fences.network(names, network),
        **fences.writing(
            settings, names, [action for action in actions if action not in {*identity, *network} and action in ours]
        ),
        **fences.of_extras(
            settings, names, [action for action in actions if action not in {*identity, *network, *ours}]
        ),
    }
    for group, rows in groups.items():
        stack.add_resource(
            iam.ManagedPolicy(
                f"{title}{group}",
                ManagedPolicyName=f"{names.role('cloudformation')}-{group.lower()}",
                PolicyDocument=policy(*rows),
                Roles=[Ref(role)],
            )
        )


READ = "CloudformationRead"


def build_service_policies(
    stack: Template, settings: Settings, types: Iterable[str], of_extras: Iterable[str] = ()
) -> None:
    """What CloudFormation may look at for every environment alike: most such actions have no resource."""
    actions = [action for action in service_role.actions(types, of_extras) if service_role.reads(action)]
    # IAM, Route 53, CloudFront and Budgets answer from us-east-1 whichever region asks.
    regions: Tests = {"StringEquals": {"aws:RequestedRegion": [settings.region, "us-east-1"]}}
    name = f"{settings.application.name}-cloudformation-read"
    document = policy(allow("Read", actions, ["*"], regions))
    stack.add_resource(iam.ManagedPolicy(READ, ManagedPolicyName=name, PolicyDocument=document))


def _identity(names: Names, actions: Iterable[str]) -> list[Statement]:
    """Roles under this environment's path and boundary; those of people and pipelines, and its own, are on no such path."""
    found = list(actions)
    made, profiles = (
        text(f"arn:aws:iam::{names.account}:{kind}{names.made_path}*") for kind in ("role", "instance-profile")
    )
    guarded = [action for action in found if action in GUARDED]
    linked = [action for action in found if action == "iam:CreateServiceLinkedRole"]
    passing = [action for action in found if action == "iam:PassRole"]
    rest = [action for action in found if action not in {*guarded, *linked, *passing}]
    rows = []
    if guarded:
        rows.append(
            allow("UnderTheBoundary", guarded, [made], {"StringEquals": {"iam:PermissionsBoundary": boundary(names)}})
        )
    if passing:
        services = ["ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com", "cloudtrail.amazonaws.com"]
        rows.append(allow("Pass", passing, [made], {"StringEquals": {"iam:PassedToService": services}}))
    if linked:
        rows.append(allow("ServiceLinked", linked, [text(f"arn:aws:iam::{names.account}:role/aws-service-role/*")]))
    if rest:
        rows.append(allow("Own", rest, [made, profiles]))
    rows.append(
        Statement(
            Sid="NeverTheBoundary",
            Effect=Deny,
            Action=[
                Action("iam", name)
                for name in (
                    "CreatePolicyVersion",
                    "DeletePolicy",
                    "DeletePolicyVersion",
                    "SetDefaultPolicyVersion",
                    "DeleteRolePermissionsBoundary",
                )
            ],
            Resource=["*"],
        )
    )
    return rows


GUARDED = frozenset({"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"})
"""Actions that IAM can tie to a boundary (Service Authorization Reference, iam:PermissionsBoundary)."""
