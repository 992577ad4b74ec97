"""``[processes.NAME]``: further containers of the same image beside the web process, on each instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from hermes_cfn.config.section import Line, Port, Section, Signal, VariableName, Word

Words = Annotated[tuple[Word, ...], Field(strict=False)]


class Process(Section):
    """``*_s`` in seconds, ``*_mib`` in MiB.

    It is well when ``health_command`` ends with status 0 in its container, or something listens on ``health_port``
    there, or, without either, when it has run for ``alive_s`` without ending; in any case it may not have ended before.
    """

    command: Annotated[Words, Field(min_length=1, max_length=50)]
    entrypoint: Word = ""
    memory_mib: Annotated[int, Field(ge=16, le=786432)] = 256
    count: Annotated[int, Field(ge=1, le=10)] = 1
    stop_signal: Signal = "SIGTERM"
    stop_timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    start_timeout_s: Annotated[int, Field(ge=5, le=900)] = 60
    health_command: Annotated[Words, Field(max_length=50)] = ()
    health_port: Port | None = None
    alive_s: Annotated[int, Field(ge=1, le=300)] = 5
    env: Mapping[VariableName, Line] = Field(default_factory=dict)
