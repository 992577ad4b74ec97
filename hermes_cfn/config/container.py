"""``[container]``: how Docker starts the containers of a release, beyond what ``[application]`` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.processes import Words
from hermes_cfn.config.section import Section, Word

User = Annotated[
    str, StringConstraints(pattern=r"^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})(:([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}))?$|^$")
]
Tmpfs = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]{1,200}(:[a-z0-9=,]{1,100})?$")]
UlimitName = Literal[
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
    "sigpending", "stack",
]  # fmt: skip
Ulimit = Annotated[str, StringConstraints(pattern=r"^(-1|[0-9]{1,18})(:(-1|[0-9]{1,18}))?$")]


class Container(Section):
    """``*_mib`` in MiB; ``command`` and ``entrypoint`` are the web process's, the rest holds for every container of a release.

    The names are those of ``docker run`` (Docker's CLI reference): ``ulimits`` as ``soft`` or ``soft:hard`` by name.
    """

    command: Annotated[Words, Field(max_length=50)] = ()
    entrypoint: Word = ""
    user: User = ""
    ulimits: Mapping[UlimitName, Ulimit] = Field(default_factory=dict)
    tmpfs: Annotated[tuple[Tmpfs, ...], Field(strict=False, max_length=20)] = ()
    shm_mib: Annotated[int, Field(ge=0, le=65536)] = 0
    init: bool = False
