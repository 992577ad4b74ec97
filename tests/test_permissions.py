"""Least privilege: the tables against AWS's handlers, the templates against the tables."""

import json
import re

import pytest

from hermes_cfn import service_role, stacks
from hermes_cfn.cfn import kinds
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.config import parse
from hermes_cfn.config.extras import ExtraFile
from hermes_cfn.config.network import Egress
from hermes_cfn.permissions import ATHENA, DRIFT_READS, INSTANCE, LOOKING_UP, OBSERVE, PLAN, PRICES, ROLES

EVERYTHING = """
network.egress = "{egress}"
database.allow_list = false
database.addresses = ["ipv6"]
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
emails = ["ops@example.com"]
[edge]
assets = true
dns = "alias"
hosted_zone_id = "Z0123456789ABC"
[worldwide]
cloudfront = true
waf = true
assets_domain = "static.example.com"
hosted_zone_id = "Z0123456789ABC"
[budget]
ceiling_usd = 10
"""


SCALED = "scaling.minimum = 2\nscaling.maximum = 4\nscaling.cpu_percent = 50\n"


def rendered_types():
    found = set()
    for egress in Egress.__args__:
        for spec in stacks.build(parse(EVERYTHING.format(egress=egress))):
            if spec.key != "foundation":
                found |= {resource["Type"] for resource in spec.template["Resources"].values()}
    return found


def handler_actions(kind, verbs=("create", "read", "update", "delete")):
    found = schema(kind, "us-east-1")
    actions = {action for verb in verbs for action in found.handler_permissions(verb)}
    return {action.replace("CloudTrail:", "cloudtrail:") for action in actions}


def test_the_service_role_knows_every_type_that_can_be_rendered():
    assert rendered_types() <= service_role.known_types()


@pytest.mark.parametrize("kind", sorted(service_role.known_types()))
def test_the_service_role_is_what_the_handlers_name_or_says_why_not(kind):
    rows = [row for row in service_role.rows() if row.type == kind]
    assert {row.action for row in rows} == handler_actions(kind)
    assert all(bool(row.reason) != row.granted for row in rows), "granted, or a reason why not"


def test_additions_are_not_in_the_handlers_and_have_a_source():
    for kind, additions in service_role.ADDITIONS.items():
        for action, source in additions:
            assert action not in handler_actions(kind)
            assert "(" in source or "page" in source


def test_the_operator_may_read_what_drift_detection_reads_and_nothing_more():
    """The service role's table says why an action of a handler is not needed for our resources."""
    template = foundation("github.repository = 'me/hermes'\n")
    types = rendered_types() | {resource["Type"] for resource in template.values()}
    needless = {(row.type, row.action) for row in service_role.rows() if not row.granted}
    wanted = {
        action
        for name in types
        if kinds.kind(name).drift
        for action in handler_actions(name, ["read"])
        if (name, action) not in needless and (service_role.reads(action) or action in service_role.CONTENT)
    }
    wild = tuple(action[:-1] for action in wanted if action.endswith("*"))
    wanted = {action for action in wanted if action.endswith("*") or not action.startswith(wild)}
    assert {action for row in DRIFT_READS for action in row.actions} == wanted


QUEUE = ExtraFile("own", "extras/own.template.json", '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}')


def foundation(text="", files=()):
    return stacks.build(parse(text, files=files)).stack("foundation").template["Resources"]


def statements(template, title):
    properties = template[title]["Properties"]
    documents = [
        properties.get("PolicyDocument"),
        *(policy["PolicyDocument"] for policy in properties.get("Policies", [])),
    ]
    return [row for document in documents if document for row in document["Statement"]]


def granted(template, title):
    found = set()
    for row in statements(template, title):
        if row["Effect"] == "Allow":
            found |= set(row["Action"])
    for reference in template[title]["Properties"].get("ManagedPolicyArns", []):
        found |= granted(template, reference["Ref"])
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_rendered_role_has_exactly_the_rows_of_its_table(role):
    zone = "edge.dns = 'alias'\nedge.hosted_zone_id = 'Z0123456789ABC'\n"
    paid = "budget.ceiling_usd = 90\n"
    there = (
        "network.vpc_id = 'vpc-0123456789abcdef0'\nnetwork.public_subnets = []\nnetwork.private_subnets = ['subnet-0123456789abcdef0']\n"
        "ingress.listener_arn = 'arn:aws:elasticloadbalancing:eu-south-2:123456789012:listener/app/theirs/0f/0e'\n"
        "ingress.listener_priority = 200\n"
    )
    template = foundation(
        f"{SCALED}service.cluster = true\nedge.assets = true\nworldwide.cloudfront = true\ncompute.key_name = 'hermes'\n{zone}{paid}{there}",
        files=(QUEUE,),
    )
    wanted = {action for row in ROLES[role] for action in row.actions}
    assert granted(template, f"Production{role.capitalize()}") == wanted


def test_plan_only_reads():
    verbs = re.compile(r":(Batch)?(Describe|Get|List|Simulate)")
    assert all(verbs.search(action) for row in PLAN for action in row.actions)


def test_prices_are_read_with_a_policy_of_their_own():
    actions = {action for row in PRICES for action in row.actions}
    assert all(re.search(r":(Describe|Get)", action) for action in actions)
    assert not actions & {action for rows in ROLES.values() for row in rows for action in row.actions}


def test_a_star_has_its_reason():
    for row in {*OBSERVE, *INSTANCE, *PRICES, *ATHENA, *LOOKING_UP, *(row for rows in ROLES.values() for row in rows)}:
        assert row.reason
        if row.on == ("*",):
            assert re.search(r"no (narrower )?resource|AWS's|not known beforehand", row.reason), row


def test_no_role_of_people_or_pipelines_reads_a_secret():
    (deny,) = [row for row in statements(foundation(), "Observe") if row["Effect"] == "Deny"]
    assert deny["Action"] == ["kms:Decrypt"]
    for role, rows in ROLES.items():
        for row in rows:
            if "secrets" in row.on:
                assert role == "operator"
                assert not {"ssm:GetParameter", "ssm:GetParameters"} & set(row.actions)


def test_the_operators_document_is_the_operators_alone():
    for role, rows in ROLES.items():
        holds = any("operator-documents" in row.on or "ssm:StartSession" in row.actions for row in rows)
        assert holds is (role == "operator")


@pytest.mark.parametrize(("ids", "known"), [("", {}), ("github.repository_id = 77\n", {"repository_id": "77"})])
def test_ci_is_trusted_by_one_exact_subject(ids, known):
    """Whatever changes anything: on the branch, by the branch's own workflow, of this repository and no namesake."""
    template = foundation(f"github.repository = 'me/hermes'\ngithub.branch = 'live'\n{ids}")
    branch = {"ref": "refs/heads/live", "job_workflow_ref": "me/hermes/.github/workflows/cd.yml@refs/heads/live"}
    expected = {
        "Release": {"sub": "repo:me/hermes:environment:production", **branch},
        "Infrastructure": {"sub": "repo:me/hermes:environment:production-infrastructure", **branch},
        "Plan": {"sub": "repo:me/hermes:pull_request"},
    }
    for title, claims in expected.items():
        github = template[f"Production{title}"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
        wanted = {"aud": "sts.amazonaws.com", **claims, **known}
        assert github["Condition"] == {
            "StringEquals": {f"token.actions.githubusercontent.com:{name}": value for name, value in wanted.items()}
        }
    operator = template["ProductionOperator"]["Properties"]["AssumeRolePolicyDocument"]
    assert "token.actions" not in json.dumps(operator)


def test_nothing_but_cloudformation_may_have_the_service_role_and_no_key_that_it_may_not_send_is_asked_for():
    (row,) = foundation()["ProductionCloudformation"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert row["Principal"] == {"Service": "cloudformation.amazonaws.com"} and "Condition" not in row


def test_sending_documents_is_two_statements():
    template = foundation()
    assert {"Ref": "ProductionRoll"} in template["ProductionRelease"]["Properties"]["ManagedPolicyArns"]
    sends = [row for row in statements(template, "ProductionRoll") if "ssm:SendCommand" in row["Action"]]
    documents, instances = sends
    assert "document/" in json.dumps(documents["Resource"])
    assert "Condition" not in documents
    assert "instance/*" in json.dumps(instances["Resource"])
    assert "ssm:resourceTag/hermes:environment" in json.dumps(instances["Condition"])
    assert "hermes-production-run" not in json.dumps(documents)


def test_cloudformation_makes_roles_only_under_the_boundary_and_never_touches_ours():
    rows = {row["Sid"]: row for row in statements(foundation(), "ProductionCloudformationIdentity")}
    guarded = rows["UnderTheBoundary"]
    assert {"iam:CreateRole", "iam:PutRolePolicy"} <= set(guarded["Action"])
    assert "hermes-production-boundary" in json.dumps(guarded["Condition"])
    made = {"UnderTheBoundary", "Own", "Pass"} & set(rows)
    assert all("/hermes/production/*" in json.dumps(one) for sid in made for one in rows[sid]["Resource"])
    assert rows["NeverTheBoundary"]["Effect"] == "Deny"
    assert "iam:DeleteRolePermissionsBoundary" in rows["NeverTheBoundary"]["Action"]
    everything = granted(foundation(), "ProductionCloudformationIdentity")
    assert not {"iam:CreatePolicyVersion", "iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary"} & everything


def test_every_role_outside_the_foundation_is_under_the_boundary():
    for egress in Egress.__args__:
        for spec in stacks.build(parse(EVERYTHING.format(egress=egress))):
            for resource in spec.template["Resources"].values():
                if resource["Type"] == "AWS::IAM::Role" and spec.key != "foundation":
                    assert "hermes-production-boundary" in json.dumps(resource["Properties"]["PermissionsBoundary"])
                    assert resource["Properties"]["Path"] == "/hermes/production/"
                    boundary = granted(foundation("service.cluster = true\n"), "ProductionBoundary")
                    inner = {
                        action
                        for policy in resource["Properties"]["Policies"]
                        for row in policy["PolicyDocument"]["Statement"]
                        for action in row["Action"]
                    }
                    assert inner <= boundary, spec.key


def test_policies_fit():
    for title, resource in foundation("watch.enabled = true\n").items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(properties["PolicyDocument"]) <= 6144, title
        if resource["Type"] == "AWS::IAM::Role":
            assert sum(size(policy["PolicyDocument"]) for policy in properties.get("Policies", [])) <= 10240, title
            assert size(properties["AssumeRolePolicyDocument"]) <= 2048, title


def size(document):
    """Characters without white space, Fn::Sub resolved, as IAM counts them."""
    text = json.dumps(document, separators=(",", ":")).replace("${AWS::AccountId}", "1" * 12)
    return len(re.sub(r'\{"Fn::Sub":("[^"]*")\}', r"\1", text))


@pytest.mark.parametrize("egress", Egress.__args__)
def test_policies_fit_with_everything_on(egress):
    template = foundation(EVERYTHING.format(egress=egress))
    sizes = {
        title: size(body["Properties"]["PolicyDocument"])
        for title, body in template.items()
        if body["Type"] == "AWS::IAM::ManagedPolicy"
    }
    assert max(sizes.values()) <= 6144, sizes
