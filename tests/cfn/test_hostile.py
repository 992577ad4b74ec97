"""Templates that somebody made to hang, fill or crash whoever looks at them end in one finding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.cfn.template import Template
from hermes_cfn.cli import main
from hermes_cfn.errors import HermesError

TOPIC = '"Resources": {"A": {"Type": "AWS::SNS::Topic"}}'
LAUGHS = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))])  # fmt: skip
HOSTILE = {
    "deep json": "{" + '"a": {' * 100_000, "deep json whole": '{"a":' * 5000 + "1" + "}" * 5000, "deep lists": "[" * 100_000,
    "deep yaml": "- " * 20_000 + "x", "deep flow": "a: " + "[" * 20_000, "deep yaml maps": "\n".join(" " * n + f"a{n}:" for n in range(300)),
    "long number": '{"a": ' + "9" * 6000 + "}", "long number in yaml": "a: " + "9" * 6000, "huge power": '{"a": 1e999999}',
    "not a number": '{"a": NaN}', "infinite": "a: .inf", "hexadecimal": "a: 0x" + "f" * 9000, "sixties": "a: 1" + ":59" * 3000,
    "laughs": f"Resources:\n  A: {{Type: 'AWS::SNS::Topic'}}\n{LAUGHS}", "itself": "a: &a [*a]", "itself in a map": "Resources: &a {A: *a}",
    "python": "a: !!python/object/apply:os.system [id]", "binary": "a: !!binary zzz!", "set": "a: !!set {x}", "omap": "a: !!omap [x]",
    "tag": "a: !<tag:evil> x", "too large": "{" + TOPIC + ' , "Description": "' + "x" * 1_100_000 + '"}', "nothing": "", "nul": "\0",
    "surrogate": '{"a": "\\ud800"}', "merge": "<<: x", "key": "? [a, b]\n: c", "two": "a: 1\n---\nb: 2", "tab": "\ta: 1",
    "condition": "{" + TOPIC + ', "Conditions": {"C": {"Fn::Not": [{"Condition": "C"}]}}}',
    "conditions": "{" + TOPIC + ', "Conditions": {"C": {"Fn::Not": [{"Condition": "D"}]}, "D": {"Fn::Or": [{"Condition": "C"}, {"Condition": "C"}]}}}',
    "backtracking": "{" + TOPIC + ', "Parameters": {"P": {"Type": "String", "Default": "' + "a" * 40 + '!", "AllowedPattern": "(a+)+$"}}}',
    "no pattern": "{" + TOPIC + ', "Parameters": {"P": {"Type": "String", "Default": "a", "AllowedPattern": "(a"}}}',
}  # fmt: skip
DEVICES = {name: Path(f"/dev/{name}") for name in ("zero", "null", "tty")}
PLAIN = "{" + TOPIC + "}"
VERBS = {
    "cost": ["cost", "--template", "FILE"],
    "cost of a parameter": ["cost", "--template", "FILE", "--parameter", f"P={'a' * 40}!"],
    "cost diff": ["cost", "diff", "FILE", "FILE"],
    "validate": ["validate", "FILE"],
}
"""Every verb that reads a template of somebody else; ``diagram``, ``render`` and ``plan`` read none."""

SAYS_MORE = {"set", "surrogate", "nothing", "backtracking", "no pattern"}
"""Templates that can be looked at: cfn-lint has one finding or more, and a bill does not need the pattern."""

SECONDS, MIB = 2.0, 300


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_reads_a_template_ends_with_a_finding_in_little_time_and_memory(verb, tmp_path):
    """Each in a process of its own: seconds of a processor beyond those of a plain template, and memory at its highest."""
    files = {"plain": tmp_path / "plain.yaml"}
    for number, (name, text) in enumerate({"plain": PLAIN, **HOSTILE}.items()):
        files[name] = tmp_path / f"{number}.yaml"
        files[name].write_text(text, encoding="utf-8", errors="surrogatepass")
    files |= DEVICES
    own = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(Path(__file__).with_name("look.py")), *VERBS[verb], "--", *map(str, files.values())]
    done = subprocess.run(command, capture_output=True, text=True, env=own, timeout=600)
    ends = dict(zip(files, map(json.loads, done.stdout.splitlines()), strict=True))
    plain = ends.pop("plain")
    assert plain["status"] == (1 if "--parameter" in VERBS[verb] else 0), plain
    for name, end in ends.items():
        assert end["status"] in ((0, 1) if name in SAYS_MORE else (1,)), (name, end)
        assert end["errors"] == 1 or name in SAYS_MORE, (name, end)
        assert "internal" not in end["said"] and "Traceback" not in end["said"], (name, end)
        assert end["seconds"] - plain["seconds"] < SECONDS, (name, end)
        assert end["mib"] < MIB, (name, end)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_template_is_refused_or_read_and_nothing_else(name):
    try:
        found = Template.parse(HOSTILE[name])
        assert found.resources
    except HermesError as refused:
        assert [one.code for one in refused.findings] == ["template-invalid"]
        assert len(refused.findings[0].what) < 1000


@pytest.mark.parametrize("path", ["/proc/self/mem", "/", "/nowhere"])
@pytest.mark.parametrize("verb", ["cost", "validate"])
def test_what_is_no_file_is_said(path, verb, capsys):
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main([path if word == "FILE" else word for word in VERBS[verb]]))
    said = capsys.readouterr().err
    assert end.value.code in (1, 2)
    assert sum(line.startswith("error: ") for line in said.splitlines()) == 1 or "Usage" in said, said
    assert "internal" not in said
