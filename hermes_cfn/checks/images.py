"""The image against the machine that shall run it."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.checks.facts import Facts
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding

DOCKER_WORD = {"arm64": "arm64", "x86_64": "amd64"}
"""What a manifest calls an architecture that EC2 calls otherwise (OCI image index, platform)."""


def architecture(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """``image-architecture``: the manifest has no entry for the instance type's architecture."""
    if facts.image is None or not facts.image.architectures:
        return
    wanted = DOCKER_WORD[settings.compute.architecture]
    if wanted not in facts.image.architectures:
        yield wrong(settings, facts.image_wanted, facts.image.architectures)


def wrong(settings: Settings, image: str, found: tuple[str, ...]) -> Finding:
    """The finding, with the line that builds it right."""
    wanted = DOCKER_WORD[settings.compute.architecture]
    return Finding(
        "image-architecture",
        image,
        f"the image is for {', '.join(found)}, {settings.compute.instance_type} runs {wanted}",
        why="the container would end with 'exec format error'",
        next=f"docker buildx build --platform linux/{wanted} --tag {image} .",
    )
