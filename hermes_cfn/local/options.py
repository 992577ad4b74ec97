"""What can be asked of an embedded cloud when it is started."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_SPEED = 20.0
"""Seconds of service time in a real second."""

PATIENCE_S = 20.0
"""The least real time in seconds that a deadline leaves a real program."""

CONSISTENCY = "HERMES_CONSISTENCY"
"""The environment variable that says how consistent clouds are that nobody says it of."""

OUTAGE_S = 600.0
"""How long the database of the fault ``database-outage`` is gone, in seconds of service time."""

IDLE_SHORT_S = 5.0
"""After how long the application of the fault ``idle-short`` closes a connection on which nobody asks, in seconds of
service time."""

INTERNAL = "hermes-embedded-cloud"
"""What the user agent of calls says that see the cloud as it is: nothing of what they ask is late, and none breaks."""

USUAL = "default"
"""How consistent a cloud is otherwise: as late as AWS is taken to be."""


class Addresses(StrEnum):
    """Where instances are reached: each at an address of its own, or each at a port of its own."""

    AUTO = "auto"
    OWN_ADDRESS = "address"
    OWN_PORT = "port"


@dataclass(frozen=True)
class Options:
    """``speed`` hurries waits by that factor; ``patience`` is the least real time in seconds
    that a deadline leaves a real program; ``real_time`` lets CloudFormation take its real time;
    ``enforce`` checks IAM permissions; ``processes`` false gives instances that only exist in
    the books; ``port`` 0 takes a free one; ``follow_parent`` ends the cloud with the process
    that started it; ``database`` starts the external PostgreSQL at once, ``postgres`` is the
    directory of the server's programs (empty: the wheel's, or the newest on this machine);
    ``engine`` begins the command line of a container engine (``podman``), empty for none;
    ``consistency`` is one of :data:`hermes_cfn.local.consistency.MODES`, drawn from ``seed``.
    """

    speed: float = DEFAULT_SPEED
    patience: float = PATIENCE_S
    addresses: Addresses = Addresses.AUTO
    real_time: bool = False
    enforce: bool = False
    processes: bool = True
    port: int = 0
    follow_parent: bool = False
    database: bool = False
    postgres: str = ""
    engine: str = ""
    consistency: str = field(default_factory=lambda: os.environ.get(CONSISTENCY, USUAL))
    seed: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Options:
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "addresses": Addresses(values["addresses"])})
