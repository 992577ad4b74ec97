"""Who is asked before something is done: a person at a terminal always; elsewhere ``--yes`` says it, or the cloud is the embedded one."""

from types import SimpleNamespace

import click
import pytest

from hermes_cfn.cli import console, deploy, terminal
from hermes_cfn.errors import HermesError


@pytest.mark.parametrize(
    ("yes", "at_terminal", "local", "ends"),
    [
        (True, True, False, "done"),
        (True, False, False, "done"),
        (False, True, False, "asked"),
        (False, True, True, "asked"),
        (False, False, True, "done"),
        (False, False, False, "not-agreed"),
    ],
)
def test_who_is_asked(monkeypatch, yes, at_terminal, local, ends):
    def confirm(*_, **__):
        raise click.Abort

    settings = SimpleNamespace(environment=SimpleNamespace(name="production"))
    monkeypatch.setattr(console, "context", lambda: SimpleNamespace(local=local, settings=lambda: settings))
    monkeypatch.setattr(terminal, "confirm", confirm)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: at_terminal))
    try:
        deploy.agree(yes, "release")
        ended = "done"
    except click.Abort:
        ended = "asked"
    except HermesError as refused:
        ended = refused.findings[0].code
    assert ended == ends
