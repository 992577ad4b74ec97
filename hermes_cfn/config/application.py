"""``[application]``: what a container is and must do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Name, Port, Section, Signal, VariableName

HealthPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]{0,127}$")]


class Application(Section):
    """``*_s`` in seconds, ``*_mib`` in MiB (``memory_mib`` 0: four fifths of the instance)."""

    name: Name = "hermes"
    port: Port = 4000
    health_path: HealthPath = "/health"
    health_codes: Annotated[tuple[Annotated[int, Field(ge=200, le=499)], ...], Field(strict=False, min_length=1)] = (
        200,
    )
    architecture: Literal["arm64", "x86_64"] = "arm64"
    migrate: Annotated[tuple[str, ...], Field(strict=False)] = ("/app/bin/hermes", "eval", "Hermes.Release.migrate")
    stop_signal: Signal = "SIGTERM"
    stop_timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    start_timeout_s: Annotated[int, Field(ge=5, le=900)] = 120
    memory_mib: Annotated[int, Field(ge=0, le=786432)] = 0
    migrate_memory_mib: Annotated[int, Field(ge=32, le=786432)] = 256
    read_only: bool = True
    secrets: Annotated[tuple[VariableName, ...], Field(strict=False)] = (
        "SECRET_KEY_BASE",
        "ANTHROPIC_API_KEY",
        "DATABASE_URL",
    )
