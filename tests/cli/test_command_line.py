"""The command line as people and scripts meet it: loads little, ends as documented, says the next command."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_cfn.cli import GROUPS, VERBS, hermes, main
from hermes_cfn.errors import ExitCode

ROOT = Path(__file__).parents[2]
HEAVY = ("boto3", "botocore", "troposphere", "awacs", "cfnlint", "pandas", "numpy", "moto", "rich", "pydantic")


def typed(*words: str, cwd: Path | None = None, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """What a shell would do, with what this repository holds."""
    return subprocess.run(
        [sys.executable, "-m", "hermes_cfn", *words],
        capture_output=True,
        text=True,
        input=given,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        timeout=60,
    )


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom hermes_cfn.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert "Usage: hermes-cfn" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("verb", hermes.list_commands(click.Context(hermes)))
def test_every_verb_has_help_that_fits_its_line(verb):
    command = importlib.import_module(f"hermes_cfn.cli.{verb.replace('-', '_')}").command
    assert (command.help or "").strip()
    assert VERBS[verb][0] in GROUPS
    result = CliRunner().invoke(hermes, [verb, "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("verb", hermes.list_commands(click.Context(hermes)))
def test_help_of_a_verb_needs_no_cloud(verb):
    command = hermes.get_command(click.Context(hermes), verb)
    assert isinstance(command, click.Command)
    for name in getattr(command, "commands", {}):
        assert CliRunner().invoke(hermes, [verb, name, "--help"]).exit_code == 0


def test_exit_codes(tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[compute]\ncuont = 2\n")
    good = tmp_path / "hermes.toml"
    good.write_text("")
    assert exit_code("--help") == ExitCode.OK
    assert exit_code("--nonsense") == ExitCode.USAGE
    assert exit_code("nonsense") == ExitCode.USAGE
    assert exit_code("-c", str(wrong), "render") == ExitCode.USAGE
    assert exit_code("-c", str(tmp_path / "absent.toml"), "render") == ExitCode.USAGE
    assert exit_code("-c", str(good), "scale") == ExitCode.USAGE
    assert exit_code("-c", str(good), "render", "--check") == ExitCode.CHANGES
    assert exit_code("-c", str(good), "render") == ExitCode.OK
    assert exit_code("-c", str(good), "render", "--check") == ExitCode.OK


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_with_two_letters_swapped_is_suggested(verb, capsys):
    at = len(verb) - 2 if verb[-1] != verb[-2] else len(verb) - 3
    typo = verb[:at] + verb[at + 1] + verb[at] + verb[at + 2 :]
    assert exit_code(typo) == ExitCode.USAGE
    assert verb in capsys.readouterr().err


def test_an_error_is_said_with_its_line_and_the_next_step(tmp_path, capsys):
    wrong = tmp_path / "hermes.toml"
    wrong.write_text("[compute]\ncuont = 2\n")
    assert exit_code("-c", str(wrong), "render") == ExitCode.USAGE
    said = capsys.readouterr().err
    assert f"{wrong}:2" in said and "did you mean 'count'" in said and "Traceback" not in said


def test_a_verb_that_needs_a_cloud_says_how_to_get_one(tmp_path, monkeypatch, capsys):
    (tmp_path / "hermes.toml").write_text("")
    monkeypatch.setenv("HERMES_STATE", str(tmp_path / "state"))
    assert exit_code("-c", str(tmp_path / "hermes.toml"), "--local", "status") == ExitCode.REFUSED
    assert "next: hermes-cfn local start" in capsys.readouterr().err


def test_scale_edits_the_file_and_keeps_its_comments(tmp_path):
    path = tmp_path / "hermes.toml"
    path.write_text("[compute]\ncount = 2  # enough\n\n[environments.staging.compute]\ncount = 1\n")
    assert exit_code("-c", str(path), "scale", "--instances", "3", "--no-plan") == ExitCode.OK
    assert path.read_text().startswith("[compute]\ncount = 3  # enough\n")
    assert exit_code("-c", str(path), "--env", "staging", "scale", "--instances", "4", "--no-plan") == ExitCode.OK
    assert path.read_text().endswith("[environments.staging.compute]\ncount = 4\n")
    before = path.read_text()
    assert exit_code("-c", str(path), "scale", "--type", "t3.small", "--no-plan") == ExitCode.USAGE
    assert path.read_text() == before


def test_output_is_plain_when_it_is_no_terminal(tmp_path):
    (tmp_path / "hermes.toml").write_text("")
    assert typed("render", cwd=tmp_path).returncode == 0
    for env in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        done = typed("cost", cwd=tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_a_shell_can_complete_verbs():
    for shell in ("zsh", "fish"):
        assert "_HERMES_CFN_COMPLETE" in typed("completion", shell).stdout
    assert "_hermes_cfn_completion" in typed("completion", "bash").stdout
    done = typed(_HERMES_CFN_COMPLETE="bash_complete", COMP_WORDS="hermes-cfn rel", COMP_CWORD="1")
    assert {line.partition(",")[2] for line in done.stdout.split()} >= {"release"}


def test_the_doctor_says_what_the_file_says_also_where_nobody_may_ask_aws(tmp_path):
    (tmp_path / "hermes.toml").write_text('certificate.domain = "hermes.yourdomain.com"\n')
    done = typed("doctor", "--format", "json", cwd=tmp_path, AWS_EC2_METADATA_DISABLED="true", HOME=str(tmp_path))
    assert {"placeholder", "credentials-missing"} <= {one["code"] for one in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (1, "")


def test_a_closed_pipe_is_no_trace():
    done = subprocess.run(
        f"{sys.executable} -m hermes_cfn --help | head -c 1", shell=True, capture_output=True, text=True, cwd=ROOT
    )
    assert "Traceback" not in done.stderr


WORDS = st.lists(
    st.one_of(
        st.sampled_from([*VERBS, "--env", "--format", "json", "--yes", "--instances", "-1", "0", "--", "--since", "x"]),
        st.text(max_size=8).filter(lambda word: "\x00" not in word),
    ),
    max_size=5,
)
SAFE = {
    "render",
    "validate",
    "cost",
    "scale",
    "outputs",
    "whoami",
    "doctor",
    "logs",
    "init",
    "prices",
    "status",
    "lock",
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(sorted(SAFE)), words=WORDS)
def test_whatever_is_typed_ends_with_a_documented_code(tmp_path_factory, monkeypatch, verb, words):
    directory = tmp_path_factory.mktemp("typed")
    (directory / "hermes.toml").write_text("")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("HERMES_STATE", str(directory / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory))
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        with pytest.raises(SystemExit) as ended:
            main(["--local", verb, *words])
        said = (out.getvalue() + (err.getvalue() if err else b"")).decode(errors="replace")
    assert ended.value.code in set(ExitCode)
    assert "error: internal" not in said, said
    assert "Traceback" not in said


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just(float("nan"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["Ref", "Fn::Sub", "Fn::GetAtt", "Fn::If", "Fn::Join", "Type", "InstanceType", "x", ""]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "Resources": st.one_of(
            VALUES,
            st.dictionaries(
                st.text(max_size=6),
                st.one_of(
                    VALUES,
                    st.fixed_dictionaries(
                        {"Type": st.sampled_from(["AWS::EC2::Instance", "AWS::S3::Bucket", "AWS::Nobody::Knows", 7])},
                        optional={"Properties": VALUES, "Condition": VALUES, "DependsOn": VALUES},
                    ),
                ),
                max_size=3,
            ),
        ),
        "Parameters": VALUES,
        "Conditions": VALUES,
        "Mappings": VALUES,
        "Outputs": VALUES,
    },
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=60), TEMPLATES.map(json.dumps)))
def test_whatever_a_template_says_the_errors_are_ours(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("template") / "any.template.json"
    path.write_text(text, encoding="utf-8", newline="\n")
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        with pytest.raises(SystemExit) as ended:
            main(["cost", "--template", str(path)])
        said = (out.getvalue() + (err.getvalue() if err else b"")).decode(errors="replace")
    assert ended.value.code in set(ExitCode), said
    assert "error: internal" not in said and "Traceback" not in said, said


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(max_size=80),
        st.builds(
            lambda section, key, value: f"[{section}]\n{key} = {value}\n",
            st.sampled_from(
                ["application", "network", "compute", "service", "usage", "github", "environments.x.compute"]
            ),
            st.sampled_from(["name", "cidr", "count", "zones", "requests", "repository", "egress", "x"]),
            st.sampled_from(
                ['""', "-1", "true", "[]", "{}", '"a"', "1e400", "nan", '["eu-south-2a"]', "2026-01-01", "'é'"]
            ),
        ),
    )
)
def test_whatever_the_file_says_the_errors_are_ours(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("file") / "hermes.toml"
    path.write_text(text, encoding="utf-8", newline="\n")
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        with pytest.raises(SystemExit) as ended:
            main(["-c", str(path), "render", "--out", str(path.parent / "out")])
        said = (out.getvalue() + (err.getvalue() if err else b"")).decode(errors="replace")
    assert ended.value.code in {ExitCode.OK, ExitCode.USAGE}, said
    assert "error: internal" not in said, said


def leaves(group: click.Group, path: tuple[str, ...] = ()):
    """Every verb with its own verbs' names before it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join((*path, name)), command


NO_DATA = {
    **dict.fromkeys(("eject", "extras add", "init", "render", "scale"), "writes files; what it prints are their names"),
    **dict.fromkeys(("prices refresh", "image build", "image push", "local image", "local stop"), "acts"),
    **dict.fromkeys(("secrets set", "secrets restore", "secrets delete", "lock break"), "acts"),
    **dict.fromkeys(("run", "shell", "demo"), "shows what something else prints"),
    **dict.fromkeys(("image digest", "local database", "local env"), "prints one bare value, for a script"),
    "diagram": "is an SVG",
    "completion": "is a script",
    "approve": "asks a person on a terminal",
    "mcp": "speaks a protocol of its own, of JSON",
}
"""Verbs without ``--format``, and why."""


def test_a_verb_prints_json_or_has_no_data_to_print():
    formats = {
        name: next((p.type.choices for p in command.params if p.name == "form"), ()) for name, command in leaves(hermes)
    }
    assert {name for name, choices in formats.items() if "json" not in choices} == set(NO_DATA)


OFFLINE = (
    "validate",
    "cost",
    "plan",
    "doctor --offline",
    "prices show NatGateway",
    "prices diff snapshot guide",
    "prices commitments t4g.small",
    "local status",
)


@pytest.mark.parametrize("words", OFFLINE)
def test_what_is_read_is_one_json_document(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERMES_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "hermes.toml").write_text("")
    if words == "cost":
        assert CliRunner().invoke(hermes, ["render"]).exit_code == 0
    done = CliRunner().invoke(hermes, [*words.split(), "--format", "json"], catch_exceptions=False)
    assert json.loads(done.stdout) is not None


@pytest.mark.parametrize(
    "words",
    [
        "rehearse --rate 0", "rehearse --rate nan", "rehearse --rate 1e9", "rehearse --sockets -1", "rehearse --times 0",
        "rehearse --speed 0", "rehearse --speed inf", "local start --speed -1", "local start --port 70000",
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused_before_anything_starts(words, capsys):
    assert exit_code(*words.split()) == ExitCode.USAGE
    assert "--" in capsys.readouterr().err


def test_a_rehearsal_that_is_interrupted_does_not_say_that_it_goes_on(tmp_path, monkeypatch, capsys):
    from hermes_cfn.rehearse import run, sandbox

    def struck(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "Sandbox", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run, "first", struck)
    (tmp_path / "hermes.toml").write_text("")
    assert exit_code("--config", str(tmp_path / "hermes.toml"), "rehearse") == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted before anything was seen; the next rehearsal begins anew\n"
