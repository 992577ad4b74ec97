"""Every fault that a rehearsal can ask for is a fault of the cloud, and behaves."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from hermes_cfn.local import control, fault_kinds
from hermes_cfn.rehearse import faults as rehearsed


@pytest.fixture(autouse=True)
def cleared(world):
    yield
    control.fault(world.state, "clear")


@pytest.fixture
def instance(world, fleet):
    world.until(lambda: list(world.states("shared").values()) == ["InService"] * 2)
    return sorted(world.states("shared"))[0]


def found(world, instance: str) -> dict:
    """What an application on ``instance`` finds in its faults file."""
    directory = world.control("instances")[instance]["directory"]
    return json.loads((Path(directory) / "root/run/faults.json").read_text())


def run(world, instance: str, *words: str) -> str:
    """Starts the stand-in beside the real one, on port 4100."""
    lines = [
        "docker rm -f beside >/dev/null 2>&1 || true",
        f"docker run -d --name beside -p $HERMES_BIND:4100:4000 {' '.join(words)} {world.names['images']['v1']} >/dev/null",
    ]
    assert world.command(instance, lines)["Status"] == "Success"
    return "curl -s -o /dev/null -w '%{http_code}' http://$HERMES_BIND:4100/health"


def says(world, instance: str, line: str) -> str:
    return world.command(instance, [line])["StandardOutputContent"].strip()


def test_what_rehearsals_know_the_cloud_knows():
    wanted = set(rehearsed.KINDS) - {rehearsed.DEPLOYER_DIES, rehearsed.FIRST_BAD} - rehearsed.BY_CALLS
    assert wanted == set(fault_kinds.KINDS) - {"clear"}


def test_faults_of_applications_add_up_until_they_are_cleared(world, instance):
    control.fault(world.state, "boots-slowly")
    control.fault(world.state, "migration-fails")
    assert {"boot_s", "migration_fails"} <= set(found(world, instance))
    control.fault(world.state, "clear")
    assert found(world, instance) == {}


def test_an_application_that_boots_slowly_or_never_or_fails_after_passing(world, instance):
    control.fault(world.state, "never-boots")
    health = run(world, instance)
    logs = "docker logs beside"
    world.until(lambda: "never comes" in says(world, instance, logs))
    assert says(world, instance, health) == "000"
    control.fault(world.state, "clear")
    control.fault(world.state, "boots-slowly")
    run(world, instance)
    world.until(lambda: says(world, instance, health) == "200")
    control.fault(world.state, "clear")
    control.fault(world.state, "turns-unhealthy")
    run(world, instance)
    world.until(lambda: says(world, instance, health) == "503")
    says(world, instance, "docker rm -f beside")


def test_a_migration_that_fails(world, instance):
    url = base64.b64encode(control.database(world.state).encode()).decode()
    control.fault(world.state, "migration-fails")
    line = f"docker run --rm -e DATABASE_URL=$(echo {url} | base64 -d) {world.names['images']['v1']} migrate"
    ended = world.command(instance, [line])
    assert (ended["ResponseCode"], ended["Status"]) == (1, "Failed")
    assert "the migration failed" in ended["StandardErrorContent"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("registry-throttles", "toomanyrequests"),
        ("registry-times-out", "Client.Timeout exceeded"),
        ("disk-full", "no space left on device"),
    ],
)
def test_an_image_that_cannot_be_pulled(world, instance, kind, message):
    """What passes by itself may have passed on a busy machine before the pull began: then it is tried again."""
    rounds = itertools.count()

    def refused():
        tag = f"{kind}-{next(rounds)}"
        image = control.push_image(world.state, "fleet", tag, env={"ROUND": tag})["reference"]
        control.fault(world.state, kind, instance)
        ended = world.command(instance, [f"docker pull {image}"])
        control.fault(world.state, "clear")
        return (ended, image) if ended["Status"] == "Failed" else None

    registry = world.names["images"]["v1"].partition("/")[0]
    login = f"aws ecr get-login-password | docker login --username AWS --password-stdin {registry}"
    assert world.command(instance, [f"{login} >/dev/null"])["Status"] == "Success"
    ended, image = world.until(refused, 60)
    assert message in ended["StandardErrorContent"]
    assert world.command(instance, [f"docker pull {image}"])["Status"] == "Success"


@pytest.mark.parametrize("kind", ["ssm-throttles", "ssm-times-out"])
def test_systems_manager_that_does_not_answer(world, kind):
    ssm = world.client("ssm")

    def refused():
        control.fault(world.state, kind)
        try:
            ssm.get_parameter(Name="/fleet/image")
        except (ssm.exceptions.ClientError, BotoCoreError) as problem:
            return str(problem)
        return ""

    said = world.until(refused)
    control.fault(world.state, "clear")
    assert ("ThrottlingException" in said) == (kind == "ssm-throttles")
    assert ssm.get_parameter(Name="/fleet/image")["Parameter"]["Version"] == 1


def test_a_lost_answer_is_of_a_call_that_was_carried_out(world):
    ssm = world.client("ssm")
    control.fault(world.state, "answer-lost")
    ssm.get_parameter(Name="/fleet/image")
    with pytest.raises(BotoCoreError):
        ssm.put_parameter(Name="/once", Value="x", Type="String")
    assert ssm.get_parameter(Name="/once")["Parameter"]["Value"] == "x"


def test_a_zone_that_is_gone_is_replaced_elsewhere(world, fleet, instance):
    zone = next(one["AvailabilityZone"] for one in world.group("shared")["Instances"] if one["InstanceId"] == instance)
    control.fault(world.state, "zone-gone", instance)
    world.until(lambda: instance not in world.states("shared"))
    world.until(lambda: list(world.health(fleet["target_group"]).values()) == ["healthy"] * 2)
    assert zone not in {one["AvailabilityZone"] for one in world.group("shared")["Instances"]}


def test_a_database_that_is_gone_ends_no_instance_and_service_is_back_with_it(world, fleet, instance):
    """With a ``/health`` that depends on it, health check type EC2, and the load balancer failing open meanwhile."""
    url = base64.b64encode(control.database(world.state).encode()).decode()
    image = world.names["images"]["v1"]
    members = sorted(world.states("shared"))
    for one in members:
        lines = [
            f"printf 'DATABASE_URL=%s\\n' \"$(echo {url} | base64 -d)\" >env",
            "docker rm -f app >/dev/null",
            f"docker run -d --name app --restart unless-stopped --env-file env -p $HERMES_BIND:4000:4000 {image}",
        ]
        assert world.command(one, lines)["Status"] == "Success"
    world.until(lambda: world.get(fleet["dns"], "/page?n=1")[0] == 200)
    control.fault(world.state, "database-outage")
    world.until(lambda: set(world.health(fleet["target_group"]).values()) == {"unhealthy"})
    assert world.get(fleet["dns"], "/page?n=1")[0] == 500
    assert world.get(fleet["dns"])[0] == 200
    assert world.states("shared") == dict.fromkeys(members, "InService")
    control.database(world.state, gone=False)
    world.until(lambda: set(world.health(fleet["target_group"]).values()) == {"healthy"})
    assert world.get(fleet["dns"], "/page?n=1")[0] == 200
    assert world.states("shared") == dict.fromkeys(members, "InService")


@pytest.mark.parametrize("kind", ["database-slow", "database-far"])
def test_a_database_that_is_slow_or_far_answers_later(world, instance, kind):
    url = base64.b64encode(control.database(world.state).encode()).decode()
    health = run(world, instance, f"-e DATABASE_URL=$(echo {url} | base64 -d)")
    world.until(lambda: says(world, instance, health) == "200")
    control.fault(world.state, kind)
    page = world.command(instance, ["curl -s http://$HERMES_BIND:4100/page?n=2"])["StandardOutputContent"]
    assert float(page.split()[3]) >= 2 * (0.99 if kind == "database-slow" else fault_kinds.FAR_MS / 1010)
    says(world, instance, "docker rm -f beside")
