"""Pushing an image: nothing is pushed that could not run or would move a tag, and the password is on no command line."""

from datetime import UTC, datetime
from types import SimpleNamespace as Some

import pytest

from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import image
from hermes_cfn.names import Names

DOCKER = """#!/bin/sh
echo "$@" >>"$DOCKER_CALLS"
case "$1 $2" in
  "image inspect") [ "$BUILT_FOR" != nothing ] && echo "$BUILT_FOR" ;;
  "login --username") cat >"$DOCKER_CALLS.password" ;;
esac
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """What a docker was asked that has one image, for arm64."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DOCKER_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("BUILT_FOR", "arm64")
    return tmp_path / "calls"


def context(there=None, uri="123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes"):
    ecr = Some(
        image=lambda *_: there,
        uri=lambda _: uri,
        login=lambda: ("AWS", "never-shown", "123456789012.dkr.ecr.eu-south-2.amazonaws.com"),
    )
    settings = parse("")
    return Some(
        names=Names.of(settings, "123456789012"),
        settings=settings,
        clients=Some(ecr=ecr),
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def refused(context, tag="v2", **more) -> str:
    with pytest.raises(HermesError) as caught:
        list(image.push(context, tag, **more))
    return f"{caught.value.findings[0].code}: {caught.value.findings[0].next}"


def test_an_image_is_pushed_with_its_password_on_standard_input(docker):
    list(image.push(context(), "v2"))
    asked = docker.read_text()
    assert "push 123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes:v2" in asked
    assert "never-shown" not in asked
    assert docker.with_name("calls.password").read_text() == "never-shown"


def test_a_tag_does_not_move_and_is_left_where_it_is_when_that_is_asked_for(docker):
    there = Some(pinned="hermes@sha256:1", digest="sha256:1")
    assert refused(context(there)).startswith("tag-moved: push under another tag")
    assert [event.detail for event in image.push(context(there), "v2", keep=True)] == [
        "hermes@sha256:1 is there already"
    ]
    assert "push" not in docker.read_text()


def test_what_could_not_run_there_is_not_pushed(docker, monkeypatch):
    monkeypatch.setenv("BUILT_FOR", "amd64")
    assert refused(context()) == "image-architecture: docker buildx build --platform linux/arm64 --tag hermes:v2 ."
    monkeypatch.setenv("BUILT_FOR", "nothing")
    assert refused(context()) == "image-not-built: docker buildx build --platform linux/arm64 --tag hermes:v2 ."
    monkeypatch.setenv("BUILT_FOR", "arm64")
    assert refused(context(uri=None)) == "repository-missing: hermes-cfn bootstrap"
    assert "push" not in docker.read_text()
