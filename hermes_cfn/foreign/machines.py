"""The instance type that holds what a container has elsewhere."""

from __future__ import annotations

from hermes_cfn.foreign.table import Page

SIZES: tuple[tuple[str, int, int], ...] = (
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16384),
    ("2xlarge", 8, 32768),
)
"""Sizes of t4g and t3, vCPUs and MiB (EC2 user guide, "Burstable performance instances"), from the default on."""

SHARE = 0.8
"""Of an instance's memory that its container gets (``application.memory_mib`` = 0)."""


def choose(page: Page, path: str, vcpu: float, memory_mib: int) -> None:
    """Takes the smallest type that holds it; ``t3`` where the image is known to be for x86_64."""
    x86 = any(one.key == "architecture" and one.value == "x86_64" for one in page.taken)
    fits = (size for size, cores, memory in SIZES if cores >= vcpu and memory * SHARE >= memory_mib)
    size = next(fits, "")
    if not size:
        page.leave(path, "no t4g or t3 holds it", "write compute.instance_type yourself, like m7g.4xlarge")
    else:
        page.take(path, "compute.instance_type", f"{'t3' if x86 else 't4g'}.{size}")
