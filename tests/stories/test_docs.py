"""What the documentation shows is typed as it stands, and what is printed is compared.

A block ```console after ``<!-- runnable -->`` (needs nothing) or ``<!-- runnable: local -->`` (needs the
embedded cloud) is run: lines with ``$`` are typed, those below are what must be printed.  ``…`` stands
for anything within a line, and for any number of lines where it stands alone.
"""

import importlib.util
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- runnable(?P<local>: local)? -->\n```console\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Step:
    command: str
    expected: str
    local: bool


def steps(page: Path) -> Iterator[Step]:
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            yield Step(command, expected, bool(block["local"]))


def pattern(expected: str) -> str:
    lines = []
    for line in expected.splitlines():
        lines.append(r"(?:.*\n)*?" if line == "…" else r".*?".join(map(re.escape, line.split("…"))) + r"[ ]*\n")
    return "".join(lines)


@pytest.fixture
def shell(tmp_path):
    """A directory, and a way to type in it, with ``hermes-cfn`` and ``python`` of this checkout."""
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / "hermes-cfn"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m hermes_cfn "$@"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    place = tmp_path / "here"
    place.mkdir()
    env = {
        **os.environ,
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HERMES_STATE": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def type_(command: str, at_most_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=place,
            env=env,
            capture_output=True,
            text=True,
            timeout=at_most_s,
        )

    yield type_
    type_("hermes-cfn local stop --reset")


def follow(shell, page: Path, local: bool) -> int:
    done = 0
    for step in steps(page):
        if step.local and not local:
            continue
        ended = shell(step.command)
        assert ended.returncode == 0, f"$ {step.command}\n{ended.stdout}{ended.stderr}"
        assert re.fullmatch(pattern(step.expected), ended.stdout or "\n"), f"$ {step.command}\n{ended.stdout}"
        done += 1
    return done


def test_the_tutorial_is_true_without_a_cloud(shell):
    assert follow(shell, ROOT / "docs/tutorial.md", local=False) >= 5


def test_the_tutorial_is_true(shell):
    assert follow(shell, ROOT / "docs/tutorial.md", local=True) >= 15


def test_a_pattern_means_what_it_says():
    assert re.fullmatch(pattern("a\n…\nb … d\n"), "a\nx\ny\nb c d\n")
    assert not re.fullmatch(pattern("a\nb\n"), "a\nx\nb\n")


def test_the_reference_is_fresh():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "next: python docs/make_reference.py"


@pytest.mark.parametrize("page", sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]), ids=lambda page: page.name)
def test_every_verb_that_is_named_exists(page):
    from hermes_cfn.cli import VERBS

    text = page.read_text(encoding="utf-8")
    for words in re.findall(
        r"(?:hermes-cfn|python -m hermes_cfn) ((?:--?[a-z]+(?: (?:[a-z]+|NAME|FILE))? )*[a-z][a-z-]+)", text
    ):
        named = [word for word in words.split() if not word.startswith("-")]
        assert set(named) & set(VERBS), f"{page.name}: hermes-cfn {words}"
