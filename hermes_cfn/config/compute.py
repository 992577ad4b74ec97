"""``[compute]``: how many instances of which kind."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hermes_cfn.config.section import Section

_TYPE = re.compile(r"^(?P<family>[a-z]+)\d+(?P<attributes>[a-z-]*)\.[a-z0-9-]+")
ABSENT = {"eu-south-2": frozenset({"t1", "t2", "t3a", "m1", "m3", "m4", "c3", "c4", "a1"})}
"""Families that a region lacks, as far as known without asking it (EC2's instance type offerings); plan asks."""

MachineArchitecture = Literal["arm64", "x86_64"]


class Compute(Section):
    """``volume_gib`` in GiB; ``key_name`` is an existing key pair, or nothing."""

    instance_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+[0-9]+[a-z-]*\.[a-z0-9-]+$")] = "t4g.small"
    count: Annotated[int, Field(ge=1, le=100)] = 2
    volume_gib: Annotated[int, Field(ge=8, le=16384)] = 20
    detailed_monitoring: bool = False
    key_name: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,255}$")] = ""

    @property
    def architecture(self) -> MachineArchitecture:
        """Graviton families carry a ``g`` after their generation (AWS, "EC2 instance type naming conventions")."""
        found = _TYPE.fullmatch(self.instance_type)
        graviton = found is not None and (found["family"] == "a" or "g" in found["attributes"])
        return "arm64" if graviton else "x86_64"

    @property
    def vcpus(self) -> int:
        """Four for each ``xlarge``, two below, one of a ``medium`` that is not burstable (EC2 user guide, "Instance types")."""
        size = self.instance_type.partition(".")[2]
        times = size.removesuffix("xlarge")
        if size.endswith("xlarge"):
            return 4 * int(times or 1) if not times or times.isdigit() else 4
        return 1 if size == "medium" and not self.burstable else 2

    @property
    def burstable(self) -> bool:
        return self.instance_type.startswith("t")
