"""Templates that somebody made to hang, fill or crash whoever looks at them end in one finding."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.cfn.template import Template
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
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from hermes_cfn.cli import main
main(["cost", "--template", *sys.argv[1:]])
"""


def priced(path, *more) -> subprocess.CompletedProcess:
    own = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([sys.executable, "-c", LIMITED, str(path), *more], capture_output=True, text=True, env=own, timeout=120)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_the_template_is_refused_or_read_and_nothing_else(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        found = Template.parse(HOSTILE[name])
        assert found.resources
    except HermesError as refused:
        assert [one.code for one in refused.findings] == ["template-invalid"]
        assert len(refused.findings[0].what) < 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 10


@pytest.mark.parametrize("name", ["deep json", "deep lists", "long number", "laughs", "condition", "too large"])  # fmt: skip
def test_the_bill_of_one_is_one_finding(name, tmp_path):
    file = tmp_path / "t"
    file.write_text(HOSTILE[name])
    done = priced(file)
    assert done.returncode == 1, done.stdout
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1, done.stderr
    assert "internal" not in done.stderr


@pytest.mark.parametrize("name", ["backtracking", "no pattern"])
def test_a_pattern_that_never_ends_is_one_finding(name, tmp_path):
    file = tmp_path / "t"
    file.write_text(HOSTILE[name])
    done = priced(file, "--parameter", f"P={'a' * 40}!")
    assert done.returncode == 1, done.stdout
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty", "/proc/self/mem", "/", "/nowhere"])
def test_what_is_no_file_is_said(path):
    done = priced(path)
    assert done.returncode in (1, 2), done.stdout
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1 or "Usage" in done.stderr, (
        done.stderr
    )
    assert "internal" not in done.stderr
