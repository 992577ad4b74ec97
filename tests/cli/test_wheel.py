"""The wheel outside of the repository: everything that a verb needs is inside."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A directory with nothing in it but the unpacked wheel, and a way to type verbs elsewhere."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source / name)
    for name in ("hermes_cfn", "analysis"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = place.glob("*.whl")
    site = place / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty = place / "empty"
    empty.mkdir()

    def type_(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hermes_cfn.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-P", "-c", program, str(site), *words],
            cwd=empty,
            env={**os.environ, "PYTHONPATH": str(site), "HERMES_STATE": str(place / "state"), **more},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return site, empty, type_


def test_it_begins_and_renders_in_an_empty_directory(installed):
    _, empty, type_ = installed
    for words in (("init", "--yes"), ("render",), ("validate",), ("cost",), ("render", "--check")):
        done = type_(*words)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    assert (empty / "hermes.toml").exists() and (empty / ".github/workflows/cd.yml").exists()


def test_whoever_has_no_account_yet_gets_a_plan(installed):
    _, empty, type_ = installed
    type_("init", "--yes", "--force", "--no-prices")
    done = type_("plan", AWS_EC2_METADATA_DISABLED="true", HOME=str(empty))
    assert done.returncode == 0, done.stderr
    assert "what a first deployment would make" in done.stderr
    assert "hermes-production-service: create" in done.stdout and "a month" in done.stdout
    named = type_("--profile", "nobody", "plan", HOME=str(empty))
    assert named.returncode != 0 and "credentials-missing" in named.stderr


def test_what_was_run_was_the_wheel(installed):
    site, _, _ = installed
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import hermes_cfn; print(hermes_cfn.__file__)"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        cwd=site,
    )
    assert done.stdout.startswith(str(site))


def test_every_file_of_the_product_is_inside_and_of_the_embedded_cloud_what_asks_it(installed):
    site, _, _ = installed
    held = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    source = {
        path.relative_to(ROOT)
        for path in (ROOT / "hermes_cfn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    local = {path for path in source if path.is_relative_to("hermes_cfn/local")}
    assert source - local <= held
    assert {path.stem for path in local & held} == {"__init__", "control", "options", "owner"}
    assert not (site / "analysis").exists()


def test_without_the_embedded_cloud_it_says_what_to_install(installed):
    _, _, type_ = installed
    for words in (("local", "start"), ("plan", "--local"), ("demo",), ("rehearse",)):
        done = type_(*words)
        assert done.returncode == 7, f"{words}\n{done.stdout}{done.stderr}"
        assert done.stderr.count("pip install 'hermes-cfn[local]'") == 1
