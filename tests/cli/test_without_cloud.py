"""A production installation has no embedded cloud: whatever wants one ends in one finding."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn.cli import main
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.local import control
from hermes_cfn.local.options import Options

VERBS = (
    ("local", "start"),
    ("local", "status"),
    ("local", "stop"),
    ("local", "env"),
    ("local", "database"),
    ("local", "image", "v1"),
    ("deploy", "--local", "--yes"),
    ("plan", "--local"),
    ("status", "--local"),
    ("demo",),
    ("rehearse",),
)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(control, "SERVERS", ("hermes_cloud_is_not_here.server", "hermes_cfn.not_here"))
    monkeypatch.setenv("HERMES_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(__file__).parents[2] / "hermes.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_one_finding_says_what_to_install(words: tuple[str, ...], without: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["hermes-cfn", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.REFUSED
    assert capsys.readouterr().err.count("pip install 'hermes-cfn[local]'") == 1
    assert not (without / "state").exists()


def test_its_help_is_there(without: Path, monkeypatch) -> None:
    from hermes_cfn.cli.local import command

    assert CliRunner().invoke(command, ["start", "--help"]).exit_code == 0


def test_a_package_without_what_it_needs_is_not_installed_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = control._is_here
    monkeypatch.setattr(control, "_is_here", lambda module: module != "moto" and here(module))
    with pytest.raises(HermesError) as refused:
        control.start(tmp_path, Options())
    assert [finding.code for finding in refused.value.findings] == ["local-not-installed"]
