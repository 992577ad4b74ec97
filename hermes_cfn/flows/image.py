"""Pushing an image: architecture first, then log in, tag and push with docker; and what is in one that was pushed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime

from hermes_cfn.checks.images import DOCKER_WORD, wrong
from hermes_cfn.config import Settings
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import StageEnded, StageStarted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import registry, releases


def build(settings: Settings, tag: str) -> Story[None]:
    """Makes ``APPLICATION:TAG`` on this machine as ``[build]`` says: built, or fetched by its digest from another registry.

    Raises HermesError ``docker-missing``, ``variable-missing``, ``build-failed``, ``image-elsewhere-missing`` and
    ``image-architecture``.  It asks AWS nothing: the pipeline builds before it signs in.
    """
    _needed()
    wish = settings.build
    name = f"{settings.application.name}:{tag}"
    platform = f"linux/{DOCKER_WORD[settings.compute.architecture]}"
    missing = [variable for variable in wish.needs if not os.environ.get(variable)]
    if missing:
        raise HermesError(
            Finding(
                "variable-missing",
                "hermes.toml [build]",
                f"{', '.join(missing)} is not in the environment of this command",
                next=f"export {missing[0]}=…; in the pipeline: gh secret set {missing[0]}",
            ),
            exit_code=ExitCode.USAGE,
        )
    if wish.image:
        yield from _fetched(settings, wish.reference(tag), name, platform)
        return
    yield StageStarted(_now(), "build", f"{name} for {platform}")
    _docker(*wish.command(name, platform), code="build-failed", shown=True)
    yield StageEnded(_now(), "build", name)


def _fetched(settings: Settings, reference: str, name: str, platform: str) -> Story[None]:
    """Pulls what the reference names now, and remembers which digest that was."""
    wish = settings.build
    yield StageStarted(_now(), "build", f"{reference} for {platform}")
    if wish.registry_user:
        password = os.environ[wish.registry_password]
        _docker(
            "login", "--username", wish.registry_user, "--password-stdin", wish.registry,
            given=password, code="image-elsewhere-missing",
        )  # fmt: skip
    _docker("pull", "--quiet", "--platform", platform, reference, code="image-elsewhere-missing")
    digests = _docker(
        "image", "inspect", "--format", '{{join .RepoDigests " "}}', reference, code="image-elsewhere-missing"
    ).split()
    architecture = _architecture(settings, reference)
    if architecture != DOCKER_WORD[settings.compute.architecture]:
        raise HermesError(wrong(settings, reference, (architecture,)))
    _docker("tag", reference, name, code="image-elsewhere-missing")
    yield StageEnded(_now(), "build", f"{name} is {digests[0] if digests else reference}")


def _now() -> datetime:
    return datetime.now(UTC)


def push(context: DeployContext, tag: str, local: str = "", keep: bool = False) -> Story[None]:
    """Pushes the local image ``local`` (default ``APPLICATION:TAG``) under ``tag``.

    ``keep``: a tag that is there already is left as it is, for a pipeline that runs again.

    Raises HermesError ``docker-missing``, ``image-not-built``, ``image-architecture``,
    ``repository-missing``, ``tag-moved`` and ``push-failed``.
    """
    repository = context.names.repository
    source = local or f"{context.names.application}:{tag}"
    there = context.clients.ecr.image(repository, tag)
    if keep and there is not None:
        yield StageEnded(context.now, "push", f"{there.pinned} is there already")
        return
    architecture = _architecture(context.settings, source)
    if architecture != DOCKER_WORD[context.settings.compute.architecture]:
        raise HermesError(wrong(context.settings, source, (architecture,)))
    uri = context.clients.ecr.uri(repository)
    if uri is None:
        raise HermesError(
            Finding("repository-missing", repository, "there is no repository yet", next=hermes("bootstrap"))
        )
    if there is not None:
        raise HermesError(
            Finding(
                "tag-moved",
                f"{repository}:{tag}",
                "the repository has this tag already, and tags do not move",
                next="push under another tag: a commit's hash is a good one; or --keep what is there",
            )
        )
    yield StageStarted(context.now, "push", f"{source} to {uri}:{tag}")
    user, password, host = context.clients.ecr.login()
    _docker("login", "--username", user, "--password-stdin", host, given=password)
    _docker("tag", source, f"{uri}:{tag}")
    _docker("push", f"{uri}:{tag}")
    found = context.clients.ecr.image(repository, tag)
    yield StageEnded(context.now, "push", found.pinned if found else f"{uri}:{tag}")


def digest(context: DeployContext, tag: str) -> str:
    """``sha256:…`` of the image that a tag names.  Raises HermesError ``image-unknown``."""
    found = registry.find(context, tag)
    if found is None:
        raise HermesError(releases.image_missing(context, tag), exit_code=ExitCode.USAGE)
    return found.digest


def files(context: DeployContext, reference: str, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Files of an image whose path in it matches, by the group ``path``; the image is never run.

    Raises HermesError ``image-unknown``, ``docker-missing`` and ``pull-failed``.
    """
    _needed()
    found = registry.find(context, reference)
    if found is None:
        raise HermesError(releases.image_missing(context, reference), exit_code=ExitCode.USAGE)
    user, password, host = context.clients.ecr.login()
    _docker("login", "--username", user, "--password-stdin", host, given=password, code="pull-failed")
    _docker("pull", "--quiet", found.pinned, code="pull-failed")
    container = _docker("create", found.pinned, "nothing", code="pull-failed").strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    match = wanted.search(member.name)
                    content = archive.extractfile(member) if match and member.isfile() else None
                    if match and content and ".." not in match["path"].split("/"):
                        yield match["path"], content.read()
    finally:
        _docker("rm", "--force", container, code="pull-failed")


def _needed() -> None:
    if shutil.which("docker") is None:
        raise HermesError(
            Finding("docker-missing", "docker", "docker is not on the path", next="install it, or push from CI")
        )


def _architecture(settings: Settings, source: str) -> str:
    _needed()
    wanted = DOCKER_WORD[settings.compute.architecture]
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Architecture}}", source], capture_output=True, text=True
    )
    if done.returncode:
        raise HermesError(
            Finding(
                "image-not-built",
                source,
                "there is no such image on this machine",
                next=f"docker buildx build --platform linux/{wanted} --tag {source} .",
            )
        )
    return done.stdout.strip()


def _docker(*words: str, given: str | None = None, code: str = "push-failed", shown: bool = False) -> str:
    """What docker prints; with ``shown`` what it says of its work goes to standard error as it comes."""
    done = subprocess.run(
        ["docker", *words], input=given, stdout=subprocess.PIPE, stderr=None if shown else subprocess.PIPE, text=True
    )
    if done.returncode:
        raise HermesError(Finding(code, f"docker {words[0]}", (done.stderr or "it failed, as it said").strip()[-500:]))
    return done.stdout
