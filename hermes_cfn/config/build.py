"""``[build]``: where the image comes from: a Dockerfile, or a registry that has it ready-made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from hermes_cfn.config.section import Section, VariableName


def _inside(value: str) -> str:
    if ".." in value.split("/"):
        raise ValueError(f"{value!r} leads out of the directory of hermes.toml; write a path below it")
    return value


RelativePath = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9_.][A-Za-z0-9_./-]{0,199})?$"), AfterValidator(_inside)
]
ArgumentValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=1000)]


class Build(Section):
    """What ``image build`` does, on a person's machine and in the pipeline alike.

    ``secrets`` are names of variables of the builder's environment; ``image`` may have ``{tag}`` in it.
    """

    context: RelativePath = "."
    dockerfile: RelativePath = ""
    target: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,100})?$")] = ""
    args: Mapping[VariableName, ArgumentValue] = Field(default_factory=dict)
    secrets: Annotated[tuple[VariableName, ...], Field(strict=False, max_length=20)] = ()
    image: Annotated[
        str,
        StringConstraints(
            pattern=r"^([a-z0-9][a-z0-9.:-]*/)?([a-z0-9][a-z0-9._/-]*)?(:[A-Za-z0-9_{][A-Za-z0-9_.{}-]{0,127})?(@sha256:[0-9a-f]{64})?$",
            max_length=400,
        ),
    ] = ""
    registry_user: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{0,200}$")] = ""
    registry_password: Annotated[str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,127})?$")] = ""

    @property
    def registry(self) -> str:
        """The host of ``image``, as docker finds it: Docker Hub where the first part is no host."""
        first, slash, _ = self.image.partition("/")
        return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"

    @property
    def needs(self) -> tuple[str, ...]:
        """Variables of the environment without which nothing is built."""
        return (*self.secrets, *((self.registry_password,) if self.registry_password else ()))

    def reference(self, tag: str) -> str:
        """The ready-made image for ``tag``."""
        return self.image.replace("{tag}", tag)

    def command(self, name: str, platform: str) -> list[str]:
        """Words for docker that build ``name`` for ``platform``, such as ``linux/arm64``."""
        words = ["buildx", "build", "--load", "--platform", platform, "--tag", name]
        if self.dockerfile:
            words += ["--file", self.dockerfile]
        if self.target:
            words += ["--target", self.target]
        for key, value in self.args.items():
            words += ["--build-arg", f"{key}={value}"]
        for secret in self.secrets:
            words += ["--secret", f"id={secret},env={secret}"]
        return [*words, self.context or "."]
