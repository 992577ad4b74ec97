"""Seven ways in which a new release fails on its first instance: it is rolled back, and its record says why."""

import json

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.rehearse.tally import LoadProcess

pytestmark = pytest.mark.long

QUICK = "[application]\nstart_timeout_s = 6\nmemory_mib = 256\nmigrate = []\n"

WAYS = {
    "crash at start": (["--variable", "CRASHES=yes"], ["the application crashes at start", '"exit_code": 1']),
    "missing variable": (["--variable", "NEEDS=MAIL_URL"], ["environment variable MAIL_URL is missing"]),
    "database refused": (["--variable", "HEALTH_NEEDS_DATABASE=yes"], ['"status": "503"', "ConnectionRefusedError"]),
    "redirect on the health path": (["--variable", "HEALTH_STATUS=302"], ['"status": "302"']),
    "wrong port": (["--variable", "PORT=4999"], ["listens on port 4999", '"health": "none"']),
    "out of memory": (["--variable", "EATS_MIB=600"], ['"oom_killed": true']),
    "wrong architecture": (["--directory", "elsewhere"], ["exec format error"]),
}

ELF_OF_ANOTHER_MACHINE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x16\x00\x01" + bytes(43)
"""The head of a program for the System/390 (elf(5)), which no machine here runs, whatever its image says."""


@pytest.fixture(scope="module")
def quick(cloud):
    """Two instances on v1 that give a release six seconds to start."""
    (cloud.directory / "hermes.toml").write_text(QUICK)
    (cloud.directory / "elsewhere").mkdir()
    (cloud.directory / "elsewhere" / "run").write_bytes(ELF_OF_ANOTHER_MACHINE)
    (cloud.directory / "elsewhere" / "run").chmod(0o755)
    cloud.type("deploy --yes")
    return cloud


def test_an_image_that_says_itself_that_it_is_of_another_architecture_is_refused_before_anything(quick) -> None:
    """Also one without an index, as docker build pushes it: its configuration says."""
    quick.type("local image other --architecture x86_64")
    said = quick.type("plan --image other", codes=(ExitCode.FAILED,))
    assert "the image is for amd64, t4g.small runs arm64" in said, said
    for verb in ("release", "deploy"):
        quick.type(f"{verb} --image other --yes", codes=(ExitCode.REFUSED, ExitCode.FAILED))
    assert "other" not in [one["tag"] for one in quick.json("releases")]


@pytest.mark.parametrize("way", WAYS)
def test_the_reason_is_kept_with_the_release_that_failed(quick, way: str) -> None:
    tag, (options, evidence) = way.replace(" ", "-"), WAYS[way]
    quick.type(["local", "image", tag, *options])
    gone = way == "database refused"
    if gone:
        quick.fault(kind="database-gone")
    try:
        said = quick.type(f"release --image {tag} --yes", codes=(ExitCode.ROLLED_BACK,))
    finally:
        if gone:
            control.fault(quick.state, "clear")
    kept = next(one for one in quick.json("releases") if one["tag"] == tag)
    record = json.loads(quick.type(f"releases show {kept['id']} --format json"))
    told = json.dumps(record["diagnosis"])
    assert all(words in told for words in evidence), (told, said)
    assert [line["what"] for line in record["history"]][-2:] == ["failed", "rolled back"]
    assert "story-secret_key_base" not in told


def test_a_canary_that_fails_more_often_than_the_others_is_rolled_back(cloud) -> None:
    """Under real traffic, by the counts of the instances' own request logs."""
    bakes = "[release]\ncanary_s = 60\nreturn_after_s = 3600\ncanary_requests = 60\n[env]\nREQUEST_LOG = 'yes'\n"
    (cloud.directory / "hermes.toml").write_text(QUICK + bakes)
    cloud.type("deploy --yes")
    cloud.type(["local", "image", "worse", "--variable", "ERROR_SHARE=0.5"])
    (addresses,) = control.status(cloud.state).load_balancers.values()
    load = LoadProcess(addresses["https"], server_name="localhost", tls=True, rate=60, at_most_s=120)
    try:
        cloud.type("release --image worse --yes", codes=(ExitCode.ROLLED_BACK,))
    finally:
        load.stop()
    kept = next(one for one in cloud.json("releases") if one["tag"] == "worse")
    record = json.loads(cloud.type(f"releases show {kept['id']} --format json"))
    assert [line["what"] for line in record["history"]][-2:] == ["failed", "rolled back"]
    assert "the canary fails more often" in record["history"][-2]["detail"]
