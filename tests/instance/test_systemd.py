"""What the scripts rely on in systemd: the same table on the stand-in and, where it can boot, on a real one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.local.fleet import shims

_spec = importlib.util.spec_from_file_location("nspawn", Path(__file__).with_name("nspawn.py"))
nspawn = importlib.util.module_from_spec(_spec)
sys.modules["nspawn"] = nspawn
_spec.loader.exec_module(nspawn)

SOON = "--timer-property=AccuracySec=100ms --on-active=1"
UNITS = '"$HERMES_ROOT/etc/systemd/system'
CASES = {
    "a name whose run failed stays taken": (
        f"systemd-run -q --unit=one {SOON} /bin/false; sleep 4; systemctl is-active one.service;"
        f" systemd-run -q --unit=one {SOON} /bin/true; echo $?",
        "failed 1",
    ),
    "reset-failed frees the name": (
        f"systemd-run -q --unit=one {SOON} /bin/false; sleep 4; systemctl reset-failed one.service;"
        f" systemd-run -q --unit=one {SOON} /bin/true; echo $?",
        "0",
    ),
    "a failed run that is collected frees the name": (
        f"systemd-run -q --collect --unit=two {SOON} /bin/false; sleep 4; systemctl is-active two.service;"
        f" systemd-run -q --collect --unit=two {SOON} /bin/true; echo $?",
        "inactive 0",
    ),
    "a run that went well frees the name": (
        f"systemd-run -q --unit=three {SOON} /bin/true; sleep 4; systemd-run -q --unit=three {SOON} /bin/true; echo $?",
        "0",
    ),
    "a timer that waits has its name": (
        "systemd-run -q --unit=four --on-active=500 /bin/true; systemd-run -q --unit=four --on-active=500 /bin/true; echo $?;"
        " systemctl stop four.timer; systemd-run -q --unit=four --on-active=500 /bin/true; echo $?",
        "1 0",
    ),
    "a unit that runs from a file has its name": (
        f"printf '[Service]\\nExecStart=/bin/sleep 100\\n' >{UNITS}/five.service\"; systemctl daemon-reload;"
        " systemd-run -q --unit=five /bin/true; echo $?",
        "1",
    ),
    "too many starts within ten seconds end it": (
        f"printf '[Service]\\nRestart=always\\nExecStart=/bin/false\\n' >{UNITS}/six.service\"; systemctl daemon-reload;"
        " systemctl start six; sleep 6; systemctl is-active six",
        "failed",
    ),
    "a pause between starts keeps it trying": (
        f"printf '[Service]\\nRestart=always\\nRestartSec=15\\nExecStart=/bin/false\\n' >{UNITS}/seven.service\";"
        " systemctl daemon-reload; systemctl start seven; sleep 4; systemctl is-active seven",
        "activating",
    ),
    "on-failure does not start again what went well": (
        f"printf '[Service]\\nRestart=on-failure\\nExecStart=/bin/true\\n' >{UNITS}/eight.service\"; systemctl daemon-reload;"
        " systemctl start eight; sleep 3; systemctl is-active eight",
        "inactive",
    ),
    "OnFailure starts another": (
        f"printf '[Unit]\\nOnFailure=told.service\\n[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' >{UNITS}/nine.service\";"
        " printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n'"
        f' >{UNITS}/told.service"; systemctl daemon-reload; systemctl start nine; echo $?; sleep 2; systemctl is-active told',
        "1 active",
    ),
    "ExecStop runs for what systemd started": (
        f'printf "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\nExecStop=/bin/touch $HERMES_ROOT/run/left\\n"'
        f' >{UNITS}/ten.service"; systemctl daemon-reload; systemctl stop ten; test -e "$HERMES_ROOT/run/left"; echo $?;'
        ' systemctl start ten; systemctl stop ten; test -e "$HERMES_ROOT/run/left"; echo $?',
        "1 0",
    ),
    "append: writes behind what is there": (
        f'printf "[Service]\\nType=oneshot\\nStandardOutput=append:$HERMES_ROOT/run/out\\nStandardError=inherit\\n'
        f'ExecStart=/bin/ls /nowhere\\n" >{UNITS}/eleven.service"; systemctl daemon-reload;'
        ' echo first >"$HERMES_ROOT/run/out"; systemctl start eleven; echo $?;'
        ' head -n 1 "$HERMES_ROOT/run/out"; grep -c /nowhere "$HERMES_ROOT/run/out"',
        "1 first 1",
    ),
    "what is not there": ("systemctl start nobody; echo $?", "5"),
}


@pytest.fixture(params=["stand-in", "real"])
def machine(request, tmp_path):
    if request.param == "real":
        if why := nspawn.missing():
            pytest.skip(f"no machine with a real systemd: {why}")
        booted = nspawn.Booted(f"hermes-{os.getpid()}")
        request.addfinalizer(booted.end)
        return lambda script: booted.run(script).stdout
    shims.write(tmp_path / "shims", False, 1.0, 0.0)
    return lambda script: stand_in(tmp_path, script)


def stand_in(directory, script):
    """What a script says on an instance of the embedded cloud, at real speed."""
    configuration = {
        "root": str(directory / "root"), "instance_id": "i-1", "address": "127.0.0.1", "own_ports": False,
        "shims": str(directory / "shims"), "architecture": "arm64", "speed": 1, "patience": 0, "metadata": {}, "user_data": "",
    }  # fmt: skip
    (directory / "root/etc/systemd/system").mkdir(parents=True, exist_ok=True)
    order = {"do": "run", "name": "case", "text": f"#!/bin/bash\n{script}\n", "timeout_s": 110}
    agent = subprocess.Popen(
        [str(shims.interpreter()), "-S", "-m", "hermes_cfn.local.fleet.agent"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory, text=True, start_new_session=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.defpath},
    )  # fmt: skip
    try:
        agent.stdin.write("".join(json.dumps(one) + "\n" for one in (configuration, order)))
        agent.stdin.flush()
        for line in agent.stdout:
            said = json.loads(line)
            if said["event"] == "ended":
                return said["output"]
        raise AssertionError("the agent ended")
    finally:
        agent.stdin.close()
        agent.wait(60)


@pytest.mark.parametrize("case", CASES)
def test_systemd_does(machine, case):
    script, expected = CASES[case]
    assert machine(script).split() == expected.split()
