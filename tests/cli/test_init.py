"""``init``: the file means what was asked, the workflows hold to the rules of a safe pipeline."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement
from pydantic import BaseModel

from hermes_cfn import config
from hermes_cfn.cli import hermes, main
from hermes_cfn.cli import init as init_verb
from hermes_cfn.config import Settings, edit, frameworks, meanings, starter
from hermes_cfn.config.settings import NAMED
from hermes_cfn.errors import ConfigurationError, ExitCode, HermesError

ROOT = Path(__file__).parents[2]


def init(directory: Path, *words: str) -> Path:
    result = CliRunner().invoke(
        hermes,
        ["-c", str(directory / "hermes.toml"), "init", "--no-prices", "--yes", "--offline", *words],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return directory / "hermes.toml"


def workflows(directory: Path) -> dict[str, dict]:
    init(directory)
    return {path.stem: yaml.safe_load(path.read_text()) for path in (directory / ".github/workflows").iterdir()}


def test_every_key_of_the_configuration_has_its_line():
    empty = Settings()
    told = {(section, key) for section, keys in meanings.KEYS.items() for key in keys}
    there = {
        (section, key)
        for section in meanings.SECTIONS
        if isinstance(getattr(empty, section), BaseModel)
        for key in type(getattr(empty, section)).model_fields
    }
    there |= {(section, key) for section, kind in NAMED.items() for key in kind.model_fields}
    assert told == there
    assert set(meanings.SECTIONS) == set(Settings.model_fields) - {"siblings"}


@pytest.mark.parametrize("preset", starter.PRESETS)
def test_a_preset_means_its_choices_and_nothing_else(tmp_path, preset):
    path = init(tmp_path, "--preset", preset)
    assert config.load(path).model_dump() == starter.settings(starter.PRESETS[preset].choices).model_dump()


@pytest.mark.parametrize("framework", frameworks.NAMES)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_a_framework_brings_its_own_values_and_its_own_job(tmp_path, framework, architecture):
    words = ("--framework", framework, "--architecture", architecture, "--region", "eu-central-1", "--port", "8123")
    found = config.load(init(tmp_path, *words, "--health-path", "/healthz"))
    assert (found.application.port, found.application.health_path) == (8123, "/healthz")
    assert found.compute.architecture == found.application.architecture == architecture
    assert all(zone.startswith("eu-central-1") for zone in found.network.zones)
    assert "8123" in found.env.values()
    assert ("hermes" in " ".join(found.application.migrate).lower()) == (framework == frameworks.PHOENIX)
    ci = (tmp_path / ".github/workflows/ci.yml").read_text()
    assert {"application", "deployment"} <= set(yaml.safe_load(ci)["jobs"])
    assert ("setup-beam" in ci, "MIX_ENV" in ci) == (framework == frameworks.PHOENIX,) * 2
    cd = (tmp_path / ".github/workflows/cd.yml").read_text()
    assert ("linux/amd64" in cd) == (architecture == "x86_64")


def test_a_wrong_region_is_one_finding_and_names_no_file(tmp_path, monkeypatch):
    with pytest.raises(HermesError) as caught:
        CliRunner().invoke(
            hermes,
            ["-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--offline", "--region", "eu-central1"],
            catch_exceptions=False,
        )
    (finding,) = caught.value.findings
    assert finding.where == "account.region"
    assert not (tmp_path / "hermes.toml").exists()


def again(directory: Path, *words: str):
    return CliRunner().invoke(hermes, ["-c", str(directory / "hermes.toml"), "init", *words], standalone_mode=False)


def test_workflows_follow_the_file_and_keep_the_job_of_the_application(tmp_path):
    path = init(tmp_path, "--framework", "django")
    ci, cd = (tmp_path / ".github/workflows" / name for name in ("ci.yml", "cd.yml"))
    ci.write_text(ci.read_text().replace("manage.py test", "manage.py test --parallel"))
    assert again(tmp_path, "--check").return_value == ExitCode.OK
    text = path.read_text().replace("[application]", '[application]\narchitecture = "x86_64"', 1)
    text = text.replace('# architecture = "arm64"', "#").replace("# instance_type", 'instance_type = "t3.small" #', 1)
    path.write_text(text)
    before = ci.read_text(), cd.read_text()
    assert again(tmp_path, "--check").return_value == ExitCode.CHANGES
    assert (ci.read_text(), cd.read_text()) == before
    assert again(tmp_path, "--workflows").return_value == ExitCode.OK
    assert "linux/amd64" in cd.read_text() and "test --parallel" in ci.read_text() and path.read_text() == text
    assert again(tmp_path, "--check").return_value == ExitCode.OK
    assert again(tmp_path, "--workflows", "--framework", "go").return_value == ExitCode.OK
    assert "go test" in ci.read_text() and "manage.py" not in ci.read_text()


def test_a_wrong_answer_is_asked_again_and_the_others_are_kept(monkeypatch, capsys):
    answers = iter(["My Shop", "shop"])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    assert init_verb._asked("Name", None, "hermes", "application", "name") == "shop"
    assert "My Shop" in capsys.readouterr().err
    answers = iter([99999, 8000])
    assert int(init_verb._asked("Port", None, 4000, "application", "port")) == 8000


def test_answers_are_in_the_file(tmp_path):
    path = init(tmp_path, "--name", "iris", "--region", "eu-west-1", "--instances", "3", "--type", "t3.small")
    settings = config.load(path)
    assert settings.application.name == "iris"
    assert settings.application.architecture == "x86_64"
    assert settings.network.zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert settings.compute.count == 3


@pytest.mark.parametrize("origin", ["git@github.com:me/iris.git", "https://github.com/me/iris"])
def test_the_repository_is_the_checkouts_own(tmp_path, origin):
    for words in (["init", "-q"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    assert config.load(init(tmp_path)).github.repository == "me/iris"


@pytest.mark.parametrize("switch", starter.SWITCHES, ids=lambda switch: f"{switch.section}.{switch.key}={switch.value}")
def test_every_switch_that_is_priced_is_a_valid_setting(switch):
    settings = starter.settings(switch.choices())
    assert getattr(getattr(settings, switch.section), switch.key) == switch.value


def test_what_is_there_is_not_written_over(tmp_path, capsys):
    path = init(tmp_path)
    path.write_text("# mine\n")
    with pytest.raises(SystemExit) as ended:
        main(["-c", str(path), "init", "--no-prices", "--yes"])
    assert ended.value.code == ExitCode.REFUSED
    assert path.read_text() == "# mine\n"
    assert "--force" in capsys.readouterr().err


def test_actions_are_pinned_by_commit(tmp_path):
    for name in workflows(tmp_path):
        text = (tmp_path / f".github/workflows/{name}.yml").read_text()
        used = re.findall(r"uses: (\S+)(.*)", text)
        assert used
        for action, comment in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), comment


def test_permissions_are_the_least_and_no_key_lives_long(tmp_path):
    for name, workflow in workflows(tmp_path).items():
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            allowed = {"contents": "read", "id-token": "write"}
            if name == "ci":
                allowed["pull-requests"] = "write"
            assert set(job["permissions"].items()) <= set(allowed.items())
        text = (tmp_path / f".github/workflows/{name}.yml").read_text()
        assert "secrets." not in text
        assert "aws-access-key" not in text


def test_deployments_queue_and_a_failed_one_is_resumed(tmp_path):
    cd = workflows(tmp_path)["cd"]
    assert cd["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False}
    assert cd["jobs"]["image"]["runs-on"].endswith("-arm")
    assert cd["jobs"]["infrastructure"]["environment"] == "production-infrastructure"
    assert cd["jobs"]["infrastructure"]["if"] == "needs.plan.outputs.changed == 'true'"
    resuming = [step for step in cd["jobs"]["release"]["steps"] if "--resume" in step.get("run", "")]
    assert resuming and resuming[0]["if"].startswith("always()")


def test_actionlint_finds_nothing(tmp_path):
    workflows(tmp_path)
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [str(tools / "actionlint"), "-no-color", *map(str, (tmp_path / ".github/workflows").iterdir())],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing(tmp_path):
    workflows(tmp_path)
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [str(zizmor), "--offline", "--persona=pedantic", "--no-progress", str(tmp_path / ".github/workflows")],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "GH_TOKEN"},
    )
    assert done.returncode == 0, done.stdout


def steps(workflow: dict):
    return [(name, job, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


def test_no_job_with_a_role_runs_another_ref_than_the_branch(tmp_path):
    """A dispatch names no ref, the checkout is of the run's own commit, and that has to be in the branch."""
    cd = workflows(tmp_path)["cd"]
    triggers = cd[True]  # YAML 1.1 reads `on` so
    assert triggers["push"] == {"branches": ["main"]} and triggers["workflow_dispatch"] is None
    text = (tmp_path / ".github/workflows/cd.yml").read_text()
    assert "inputs." not in text and "ref:" not in text
    for job in cd["jobs"].values():
        assert job.get("if") == "github.ref == 'refs/heads/main'" or job["needs"]
        names = [step.get("name") or step["uses"].partition("@")[0] for step in job["steps"]]
        checkout, check = names.index("actions/checkout"), names.index("A commit of the branch")
        assert (checkout, check) == (0, 1), "before anything of the checkout runs, and before there are credentials"
        assert job["steps"][checkout]["with"]["fetch-depth"] == 0


def git(directory: Path, *words: str) -> str:
    identity = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    done = subprocess.run(["git", "-C", str(directory), *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(("branch", "status"), [("main", 0), ("older", 0), ("feature", 1), ("orphan", 1)])
def test_a_commit_that_the_branch_does_not_hold_ends_the_job_before_anything_else(tmp_path, branch, status):
    (check,) = {
        step["run"] for _, _, step in steps(workflows(tmp_path)["cd"]) if step.get("name") == "A commit of the branch"
    }
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    for message in ("one", "two"):
        git(origin, "commit", "-q", "--allow-empty", "-m", message)
    git(origin, "branch", "older", "HEAD~1")
    git(origin, "checkout", "-q", "-b", "feature")
    git(origin, "commit", "-q", "--allow-empty", "-m", "unreviewed")
    git(origin, "checkout", "-q", "--orphan", "orphan")
    git(origin, "commit", "-q", "--allow-empty", "-m", "a history of its own, as after a forced push")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    git(clone, "checkout", "-q", "--detach", f"origin/{branch}")
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", check], cwd=clone, capture_output=True)
    assert done.returncode == status


def test_the_pipeline_installs_by_hash_only_and_no_checkout_shadows_pip(tmp_path):
    found = [
        step["run"]
        for workflow in workflows(tmp_path).values()
        for _, _, step in steps(workflow)
        if "pip" in step.get("run", "")
    ]
    assert len(found) == 6
    (install,) = set(found)
    assert install.split()[:4] == ["python", "-I", "-m", "pip"]
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(install.split())
    (tmp_path / "pip").mkdir()
    for shadow in ("pip/__init__.py", "pip/__main__.py", "sitecustomize.py", "json.py"):
        (tmp_path / shadow).write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    words = [sys.executable, *install.split()[1:4], "--version"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, (tmp_path / "ran").exists()) == (0, False), done.stderr
    subprocess.run([sys.executable, "-m", "pip", "--version"], cwd=tmp_path, capture_output=True)
    assert (tmp_path / "ran").exists(), "without -I the checkout's pip would have run"


PINNED = ROOT / "hermes_cfn/cli/workflows/requirements.txt"


def test_every_dependency_is_pinned_by_hash_at_the_version_that_is_tested():
    tested = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    tested = {name.lower().replace("_", "-"): version for name, version in tested.items()}
    pinned = {}
    for entry in re.split(r"\n(?=\S)", PINNED.read_text()):
        if entry.startswith("#"):
            continue
        name, version = re.match(r"([\w.-]+)==([\w.]+)", entry).groups()
        pinned[name.lower().replace("_", "-")] = version
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert {name: tested.get(name, version) for name, version in pinned.items()} == pinned
    assert wanted_by("hermes-cfn") <= set(pinned)


def wanted_by(name: str) -> set[str]:
    """Everything that an install without extras brings, by what is installed here."""
    found, todo = set(), [name]
    while todo:
        for line in metadata.requires(todo.pop()) or ():
            one = Requirement(line)
            key = one.name.lower().replace("_", "-")
            if (one.marker is None or one.marker.evaluate({"extra": ""})) and key not in found:
                found.add(key)
                todo.append(key)
    return found


def wheel(directory: Path, version: str = "9.9.9") -> Path:
    """A wheel of nothing, as a stranger's index would have it."""
    path = directory / f"hermes_cfn-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(
            f"hermes_cfn-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: hermes-cfn\nVersion: {version}\n"
        )
        packed.writestr(
            f"hermes_cfn-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"hermes_cfn-{version}.dist-info/RECORD", "")
    return path


def test_init_writes_the_hash_of_what_the_pipeline_installs_and_upgrade_renews_it(tmp_path):
    found = wheel(tmp_path)
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    init(tmp_path)
    pinned = tmp_path / ".github/hermes-requirements.txt"
    assert digest not in pinned.read_text()
    mine = tmp_path / "hermes.toml"
    mine.write_text("# mine\n")
    result = CliRunner().invoke(hermes, ["-c", str(mine), "init", "--upgrade", "--requirement", str(found)])
    assert result.exit_code == 0, result.output
    assert f"{found} \\\n    --hash=sha256:{digest}\n" in pinned.read_text()
    assert pinned.read_text().endswith(PINNED.read_text())
    assert mine.read_text() == "# mine\n", "and nothing else is written"


def test_a_hash_that_nobody_knows_is_said_and_pip_refuses_the_file(tmp_path):
    command = ["-c", str(tmp_path / "hermes.toml"), "init", "--no-prices", "--yes", "--offline"]
    result = CliRunner().invoke(hermes, command)
    assert result.exit_code == 0 and "hermes-cfn init --upgrade" in result.output
    pinned = tmp_path / ".github/hermes-requirements.txt"
    (own,) = [line for line in pinned.read_text().splitlines() if line.startswith("hermes-cfn==")]
    pinned.write_text(own)
    found = wheel(tmp_path, own.partition("==")[2])
    install = [
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--no-index",
        "--find-links",
        str(found.parent),
    ]
    command = [sys.executable, "-I", "-m", "pip", *install, "--require-hashes", "-r", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "hash" in done.stderr.lower()


@pytest.mark.parametrize(
    "requirement", ["hermes-cfn", "hermes-cfn>=1", "hermes-cfn==1.*", "git+https://example.com/x@1", "x.tar.gz", "-e ."]
)
def test_what_cannot_be_held_to_a_hash_is_refused_before_anything_is_written(tmp_path, requirement, capsys):
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "-c",
                str(tmp_path / "hermes.toml"),
                "init",
                "--no-prices",
                "--yes",
                "--offline",
                "--requirement",
                requirement,
            ]
        )
    assert ended.value.code == ExitCode.USAGE and "requirement-not-pinned" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[compute]\ncount = 4\n"),
        ("[compute]\ncount = 2 # why\n", "[compute]\ncount = 4 # why\n"),
        ("[compute]\n# count = 2  # default\n", "[compute]\ncount = 4  # default\n"),
        ("[compute]\nvolume_gib = 20\n[edge]\n", "[compute]\ncount = 4\nvolume_gib = 20\n[edge]\n"),
        ("# x\n[edge]\n", "# x\n[edge]\n\n[compute]\ncount = 4\n"),
    ],
)
def test_an_edit_changes_one_value(text, expected):
    assert edit.replace(text, "compute", "count", 4) == expected


def test_an_edit_that_would_mean_something_else_is_refused():
    with pytest.raises(ConfigurationError):
        edit.replace("compute = { count = 2 }\n", "compute", "count", 4)
