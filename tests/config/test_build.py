"""``[build]``: what docker is told, on a person's machine and in the pipeline, and what is refused."""

import pytest
import yaml

from hermes_cfn.cli import init
from hermes_cfn.config import parse
from hermes_cfn.errors import ConfigurationError, HermesError
from hermes_cfn.flows import image

PREFIX = ["buildx", "build", "--load", "--platform", "linux/arm64", "--tag", "hermes:v1"]
BUILT = {
    "": ["."],
    "context = 'app'": ["app"],
    "dockerfile = 'docker/web.Dockerfile'\ntarget = 'runtime'": [
        "--file",
        "docker/web.Dockerfile",
        "--target",
        "runtime",
        ".",
    ],
    "args = { A = 'x y', B = '' }": ["--build-arg", "A=x y", "--build-arg", "B=", "."],
    "secrets = ['NPM_AUTH']": ["--secret", "id=NPM_AUTH,env=NPM_AUTH", "."],
}

DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >>"$DOCKER_CALLS"
[ "$*" = "$DOCKER_FAILS" ] && exit 1
case "$1 $2" in
  "image inspect") case "$*" in *RepoDigests*) echo "ghcr.io/me/shop@sha256:0f" ;; *) echo "$BUILT_FOR" ;; esac ;;
  "login --username") cat >"$DOCKER_CALLS.password" ;;
esac
exit 0
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DOCKER_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("BUILT_FOR", "arm64")
    return tmp_path / "calls"


@pytest.mark.parametrize("text", BUILT)
def test_docker_is_told_what_the_file_says(text, docker, monkeypatch):
    monkeypatch.setenv("NPM_AUTH", "never-shown")
    list(image.build(parse(f"[build]\n{text}\n"), "v1"))
    assert docker.read_text() == " ".join([*PREFIX, *BUILT[text]]) + "\n"
    assert "never-shown" not in docker.read_text()


READY = "[build]\nimage = 'ghcr.io/me/shop:{tag}'\nregistry_user = 'me'\nregistry_password = 'GHCR'\n"


def test_a_ready_made_image_is_fetched_and_named_as_ours(docker, monkeypatch):
    monkeypatch.setenv("GHCR", "never-shown")
    told = list(image.build(parse(READY), "v1"))
    asked = docker.read_text()
    assert asked.splitlines()[0] == "login --username me --password-stdin ghcr.io"
    assert (
        "pull --quiet --platform linux/arm64 ghcr.io/me/shop:v1" in asked
        and "tag ghcr.io/me/shop:v1 hermes:v1" in asked
    )
    assert "never-shown" not in asked and docker.with_name("calls.password").read_text() == "never-shown"
    assert "sha256:0f" in told[-1].detail, "which digest that was is told"


def refused(text):
    with pytest.raises(HermesError) as caught:
        list(image.build(parse(text), "v1"))
    (finding,) = caught.value.findings
    return finding.code


def test_what_cannot_be_made_ends_before_anything_is_pushed(docker, monkeypatch):
    assert refused(READY) == "variable-missing"
    assert refused("[build]\nsecrets = ['NPM_AUTH']\n") == "variable-missing"
    assert not docker.exists()
    monkeypatch.setenv("GHCR", "x")
    monkeypatch.setenv("BUILT_FOR", "amd64")
    assert refused(READY) == "image-architecture"
    monkeypatch.setenv("DOCKER_FAILS", "pull --quiet --platform linux/arm64 ghcr.io/me/shop:v1")
    assert refused(READY) == "image-elsewhere-missing"
    monkeypatch.setenv("DOCKER_FAILS", " ".join([*PREFIX, "."]))
    assert refused("") == "build-failed"


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("nginx:1", "docker.io"),
        ("me/shop:1", "docker.io"),
        ("ghcr.io/me/shop:1", "ghcr.io"),
        ("localhost:5000/shop:1", "localhost:5000"),
    ],
)
def test_a_reference_without_a_host_is_docker_hubs(reference, host):
    assert parse(f"[build]\nimage = '{reference}'\n").build.registry == host


REFUSED = [
    "context = '/etc'", "context = '../x'", "context = 'a/../../x'", "context = '--push'", "dockerfile = '-f'", "target = '--x'",
    "args = { 'a b' = '1' }", "args = { A = \"x\\ny\" }", "secrets = ['a b']", "image = 'shop'", "image = 'ghcr.io/me/shop'",
    "image = 'x y:1'", "image = 'shop:1'\ncontext = 'app'", "image = 'shop:1'\nregistry_user = 'me'", "registry_password = 'X'\nimage = 'shop:1'",
    "registry_user = 'me'\nregistry_password = 'X'", "args = { NPM = '1' }\nsecrets = ['NPM']", "cache = 'gha'",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_image_is_one_finding(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(f"[build]\n{text}\n")
    (finding,) = caught.value.findings
    assert finding.where.startswith("hermes.toml:") and finding.next


def step(text):
    workflow = yaml.safe_load(init.workflow("cd", init._values(parse(text))))
    (found,) = [one for one in workflow["jobs"]["image"]["steps"] if one.get("name") == "Build"]
    return found


def test_the_pipeline_builds_as_the_file_says_before_it_signs_in():
    assert step("")["run"] == 'docker build --platform linux/arm64 --tag "hermes:$TAG" .'
    made = step("[build]\nsecrets = ['NPM_AUTH']\n")
    assert made["run"] == 'hermes-cfn --env production image build "$TAG"'
    assert made["env"]["NPM_AUTH"] == "${{ secrets.NPM_AUTH }}"
    assert step(READY)["env"]["GHCR"] == "${{ secrets.GHCR }}"
