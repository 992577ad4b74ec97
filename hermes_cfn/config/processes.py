"""``[processes.NAME]``: further containers of the same image beside the web process, on each instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Port, Section, VariableName

ProcessName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=1000)]
"""One word of a command line: Docker gets it as it stands, no shell reads it."""

Words = Annotated[tuple[Word, ...], Field(strict=False)]
Signal = Annotated[str, StringConstraints(pattern=r"^SIG[A-Z0-9]{2,8}$")]
PlainValue = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=2000)]


class Process(Section):
    """``*_s`` in seconds, ``*_mib`` in MiB.

    It is well when ``health_command`` ends with status 0 in its container, or something listens on ``health_port``
    there, or, without either, when it has run for ``alive_s`` without ending; in any case it may not have ended before.
    """

    command: Annotated[Words, Field(min_length=1, max_length=50)]
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=1000)] = ""
    memory_mib: Annotated[int, Field(ge=16, le=786432)] = 256
    count: Annotated[int, Field(ge=1, le=10)] = 1
    stop_signal: Signal = "SIGTERM"
    stop_timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    start_timeout_s: Annotated[int, Field(ge=5, le=900)] = 60
    health_command: Annotated[Words, Field(max_length=50)] = ()
    health_port: Port | None = None
    alive_s: Annotated[int, Field(ge=1, le=300)] = 5
    env: Mapping[VariableName, PlainValue] = Field(default_factory=dict)
