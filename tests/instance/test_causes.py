"""Whose fault it was that a document failed: one table of words, which the scripts use and no sentence carries."""

import re
from importlib.resources import files

import pytest

from hermes_cfn.config import parse
from hermes_cfn.instance import documents
from hermes_cfn.instance.report import MEANINGS, OF_PARTS, Cause, Fault, fault, shell
from tests.instance.machine import Machine, release


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.boot()
    yield made
    made.clear()


def test_every_cause_has_a_meaning_and_a_script_that_says_it_and_none_says_another() -> None:
    texts = [path.read_text() for path in files("hermes_cfn.instance").joinpath("scripts").iterdir()]
    said = {word for text in texts for word in re.findall(r"\bWHY_([A-Z_]+)", text)}
    said |= {Cause(word).name for text in texts for word in re.findall(r"remember cause ([a-z-]+)", text)}
    assert said == {cause.name for cause in Cause}
    assert set(MEANINGS) == set(Cause)
    assert all(f"WHY_{cause.name}={cause.value}" in shell({"containers"}) for cause in Cause)
    assert {cause for cause in Cause if f"WHY_{cause.name}=" not in shell()} == set(OF_PARTS)
    assert fault("a word of a newer version") is Fault.UNCLEAR
    assert all("WHY_" not in documents.script(name) for name in documents._ON_DISK), "they are not told the words"


def test_what_is_not_there_is_the_releases_fault(machine) -> None:
    machine.set(missing=[release(2).image])
    status, line, _ = machine.send("prepare", machine.goal(release(2)))
    assert (status, line["cause"], machine.report["cause"]) == (1, Cause.IMAGE_MISSING, Cause.IMAGE_MISSING)
    lacking = release(3)
    lacking.secrets["SECRET_KEY_BASE"] = 9
    status, line, _ = machine.send("prepare", machine.goal(lacking))
    assert (status, line["cause"]) == (1, Cause.SECRET_MISSING)
    assert {fault(cause) for cause in (Cause.IMAGE_MISSING, Cause.SECRET_MISSING)} == {Fault.RELEASE}
    assert machine.running == release(1).image


def test_what_a_dependency_refuses_for_now_is_asked_for_again(machine) -> None:
    machine.set(throttled=2)
    status, line, text = machine.send("prepare", machine.goal(release(2)))
    assert (status, line["outcome"], line["cause"], machine.report["cause"]) == (0, "ok", None, None)
    assert text.count(Cause.REGISTRY_AWAY) == 2


def test_what_a_dependency_refuses_for_longer_than_is_stated_is_its_own_fault(machine) -> None:
    machine.set(throttled=9)
    patience = (f"HERMES_PATIENCE_S={documents.PATIENCE_S}", "HERMES_PATIENCE_S=1")
    status, line, _ = machine.send("prepare", machine.goal(release(2)), hurry=patience)
    assert (status, line["cause"], fault(line["cause"])) == (1, Cause.REGISTRY_AWAY, Fault.DEPENDENCY)


def test_a_container_that_ended_and_came_back_is_not_confirmed(machine) -> None:
    version = machine.goal(release(2))
    machine.deploy(version)
    machine.set(restarts=1)
    status, line, _ = machine.send("confirm", version)
    assert (status, line["cause"]) == (1, Cause.RESTARTED)
    machine.set(restarts=0)
    assert machine.send("confirm", version)[0] == 0


def test_a_container_that_restarts_after_it_was_confirmed_is_told_of(machine) -> None:
    version = machine.goal(release(2))
    machine.deploy(version)
    assert any(unit["unit"].startswith("hermes-prove-") for unit in machine.world["transient"])
    machine.send("confirm", version)
    machine.program("hermes-prove", "0")
    assert machine.report["cause"] is None
    machine.set(restarts=1)
    done = machine.program("hermes-prove", "60")
    assert done.returncode == 0, done.stderr
    assert (machine.report["release"], machine.report["cause"]) == ("r2", Cause.RESTARTED)
    machine.deploy(machine.goal(release(3)))
    assert machine.report["cause"] is None, "another deployment is another container"


def test_images_of_attempts_that_failed_go_before_the_disk_is_looked_at(machine) -> None:
    left = [release(number).image for number in (7, 8)]
    machine.set(images=[release(1).image, *left])
    machine.send("prepare", machine.goal(release(2)))
    assert set(machine.world["images"]) == {release(1).image, release(2).image}


@pytest.mark.parametrize("task", ["prepare", "deploy"])
def test_what_was_undone_since_is_done_again_under_the_same_operation(machine, task) -> None:
    version = machine.goal(release(2))
    send = machine.deploy if task == "deploy" else machine.send
    given = (version,) if task == "deploy" else (task, version)
    assert send(*given, operation="operation-again")[0] == 0
    calls = len(machine.calls)
    assert send(*given, operation="operation-again")[0] == 0
    assert len(machine.calls) - calls <= 3, "nothing is done twice"
    (machine.root / "opt/hermes/state/prepared").unlink(missing_ok=True)
    (machine.root / "opt/hermes/state/current-version").write_text("1")
    assert send(*given, operation="operation-again")[0] == 0
    state = machine.root / "opt/hermes/state"
    assert (state / ("prepared" if task == "prepare" else "current-version")).read_text() == str(version)


def test_what_a_failing_deployment_left_goes_before_the_next_and_what_runs_stays(machine) -> None:
    """neiliro/neiliro#232, dokku/dokku#7061: what cleans after success alone never cleans where deployments fail."""
    machine.set(ill=[release(2).image], images=[release(1).image, release(7).image, release(8).image])
    version = machine.goal(release(2))
    hurry = ("HERMES_START_TIMEOUT=5", "HERMES_START_TIMEOUT=1")
    assert machine.deploy(version, hurry=hurry)[1]["outcome"].startswith("failed")
    machine.send("prepare", machine.goal(release(5)))
    kept = set(machine.world["images"])
    assert {release(1).image, release(5).image} <= kept
    assert len(kept) <= 3, "what runs, the goal, and at most the one before"


@pytest.mark.parametrize(
    "value", ["\ta\t", " a b ", "#a=b", "a\tb", "'\"$x`", "", "ü", "a\t\t", " ${HOSTNAME} ", '"6"']
)
def test_a_value_reaches_the_container_as_it_is(machine, value) -> None:
    """docker/for-linux#99 (tabs), buildpacks/libcnb#6 (blanks), lf-edge/eve#3707 (quotes), Axway/agent-sdk#204."""
    odd = release(2)
    odd.variables["ODD"] = value
    machine.deploy(machine.goal(odd))
    assert f"ODD={value}\n" in machine.world["container"]["env"]


def test_user_data_has_room_left() -> None:
    assert len(documents.user_data(parse("")).encode()) < documents.USER_DATA_LIMIT
