"""Which release is an anchor: one that new instances can start."""

from types import SimpleNamespace

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.fleet import preconditions
from hermes_cfn.instance.release import Release

PROCESSES = "[processes.worker]\ncommand = ['work']\n"


@pytest.mark.parametrize(
    ("says", "settings", "anchor"),
    [
        ({}, "", True),
        ({"processes": {"worker": {"command": ["work"]}}}, "", True),
        ({"processes": {"worker": {"command": ["work"]}}}, PROCESSES, True),
        ({"container": {"command": ["serve"]}}, "", False),
        ({"container": {"command": ["serve"]}}, PROCESSES, True),
    ],
)
def test_a_release_whose_processes_are_gone_still_boots_its_web_process(monkeypatch, says, settings, anchor):
    monkeypatch.setattr(preconditions, "bootable", lambda *_: iter(()))
    stable = Release("r1", "registry/app@sha256:" + "0" * 64, "v1", {}, {}, **says)
    assert preconditions.boots(SimpleNamespace(settings=parse(settings)), stable, None) is anchor
