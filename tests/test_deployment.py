"""The waist: order, and stacks that wait for each other."""

from __future__ import annotations

import pytest

from hermes_cfn.deployment import Deployment, FromOutput, FromSetting, StackSpec


def spec(key: str, fed_by: str | None = None, follows: tuple[str, ...] = ()) -> StackSpec:
    parameters = {"P": FromOutput(fed_by, "o")} if fed_by else {"P": FromSetting("v")}
    return StackSpec(key, f"hermes-{key}", "eu-south-2", {"Resources": {}}, parameters, follows)


def deployment(*stacks: StackSpec) -> Deployment:
    return Deployment("hermes", "production", "eu-south-2", stacks)


def test_stacks_that_need_nothing_of_each_other_share_a_wave() -> None:
    made = deployment(spec("a"), spec("b"), spec("c", "a", ("b",)), spec("d", "c"))
    assert [[stack.key for stack in wave] for wave in made.waves()] == [["a", "b"], ["c"], ["d"]]


def test_a_cycle_is_named() -> None:
    with pytest.raises(ValueError, match="a for b, b for a"):
        deployment(spec("a", "b"), spec("b", "a")).waves()


def test_a_stack_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="a for network"):
        deployment(spec("a", "network")).waves()


def test_a_stack_is_found_by_its_key() -> None:
    made = deployment(spec("a"), spec("b"))
    assert made.stack("b").name == "hermes-b"
    assert made.keys == ("a", "b")
    with pytest.raises(KeyError):
        made.stack("c")
