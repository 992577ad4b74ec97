"""An application that breaks a rule of docs/application.md: ``doctor`` says which."""

import time
from contextlib import contextmanager

import pytest

from hermes_cfn.instance import documents
from hermes_cfn.local import control
from tests.stories.conftest import Cloud

pytestmark = pytest.mark.long
CONFIGURATION = """
[application]
start_timeout_s = 5
stop_timeout_s = 1
[compute]
count = 1
[release]
batch = 1
canary = 1
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("rules"))
    try:
        made.deploy(CONFIGURATION)
        yield made
    finally:
        made.stop()


def found(cloud) -> set[str]:
    return {one["code"] for one in cloud.json("doctor", codes=(0, 1))}


def instance(cloud) -> str:
    return cloud.type("outputs instance_ids").strip()


@contextmanager
def behaving(cloud, **how):
    """The application as it runs now behaves so."""
    cloud.fault(instance=instance(cloud), application=how)
    yield
    cloud.fault(instance=instance(cloud), application={})


def restart(cloud, name: str) -> None:
    """The release that runs is started again, as an emergency rollback does it; whether it answers or not."""
    ssm, one = cloud.client("ssm"), instance(cloud)
    version = ssm.get_parameter(Name="/hermes/production/release/goal")["Parameter"]["Version"]
    command = ssm.send_command(
        DocumentName="hermes-production-rollback",
        InstanceIds=[one],
        Parameters=documents.call("rollback", f"again-{name}", 99, version),
    )["Command"]["CommandId"]
    for _ in range(240):
        (invocation,) = ssm.list_command_invocations(CommandId=command)["CommandInvocations"] or [{"Status": "Pending"}]
        if invocation["Status"] not in ("Pending", "InProgress"):
            return
        time.sleep(0.25)
    raise AssertionError("the document does not end")


def test_a_health_path_that_redirects(cloud):
    with behaving(cloud, health=301):
        assert "health-redirects" in found(cloud)


def test_a_health_path_that_asks_the_database(cloud):
    control.database(cloud.state, gone=True)
    try:
        assert "health-needs-database" not in found(cloud)
        with behaving(cloud, health_needs_database=True):
            assert "health-needs-database" in found(cloud)
    finally:
        control.database(cloud.state, gone=False)


def test_links_to_where_no_user_gets(cloud):
    with behaving(cloud, redirects_to="http://localhost:4000/login"):
        assert "host-ignored" in found(cloud)


def test_https_that_is_not_seen_behind_the_load_balancer(cloud):
    with behaving(cloud, redirects_to="https://hermes.yourdomain.com/"):
        assert "scheme-ignored" in found(cloud)


def test_a_container_that_has_to_be_killed(cloud):
    assert not {"stop-ignored", "start-failed", "application-listens-locally"} & found(cloud)
    with behaving(cloud, ignores_stop=True):
        restart(cloud, "deaf")
    assert "stop-ignored" in found(cloud)
    restart(cloud, "well")
    assert not {"stop-ignored", "health-silent"} & found(cloud)


def test_a_container_that_only_hears_itself(cloud):
    with behaving(cloud, listens_on="127.0.0.1"):
        restart(cloud, "loopback")
    assert {"application-listens-locally", "health-silent", "start-failed"} <= found(cloud)
