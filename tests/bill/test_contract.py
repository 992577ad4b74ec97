"""The contract of completeness, walked from the side of the schemas: every type, every property, every line."""

import json
from collections import defaultdict

import pytest

from hermes_cfn import bill
from hermes_cfn.bill import State, contract
from hermes_cfn.bill.contract import Class
from hermes_cfn.bill.rules import RULES
from hermes_cfn.cfn import schemas
from hermes_cfn.cfn.template import Template
from hermes_cfn.pricing import books

REGISTRY = sorted(
    {
        name
        for path in (schemas._root() / "providers").glob("*.json")
        for name in json.loads(path.read_text())
        if name.startswith("AWS::")
    }
)
WITHOUT_SCHEMA = {"AWS::CloudFormation::CustomResource"}


def schema(type_):
    return next(found for region in ("us-east-1", "eu-west-1", "us-west-2") if (found := schemas.schema(type_, region)))


def settable(type_):
    found = schema(type_)
    read_only = {path.lstrip("/") for path in found.read_only}
    return {name for name in found.properties if name not in read_only}


def test_every_type_of_the_registry_is_classed():
    stated = contract.types()
    assert sorted(set(REGISTRY) - stated.keys()) == []
    assert all(one.page.startswith("https://") or one.by for one in stated.values())
    for type_, one in stated.items():
        assert (one.cls is Class.PRICED) <= (type_ in RULES), type_
        if one.cls is Class.UNPRICED or (one.cls is Class.USAGE and type_ not in RULES):
            assert one.by or type_ == "AWS::CloudFormation::StackSet" or one.cls is Class.USAGE, type_


@pytest.mark.parametrize("type_", sorted(RULES))
def test_every_property_of_a_type_with_a_rule_is_classed_once(type_):
    stated = contract.properties()[type_]
    names = defaultdict(set)
    for path, one in stated.items():
        names[path.partition("=")[0].split("/")[0]].add((path, one.cls))
    assert sorted(settable(type_) - names.keys()) == []
    assert sorted(names.keys() - settable(type_)) == []
    for found in names.values():
        whole = [cls for path, cls in found if "/" not in path and "=" not in path]
        assert len(whole) <= 1


@pytest.mark.parametrize("type_", sorted(RULES))
def test_what_costs_says_by_what(type_):
    for path, one in contract.properties()[type_].items():
        if one.cls in (Class.USAGE, Class.UNPRICED):
            assert one.by, path
        assert one.page.startswith("https://"), path


UNPRICED = [
    (type_, path)
    for type_, stated in contract.properties().items()
    for path, one in stated.items()
    if one.cls is Class.UNPRICED
]


def setting(path):
    """A value that sets what a path names, as a template would."""
    names, _, value = path.partition("=")
    found = value.split("|")[0] if value else "something"
    for name in reversed(names.split("/")[1:]):
        found = {name: found}
    return names.split("/")[0], found


@pytest.mark.parametrize(("type_", "path"), UNPRICED)
def test_a_property_that_costs_and_has_no_price_is_on_the_bill_where_it_is_set(type_, path):
    name, value = setting(path)
    for properties, expected in ({}, False), ({name: value}, True):
        template = Template.parse({"Resources": {"One": {"Type": type_, "Properties": properties}}})
        made = bill.compute_template(template, "us-east-1", books.snapshot())
        whats = {line.what for line in made.of(State.NOT_PRICED)}
        assert (path.partition("=")[0] in whats) is expected


def test_every_property_that_changes_a_price_is_named_in_a_rule():
    """The rules' own text names it; what each does with it is what the tests of the rules show."""
    from pathlib import Path

    import hermes_cfn.bill.rules as rules

    text = "".join(path.read_text() for path in Path(rules.__file__).parent.glob("*.py"))
    text += (Path(rules.__file__).parent.parent / "surroundings.py").read_text()
    for type_, stated in contract.properties().items():
        for path, one in stated.items():
            if one.cls is Class.PRICE:
                assert f'"{path}"' in text, (type_, path)


@pytest.mark.parametrize("cls", [Class.FREE, Class.USAGE, Class.UNPRICED])
def test_a_type_without_a_rule_is_on_the_bill_as_it_is_classed(cls):
    state = {Class.FREE: State.FREE, Class.USAGE: State.NOT_GIVEN, Class.UNPRICED: State.NOT_PRICED}[cls]
    types = [type_ for type_, one in contract.types().items() if one.cls is cls and type_ not in RULES]
    types = [type_ for type_ in types if type_ != "AWS::CloudFormation::Stack"]
    resources = {f"R{number}": {"Type": type_} for number, type_ in enumerate(types)}
    for start in range(0, len(types), 400):
        part = dict(list(resources.items())[start : start + 400])
        made = bill.compute_template(Template.parse({"Resources": part}), "us-east-1", books.snapshot())
        assert {line.state for line in made.lines} == {state}
        assert all(line.note for line in made.lines)
