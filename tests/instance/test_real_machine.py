"""User data, units and documents unmodified on a machine whose process 1 is systemd: one story.

Docker, the AWS command line and the package manager are the stubs of :mod:`machine`; systemd, bash, flock, Python and the
rest are Debian's own.
"""

import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from hermes_cfn.instance import documents


def _beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


nspawn, machine_module = _beside("nspawn"), _beside("machine")
release = machine_module.release
RETURN = ("HERMES_RETURN_S=60", "HERMES_RETURN_S=4")


class Real(machine_module.Machine):
    """Runs what :class:`Machine` runs inside of a booted machine; the stubs' world is shared with it."""

    def __init__(self, directory):
        super().__init__(directory)
        stubs = directory / "stubs"
        for name in ("systemctl", "systemd-run", "sleep", "python3", "logger"):
            (stubs / name).unlink()
        for stub in stubs.iterdir():
            stub.write_text("#!/usr/bin/python3 -S\n" + stub.read_text().partition("\n")[2])
        self.booted = nspawn.Booted(f"hermes-story-{os.getpid()}", directory)
        self.environment = {
            "PATH": f"{stubs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "STUB_WORLD": str(self.world_file),
        }
        self.root = self.booted.root
        (self.root / "etc/systemd/system/docker.service").write_text(
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
        )
        self.prepare()

    def prepare(self):
        """What every service finds in its environment, as long as this systemd runs."""
        words = " ".join(f"{name}={value}" for name, value in self.environment.items())
        assert self.booted.run(f"systemctl daemon-reload && systemctl set-environment {words}").returncode == 0

    def script(self, text, *arguments):
        return self.booted.run(text, self.environment)

    def boot(self):
        return self.script(documents.user_data(self.settings).replace(*RETURN))

    def is_active(self, unit):
        return self.booted.run(f"systemctl is-active {unit}").stdout.strip()

    def until(self, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.booted.run("journalctl --no-pager -n 60").stdout
            time.sleep(0.3)


@pytest.fixture
def machine(tmp_path):
    if why := nspawn.missing():
        pytest.skip(f"no machine with a real systemd: {why}")
    made = Real(tmp_path)
    yield made
    made.booted.end()


def test_a_life_on_a_real_systemd(machine):
    machine.set(refused={"autoscaling complete-lifecycle-action": 1})
    done = machine.boot()
    assert done.returncode == 0, done.stderr
    assert [machine.is_active(unit) for unit in ("hermes", "hermes-watch")] == ["active", "active"]
    assert machine.report["state"] == "running"
    assert len([call for call in machine.calls if call.endswith("CONTINUE")]) == 2

    first = machine.goal(release(2))
    assert machine.send("prepare", first, hurry=RETURN)[0] == 0
    machine.set(refused={"autoscaling exit-standby": 1})
    assert machine.deploy(first, hurry=RETURN)[0] == 0
    assert machine.running == release(2).image
    machine.until(lambda: machine.world["lifecycle"] == "InService")  # nobody confirmed, and the first try was refused
    assert machine.running == release(1).image

    second = machine.goal(release(3))
    assert machine.deploy(second, operation="second-deploy")[0] == 0
    unit = (machine.root / "opt/hermes/state/return-unit").read_text()
    assert machine.is_active(f"{unit}.timer") == "active"
    assert machine.send("confirm", second)[0] == 0
    assert machine.is_active(f"{unit}.timer") == "inactive"

    machine.set(ill=[release(4).image], lifecycle="InService")
    assert machine.deploy(machine.goal(release(4)), operation="third-deploy")[0] == 1
    assert machine.running == release(3).image
    line = machine.send("diagnose")[1]
    assert (line["failed"]["release"], line["systemd"]) == ("r4", {"hermes": "active", "hermes-watch": "active"})

    assert machine.send("run", command="sleep 60 >/dev/null 2>&1 & exit 0")[0] == 0
    assert machine.send("run", command="echo said")[2].startswith("said")

    machine.set(lifecycle="InService")
    assert machine.booted.run("systemctl restart hermes").returncode == 0
    assert machine.running == release(1).image, "stable"
    assert machine.is_active("hermes-watch") == "active"
    before = len(machine.calls)
    machine.booted.power_off()
    stopped = [call for call in machine.calls[before:] if call.startswith("docker stop")]
    assert stopped and machine.running is None, "it leaves in order, and nobody had restarted it before"


def test_a_boot_that_fails_gives_the_instance_up(machine):
    machine.set(ill=[release(1).image])
    assert machine.boot().returncode != 0
    assert machine.is_active("hermes") == "failed"
    assert [call for call in machine.calls if call.endswith("ABANDON")]
    told = (machine.root / "var/log/cloud-init-output.log").read_text()
    assert "no healthy answer" in told, "the boot's log has what the unit said"


def test_the_units_are_what_systemd_reads(machine):
    assert machine.boot().returncode == 0
    done = machine.booted.run(
        "systemd-analyze verify /etc/systemd/system/hermes.service /etc/systemd/system/hermes-watch.service"
    )
    assert (done.returncode, done.stderr) == (0, "")
