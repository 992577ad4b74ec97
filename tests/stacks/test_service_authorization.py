"""Every statement against the Service Authorization Reference, and before an independent analyser (parliament)."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.permissions import INSTANCE, ROLES

_spec = importlib.util.spec_from_file_location(
    "make_crossings_reference", Path(__file__).parents[2] / "docs/make_crossings.py"
)
crossings = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = crossings
_spec.loader.exec_module(crossings)

TOO_NEW = {
    "elasticloadbalancing:SetWebACL": "in CloudFormation's schema of WebACLAssociation; older than the reference's list",
}


def filled(value):
    """A policy with what only AWS knows put in, as ARNs of the right kind."""
    text = json.dumps(crossings.resolved(value))
    for reference in ("FlowLogGroup", "LogGroup"):
        text = text.replace(f"${{{reference}.Arn}}", f"arn:aws:logs:eu-south-2:{crossings.ACCOUNT}:log-group:x")
        group = json.dumps({"Fn::GetAtt": [reference, "Arn"]})
        text = text.replace(group, f'"arn:aws:logs:eu-south-2:{crossings.ACCOUNT}:log-group:x"')
    return json.loads(
        text.replace("${AWS::Region}", "eu-south-2").replace("${", "").replace("}:", ":")
        if "${AWS::Region}" in text
        else text
    )


def documents():
    """Title and policy of every role and managed policy, with everything on."""
    for spec in stacks.build(parse(crossings.EVERYTHING)):
        for title, body in spec.template["Resources"].items():
            properties = body.get("Properties", {})
            if body["Type"] == "AWS::IAM::ManagedPolicy":
                yield title, filled(properties["PolicyDocument"])
            if body["Type"] == "AWS::IAM::Role":
                for one in properties.get("Policies", []):
                    yield title, filled(one["PolicyDocument"])


DOCUMENTS = list(documents())


def statements():
    return [(title, row) for title, document in DOCUMENTS for row in document["Statement"] if row["Effect"] == "Allow"]


def fits(action, arn):
    """Whether some kind of resource that the action knows can have such an ARN."""
    service = action.partition(":")[0]
    mine = arn.split(":", 5)
    for kind in crossings.knows(action):
        raw = crossings.reference()[service]["resources"].get(kind, {}).get("arn", "").split(":", 5)
        if len(raw) == 6 and len(mine) == 6 and raw[2] == mine[2]:
            fixed = raw[5].partition("${")[0]
            if mine[5].startswith(fixed) or fixed.startswith(mine[5].partition("*")[0]):
                return True
    return False


def test_every_action_is_one_and_every_resource_is_of_a_kind_that_some_action_of_its_statement_knows():
    wrong = set()
    for title, row in statements():
        for written in row["Action"]:
            for action in crossings.expanded(written):
                service, _, name = action.partition(":")
                if name not in crossings.reference()[service]["privileges"]:
                    wrong |= {(title, action, "no such action")} if action not in TOO_NEW else set()
                elif "*" not in row["Resource"] and not any(fits(action, arn) for arn in row["Resource"]):
                    wrong.add((title, action, "has no resource of such a kind, so this never allows it"))
        for arn in row["Resource"]:
            known = [a for a in row["Action"] if "*" in a or a in TOO_NEW or arn == "*" or fits(a, arn)]
            if not known:
                wrong.add((title, arn, "no action of the statement knows such a resource"))
    assert not wrong, sorted(wrong)


def test_a_star_stands_only_where_the_reference_has_nothing_narrower_or_a_condition_narrows_it():
    """Of what changes something: looks are in a table of their own (docs/crossings.md)."""
    wide = set()
    for _title, row in statements():
        if "*" in row["Resource"] and not (set(row.get("Condition", {})) - {"StringEquals"} or narrowed(row)):
            wide |= {
                action for written in row["Action"] for action in crossings.expanded(written)
                if not crossings.looks(action) and crossings.knows(action)
            }  # fmt: skip
    assert wide <= WIDE, sorted(wide - WIDE)


def narrowed(row):
    return any(key != "aws:RequestedRegion" for tests in row.get("Condition", {}).values() for key in tests)


WIDE = {
    "cloudfront:DeleteOriginAccessControl", "cloudfront:UpdateOriginAccessControl", "cloudfront:DeleteResponseHeadersPolicy",
    "cloudfront:UpdateResponseHeadersPolicy", "ssm:UpdateInstanceInformation", "ecr:GetAuthorizationToken",
    "elasticloadbalancing:SetWebACL", "acm:DescribeCertificate", "ssm:GetCommandInvocation", "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}  # fmt: skip
"""Ids that are AWS's, without names or tags; the reasons stand in docs/crossings.md and docs/permissions.md."""


def test_every_row_of_the_tables_names_actions_that_there_are():
    for row in {*INSTANCE, *(row for rows in ROLES.values() for row in rows)}:
        for written in row.actions:
            for action in crossings.expanded(written):
                service, _, name = action.partition(":")
                assert name in crossings.reference()[service]["privileges"], action


WAIVED = {
    "RESOURCE_STAR": "the Service Authorization Reference has no resource, or a condition narrows it: the tests above",
    "RESOURCE_MISMATCH": "an action that needs two kinds of resources has them in two statements, each with its own condition",
    "UNKNOWN_ACTION": "newer than parliament's list; in the newer list that the tests above read",
    "UNKNOWN_CONDITION_FOR_ACTION": "newer than parliament's list; in the newer list that the tests above read",
    "MISMATCHED_TYPE_BUT_USABLE": "iam:PermissionsBoundary is compared as a string in IAM's own examples",
}
"""Findings of parliament that stay, and why."""


@pytest.mark.parametrize(("title", "document"), DOCUMENTS, ids=[title for title, _ in DOCUMENTS])
def test_parliament_finds_nothing_that_is_not_waived(title, document):
    parliament = pytest.importorskip("parliament", reason="parliament is not here: make .venv/.installed")
    found = parliament.analyze_policy_string(json.dumps(document)).findings
    left = {(one.issue, str(one.detail)) for one in found if one.issue not in WAIVED}
    assert not left
    for one in found:
        if one.issue == "UNKNOWN_ACTION":
            action = one.detail.rpartition(" ")[2]
            assert (
                action.partition(":")[2] in crossings.reference()[action.partition(":")[0]]["privileges"]
                or action in TOO_NEW
            )
        if one.issue == "UNKNOWN_CONDITION_FOR_ACTION":
            key, _, action = one.detail.removeprefix("Unknown condition ").partition(" for action ")
            service, _, name = action.partition(":")
            known = crossings.reference()[service]
            kinds = known["privileges"][name]["resource_types"]
            rows = [*kinds.values(), *(known["resources"][kind] for kind in kinds if kind in known["resources"])]
            keys = {written.partition("$")[0] for row in rows for written in row["condition_keys"]}
            assert key in keys or f"{key.partition('/')[0]}/" in keys, one.detail
