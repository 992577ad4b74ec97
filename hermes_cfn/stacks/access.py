"""The roles of an environment, what CloudFormation may do for it, and the boundary over what it creates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awacs.aws import Action, Allow, Deny, Principal, Statement
from troposphere import Ref, Template, iam

from hermes_cfn import service_role
from hermes_cfn.config import Settings
from hermes_cfn.names import GITHUB, Names
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
    places,
)
from hermes_cfn.stacks.common import text, waive
from hermes_cfn.stacks.roles import Tests, allow, boundary, policy, when
from hermes_cfn.stacks.statements import statements

SSO = "role/aws-reserved/sso.amazonaws.com/*"


SHARED: Mapping[str, tuple[Permission, ...]] = {
    "Observe": tuple(row for row in OBSERVE if row.on == ("*",)),
    "Check": tuple(row for row in PLAN if row.on == ("*",) and row not in OBSERVE and row.when is None),
    "Drift": tuple(row for row in DRIFT_READS if row.on == ("*",)),
}
"""Rows without a resource, as managed policies of the account: for every role, for those that check, and for who
detects drift."""


def build_boundary(stack: Template, settings: Settings) -> iam.ManagedPolicy:
    """At most what instances, NAT instances and log deliveries need, in any environment; nothing of IAM."""
    everywhere = places(settings, environment="*")
    rows = [
        allow(f"Instance{number}", row.actions, [text(arn) for name in row.on for arn in everywhere[name]])
        for number, row in enumerate(INSTANCE, start=1)
    ]
    account, region = "${AWS::AccountId}", settings.region
    nat = [
        f"arn:aws:ec2:{region}:{account}:{kind}/*"
        for kind in ("elastic-ip", "instance", "network-interface", "route-table")
    ]
    groups = [f"arn:aws:logs:{region}:{account}:log-group:/aws/{kind}/*" for kind in ("vpc", "cloudtrail")]
    rows.append(allow("Nat", NAT, [text(arn) for arn in nat]))
    rows.append(allow("Logs", FLOW_LOGS, [text(arn) for arn in groups]))
    limit = stack.add_resource(
        iam.ManagedPolicy(
            "Boundary",
            ManagedPolicyName=Names.of(settings).boundary,
            Description="The most that a role made by CloudFormation may do",
            PolicyDocument=policy(*rows),
        )
    )
    waive(limit, {"CKV_AWS_111": "it grants nothing; it bounds what other policies grant"})
    return limit


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


def build_roles(stack: Template, settings: Settings, types: Sequence[str], provider: str | None) -> None:
    """The four roles and the service role of one environment; ``types`` are the resource types of its stacks."""
    names = Names.of(settings)
    title = "".join(word.capitalize() for word in names.environment.split("-"))
    _service_role(stack, settings, names, f"{title}Cloudformation", types)
    look = stack.add_resource(
        iam.ManagedPolicy(
            f"{title}Look",
            ManagedPolicyName=names.role("look"),
            PolicyDocument=policy(*statements((row for row in OBSERVE if row.on != ("*",)), settings)),
        )
    )
    for task in TASKS:
        shared = [name for name, rows in SHARED.items() if set(rows) <= set(ROLES[task])]
        covered = {*OBSERVE, *(row for name in shared for row in SHARED[name])}
        own = [row for row in ROLES[task] if row not in covered]
        stack.add_resource(
            iam.Role(
                f"{title}{task.capitalize()}",
                RoleName=names.role(task),
                MaxSessionDuration=3600,
                AssumeRolePolicyDocument=policy(*_trust(settings, names, task, provider)),
                ManagedPolicyArns=[Ref(look), *(Ref(name) for name in shared)],
                Policies=[iam.Policy(PolicyName=task, PolicyDocument=policy(*statements(own, settings)))],
            )
        )


def _trust(settings: Settings, names: Names, task: str, provider: str | None) -> list[Statement]:
    """CI by exactly one subject (infrastructure by an environment of its own, with reviewers); people by their Identity Center roles; nobody else."""
    found = []
    if provider and task != "operator":
        github = settings.github
        guarded = f"{names.environment}-infrastructure"
        subject = {
            "plan": github.pull_request_subject,
            "infrastructure": github.deployment_subject(guarded),
            "release": github.deployment_subject(names.environment),
        }[task]
        found.append(
            Statement(
                Sid="GitHub",
                Effect=Allow,
                Principal=Principal("Federated", text(provider)),
                Action=[Action("sts", "AssumeRoleWithWebIdentity")],
                Condition=when({"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": subject}}),
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


def _service_role(stack: Template, settings: Settings, names: Names, title: str, types: Sequence[str]) -> None:
    role = stack.add_resource(
        iam.Role(
            title,
            RoleName=names.role("cloudformation"),
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("Service", "cloudformation.amazonaws.com"),
                    Action=[Action("sts", "AssumeRole")],
                    Condition=when({"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}),
                )
            ),
        )
    )
    role.ManagedPolicyArns = [Ref(NETWORK), Ref(READ)]
    actions = [action for action in service_role.actions(types) if not _shared(action)]
    identity = [action for action in actions if action.startswith("iam:")]
    groups = {
        "Identity": _identity(names, identity),
        "Service": _writing(settings, names, [action for action in actions if action not in identity]),
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


NETWORK, READ = "CloudformationNetwork", "CloudformationRead"


def _shared(action: str) -> bool:
    """The network's and the reading actions have no names to bind to, so all environments share them."""
    return action.startswith("ec2:") or service_role.reads(action)


def build_service_policies(stack: Template, settings: Settings, types: Iterable[str]) -> None:
    """What CloudFormation may do for every environment alike."""
    regions: Tests = {"StringEquals": {"aws:RequestedRegion": [settings.region, "us-east-1"]}}
    actions = [action for action in service_role.actions(types) if _shared(action)]
    network = [action for action in actions if action.startswith("ec2:")]
    names = {NETWORK: network, READ: [action for action in actions if action not in network]}
    for title, found in names.items():
        suffix = "network" if title == NETWORK else "read"
        # IAM, Route 53, CloudFront and Budgets answer from us-east-1 whichever region asks.
        stack.add_resource(
            iam.ManagedPolicy(
                title,
                ManagedPolicyName=f"{settings.application.name}-cloudformation-{suffix}",
                PolicyDocument=policy(allow(suffix.capitalize(), found, ["*"], regions)),
            )
        )


def _writing(settings: Settings, names: Names, actions: Iterable[str]) -> list[Statement]:
    """On our names where the service has names, in our regions everywhere."""
    regions: Tests = {"StringEquals": {"aws:RequestedRegion": [settings.region, "us-east-1"]}}
    by_service: dict[str, list[str]] = {}
    for action in actions:
        by_service.setdefault(action.split(":")[0], []).append(action)
    wide = [action for service, own in by_service.items() if _resources(names, service) == ["*"] for action in own]
    rows = [allow("Wide", wide, ["*"], regions)] if wide else []
    for service, own in by_service.items():
        if _resources(names, service) != ["*"]:
            rows.append(allow(service.capitalize(), own, _resources(names, service)))
    return rows


def _resources(names: Names, service: str) -> list[Any]:
    """ARNs with our names; ``*`` where AWS gives ids of its own, bound to our regions."""
    both, anywhere = names.auto_scaling_group, f"*:{names.account}"
    found = {
        "autoscaling": [f"arn:aws:autoscaling:{anywhere}:autoScalingGroup:*:autoScalingGroupName/{both}*"],
        "cloudwatch": [
            f"arn:aws:cloudwatch:{anywhere}:alarm:{both}-*",
            f"arn:aws:cloudwatch::{names.account}:dashboard/{both}",
        ],
        "elasticloadbalancing": [
            f"arn:aws:elasticloadbalancing:{anywhere}:{kind}/{names.load_balancer}/*"
            for kind in ("loadbalancer/app", "listener/app", "targetgroup")
        ],
        "events": [f"arn:aws:events:{anywhere}:rule/{both}-*"],
        "logs": [f"arn:aws:logs:{anywhere}:log-group:/aws/*/{names.environment}/{names.application}*"],
        "s3": [f"arn:aws:s3:::{both}-*"],
        "sns": [f"arn:aws:sns:{anywhere}:{both}-*"],
        "ssm": [
            f"arn:aws:ssm:{anywhere}:document/{both}-*",
            f"arn:aws:ssm:{anywhere}:parameter/{names.application}/{names.environment}/*",
        ],
        "cloudtrail": [f"arn:aws:cloudtrail:{anywhere}:trail/{names.trail}"],
        "budgets": [f"arn:aws:budgets::{names.account}:budget/{names.budget}"],
    }
    return [text(arn) for arn in found.get(service, ["*"])]


def _identity(names: Names, actions: Iterable[str]) -> list[Statement]:
    """Roles of this environment, under the boundary; never the roles of people and pipelines, nor its own."""
    found = list(actions)
    own = [
        text(f"arn:aws:iam::{names.account}:{kind}/{names.auto_scaling_group}-*")
        for kind in ("role", "instance-profile")
    ]
    guarded = [action for action in found if action in GUARDED]
    linked = [action for action in found if action == "iam:CreateServiceLinkedRole"]
    passing = [action for action in found if action == "iam:PassRole"]
    rest = [action for action in found if action not in {*guarded, *linked, *passing}]
    rows = []
    if guarded:
        rows.append(
            allow("UnderTheBoundary", guarded, own, {"StringEquals": {"iam:PermissionsBoundary": boundary(names)}})
        )
    if passing:
        services = ["ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com", "cloudtrail.amazonaws.com"]
        rows.append(allow("Pass", passing, own, {"StringEquals": {"iam:PassedToService": services}}))
    if linked:
        rows.append(allow("ServiceLinked", linked, [text(f"arn:aws:iam::{names.account}:role/aws-service-role/*")]))
    if rest:
        rows.append(allow("Own", rest, own))
    protected = [text(f"arn:aws:iam::{names.account}:role/{names.role(task)}") for task in (*TASKS, "cloudformation")]
    rows.append(Statement(Sid="NeverTheseRoles", Effect=Deny, Action=[Action("iam", "*")], Resource=protected))
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
