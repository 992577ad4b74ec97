"""One story, in order: what verbs say and do between nothing and everything."""

import json

import pytest

SHELL = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@pytest.fixture(scope="module")
def empty(tmp_path_factory, new_cloud):
    """A cloud in which nothing is deployed."""
    made = new_cloud(tmp_path_factory.mktemp("empty"))
    (made.directory / "hermes.toml").write_text("")
    try:
        made.type("local start")
        yield made
    finally:
        made.stop()


def statuses(cloud) -> dict[str, str]:
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in found}


def test_an_empty_account_is_no_error(empty) -> None:
    assert {row["status"] for row in empty.json("status")["stacks"]} <= {None, "", "not there"}
    assert empty.json("releases") == []
    said = empty.type("destroy --yes")
    assert "hermes-foundation" not in said and "/hermes/production" not in said


def test_shells_of_stacks_are_deleted_by_destroy_and_named_where_they_stay(empty) -> None:
    for name in ("hermes-production-network", "hermes-foundation"):
        empty.client("cloudformation").create_change_set(
            StackName=name, ChangeSetName="shell", ChangeSetType="CREATE", TemplateBody=SHELL
        )
    assert set(statuses(empty).values()) == {"REVIEW_IN_PROGRESS"}
    assert "hermes-foundation" in empty.type("destroy --yes").rpartition("what stays")[2]
    assert set(statuses(empty)) == {"hermes-foundation"}
    empty.type("destroy --foundation --yes")
    assert statuses(empty) == {}


def test_a_lock_table_that_stayed_is_no_foundation(empty) -> None:
    empty.type("bootstrap")
    empty.type("destroy --foundation --yes")
    assert statuses(empty) == {}
    (empty.directory / "hermes.toml").write_text("account.github_provider = 'existing'\n")
    empty.type("deploy --yes --stacks-only", codes=(0, 1, 7))
    assert statuses(empty).get("hermes-foundation") == "CREATE_COMPLETE"
