"""Nothing that somebody else said moves the cursor of a terminal."""

import io
import json
import re
import sys
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from rich.text import Text

from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import tell
from hermes_cfn.errors import Finding

TITLE, CLEAR, C1, RETURN, BACK, TURNED = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[1;1H",
    "\x9b2J",
    "all well\rowned",
    "a\bb",
    "\u202egpj",
)
HOSTILE = (TITLE, CLEAR, C1, RETURN, BACK, TURNED, "\x00", "\x7f", "\x85", "\u2028", "\u2066", "\U000e0041", "\ufeff")
OURS = re.compile(r"\x1b\[[0-9;]*m")
"""Colours and weights, which are our own."""


def moves(text: str) -> list[str]:
    """What is left that a terminal acts on, once our own colours are taken away."""
    return [one for one in OURS.sub("", text) if one in "".join(map(chr, terminal._CONTROLS)) and one not in "\t\n"]


@given(st.text())
@example("".join(HOSTILE))
def test_any_text_is_plain_and_plain_text_is_itself(text):
    shown = terminal.plain(text)
    assert moves(shown) == []
    assert terminal.plain(shown) == shown
    if not moves(text) and "\x1b" not in text:
        assert shown == text


@given(st.text())
def test_json_stays_what_it_says(text):
    said = json.dumps({"text": text}, ensure_ascii=False)
    assert json.loads(terminal.plain(said))["text"] == text.translate(dict.fromkeys(range(917504, 917632)))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_finding_a_table_and_an_echo_do_not_move_the_cursor(hostile, capsys):
    for field in ("where", "what", "why", "evidence", "next"):
        tell(Finding("x", **{"where": "w", "what": "w", field: f"before {hostile} after"}), "red")
    console.put_table(f"title {hostile}", ("column",), [(f"cell {hostile}",)])
    terminal.echo(f"said {hostile}")
    terminal.secho(f"said {hostile}", fg="red")
    said = capsys.readouterr().out
    assert moves(said) == []
    assert said.count("after") == 5


@pytest.mark.parametrize("hostile", HOSTILE)
def test_on_a_terminal_rich_writes_colours_of_its_own_alone(hostile):
    out = io.StringIO()
    made = console.Plain(file=out, force_terminal=True, color_system="truecolor", width=120, highlight=False)
    made.print(console.table(hostile, ("column",), [(hostile,)]))
    made.print(Text(f"plain {hostile}", style="bold red"))
    made.print(f"said {hostile}", markup=False)
    assert moves(out.getvalue()) == []
    assert "\x1b[" in out.getvalue()


def test_a_log_line_of_a_visitor_is_shown_and_does_nothing(tmp_path):
    from datetime import UTC, datetime
    from types import SimpleNamespace

    from hermes_cfn.cli import hermes

    at = datetime(2026, 1, 1, tzinfo=UTC)
    line = SimpleNamespace(at=at, stream=f"i-1{TITLE}", text=f"GET / {TITLE}{CLEAR}", process=None)
    context = SimpleNamespace(now=line.at)
    with (
        mock.patch("hermes_cfn.cli.reach.deploy_context", lambda *_: context),
        mock.patch("hermes_cfn.flows.logs.lines", lambda *_: iter([line])),
    ):
        for form in ("text", "json"):
            said = CliRunner().invoke(hermes, ["logs", "--format", form], obj={}, color=True)
            assert said.exit_code == 0, said.output
            assert moves(said.output) == []
            assert "owned" in said.output
            if form == "json":
                assert json.loads(said.output)["text"] == line.text


def test_a_traceback_does_not_either(capsys):
    from hermes_cfn.cli import _traced

    try:
        raise ValueError(f"no {TITLE}")
    except ValueError:
        _traced(*sys.exc_info())
    assert moves(capsys.readouterr().err) == []
