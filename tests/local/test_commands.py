"""States of commands, on a clock of the test's own ("Understanding command statuses", Systems Manager user guide)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hermes_cfn.local import wire
from hermes_cfn.local.services import commands as commands_module
from hermes_cfn.local.services.commands import Commands
from tests.local.virtual import Time

EXECUTION_S, DELIVERY_S = 600, 180


class Setting:
    """One instance, that hears commands or does not, and a command sent to it."""

    def __init__(self, monkeypatch, hears=True, **parameters):
        self.time, self.hears, self.ordered = Time(), hears, []
        monkeypatch.setattr(commands_module, "time", self.time)
        self.time.lock = SimpleNamespace(__enter__=lambda: None, __exit__=lambda *_: None)
        host = SimpleNamespace(order=lambda do, **values: self.ordered.append((do, values)))
        self.instance = SimpleNamespace(instance_id="i-1", region="r", dead=False, host=host)
        self.fleet = SimpleNamespace(instances={"i-1": self.instance})
        self.commands = Commands(None, self.fleet, self.time, lambda name, _: name == "ssm-silent" and not self.hears)
        wire.CALL.set(SimpleNamespace(region="r"))
        given = {"commands": ["true"], "executionTimeout": [str(EXECUTION_S)], **parameters}
        sent = self.commands.send_command(
            {
                "InstanceIds": ["i-1"],
                "DocumentName": "AWS-RunShellScript",
                "Parameters": given,
                "TimeoutSeconds": DELIVERY_S,
            }
        )
        self.command = sent["Command"]["CommandId"]

    @property
    def state(self):
        found = self.commands.get_command_invocation({"CommandId": self.command, "InstanceId": "i-1"})
        return found["Status"], found["StatusDetails"]

    def ends(self, status=0, **values):
        message = {
            "name": self.command,
            "status": status,
            "output": "",
            "errors": "",
            "timed_out": False,
            "cancelled": False,
        }
        self.fleet.on_command_ended("i-1", {**message, **values})


def test_pending_in_progress_and_the_ways_to_end(monkeypatch):
    for status, values, state in (
        (0, {}, ("Success", "Success")),
        (3, {}, ("Failed", "Failed")),
        (-9, {"timed_out": True}, ("TimedOut", "ExecutionTimedOut")),
        (-9, {"cancelled": True}, ("Cancelled", "Cancelled")),
    ):
        here = Setting(monkeypatch)
        assert here.state == ("Pending", "Pending")
        here.time.pass_(2)
        assert here.state == ("InProgress", "InProgress")
        here.ends(status, **values)
        assert here.state == state
        here.time.pass_(DELIVERY_S + EXECUTION_S)
        assert here.state == state


def test_what_is_not_heard_is_delayed_never_runs_later_and_times_out_when_the_total_timeout_is_over(monkeypatch):
    here = Setting(monkeypatch, hears=False)
    here.time.pass_(2)
    assert here.state == ("Delayed", "Delayed")
    here.time.pass_(DELIVERY_S + 10)
    here.hears = True
    here.time.pass_(EXECUTION_S - 20)
    assert here.state == ("Delayed", "Delayed")
    here.time.pass_(10)
    assert here.state == ("TimedOut", "DeliveryTimedOut")
    assert here.ordered == []
    listed = here.commands.list_commands({"CommandId": here.command})["Commands"][0]
    assert (listed["Status"], listed["DeliveryTimedOutCount"]) == ("TimedOut", 1)


def test_what_is_heard_late_but_in_time_runs(monkeypatch):
    here = Setting(monkeypatch, hears=False)
    here.time.pass_(60)
    here.hears = True
    here.time.pass_(10)
    assert here.state == ("InProgress", "InProgress")


def test_an_instance_that_goes_before_delivery_makes_it_undeliverable_and_during_it_nothing_is_heard(monkeypatch):
    here = Setting(monkeypatch, hears=False)
    here.time.pass_(2)
    here.fleet.instances.clear()
    here.commands.instance_gone("i-1")
    assert here.state == ("Failed", "Undeliverable")
    here = Setting(monkeypatch)
    here.time.pass_(2)
    here.fleet.instances.clear()
    here.commands.instance_gone("i-1")
    here.time.pass_(DELIVERY_S + EXECUTION_S - 10)
    assert here.state == ("InProgress", "InProgress")
    here.time.pass_(20)
    assert here.state == ("TimedOut", "DeliveryTimedOut")


def test_the_working_directory_reaches_the_instance(monkeypatch):
    here = Setting(monkeypatch, workingDirectory=["/opt"])
    here.time.pass_(2)
    (order,) = here.ordered
    assert (order[0], order[1]["directory"]) == ("run", "/opt")


@pytest.mark.parametrize("cancelled_after_s", [0, 2])
def test_cancelled_before_and_while_it_runs(monkeypatch, cancelled_after_s):
    here = Setting(monkeypatch)
    here.time.pass_(cancelled_after_s)
    here.commands.cancel_command({"CommandId": here.command})
    if cancelled_after_s:
        assert here.ordered[-1][0] == "cancel"
        here.ends(-9, cancelled=True)
    assert here.state == ("Cancelled", "Cancelled")


@pytest.mark.parametrize(
    ("pattern", "word", "runs"),
    [
        ("^[A-Za-z0-9+/]+={0,2}$", "xxxx", True),
        ("^[a-z]{4,8192}$", "xxxx", False),
        ("^(?=x)x$", "x", False),
        ("", "xxxx", True),
    ],
)
def test_a_pattern_that_the_agent_cannot_compile_runs_nothing(monkeypatch, pattern, word, runs):
    document = {
        **commands_module._RUN_SHELL_SCRIPT,
        "parameters": {
            **commands_module._RUN_SHELL_SCRIPT["parameters"],
            "word": {"type": "String", "default": word, "allowedPattern": pattern},
        },
    }
    monkeypatch.setattr(commands_module, "_RUN_SHELL_SCRIPT", document)
    here = Setting(monkeypatch)
    here.time.pass_(2)
    assert bool(here.ordered) is runs
    assert here.state == (("InProgress", "InProgress") if runs else ("Failed", "Failed"))


def test_outputs_are_cut_at_what_the_service_keeps_the_first_of_them(monkeypatch):
    here = Setting(monkeypatch)
    here.time.pass_(2)
    here.ends(0, output="o" * 30000, errors="e" * 30000)
    found = here.commands.get_command_invocation({"CommandId": here.command, "InstanceId": "i-1"})
    assert (len(found["StandardOutputContent"]), len(found["StandardErrorContent"])) == (24000, 8000)


def test_a_value_longer_than_the_document_allows_is_refused():
    document = {"parameters": {"Command": {"type": "String", "maxChars": 4}}}
    assert commands_module._given(document, {"Command": ["abcd"]}) == {"Command": "abcd"}
    with pytest.raises(commands_module.ServiceError):
        commands_module._given(document, {"Command": ["abcde"]})
