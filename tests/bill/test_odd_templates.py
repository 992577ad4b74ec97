"""Whatever a property holds, the bill answers: with a price, or with why there is none."""

import importlib.util
import re
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_cfn.bill import State, show
from hermes_cfn.bill.rules import RULES

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("bills", Path(__file__).with_name("bills.py"))
bills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bills)

SOURCES = [
    *(ROOT / "hermes_cfn/bill/rules").glob("*.py"),
    *(ROOT / "hermes_cfn/bill" / name for name in ("placing.py", "surroundings.py")),
]
PROPERTIES = sorted({name for path in SOURCES for name in re.findall(r'get\("(\w+)"', path.read_text())})
UNKNOWN = {"Parameters": {"P": {"Type": "String"}}}
ODD = st.sampled_from(
    [
        None,
        True,
        -3,
        2.5,
        "",
        "x",
        "10" * 30,
        [],
        {},
        [None],
        [[1]],
        ["a", {"b": 1}],
        {"Ref": "Nowhere"},
        {"Ref": "P"},
        {"Fn::GetAtt": ["One", ["Arn"]]},
        {"Fn::Sub": "${Nope}"},
        {"Ref": "AWS::NoValue"},
        {"Fn::If": ["No", 1, 2]},
        "application",
        "FARGATE",
        {"LaunchTemplateId": {"Ref": "Two"}},
    ]
)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_what_only_a_parameter_would_tell_is_unknown_and_not_odd(kind):
    made = bills.of({"One": bills.resource(kind, **{key: {"Ref": "P"} for key in PROPERTIES})}, **UNKNOWN)
    assert made.lines
    assert not [line.note for line in made.lines if "has not the form" in line.note]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(RULES)), st.dictionaries(st.sampled_from(PROPERTIES), ODD, max_size=8)),
        min_size=3,
        max_size=3,
    )
)
def test_no_property_is_too_odd_to_bill(parts):
    resources = {
        name: bills.resource(kind, **given_)
        for name, (kind, given_) in zip(("One", "Two", "Three"), parts, strict=True)
    }
    made = bills.of(resources, **UNKNOWN)
    assert {line.logical_id for line in made.lines} <= set(resources)
    assert all(line.monthly >= 0 and (line.note or line.state is not State.NOT_PRICED) for line in made.lines)
    assert show.summary(made)
    assert show.as_csv(made)


REGISTRY = bills.resource("AWS::ServiceDiscovery::Service", Name="node")


def test_what_registers_in_cloud_map_is_paid_for_each_instance_and_free_for_tasks():
    group = bills.resource("AWS::AutoScaling::AutoScalingGroup", MinSize="3", MaxSize="3")
    found = bills.line(bills.of({"Nodes": REGISTRY, "Group": group}), "registered instances")
    assert (found.quantity, found.monthly) == (3, D("0.3"))
    registries = [{"RegistryArn": {"Fn::GetAtt": ["Nodes", "Arn"]}}]
    tasks = bills.resource("AWS::ECS::Service", DesiredCount=2, ServiceRegistries=registries)
    assert bills.line(bills.of({"Nodes": REGISTRY, "Tasks": tasks}), "registered tasks").state is State.FREE
    alone = bills.line(bills.of({"Nodes": REGISTRY}), "registered instances")
    assert (alone.state, alone.monthly) == (State.NOT_PRICED, 0)
