"""What a forecast knows of the account; None is what could not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image's digest, and the architectures of its manifest where it says them."""

    digest: str
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """``first``: the service stack is not there yet.  ``buckets``: name -> ours, taken or free."""

    account: str = ""
    region: str = ""
    first: bool = False
    offered: frozenset[str] | None = None
    zones: tuple[str, ...] | None = None
    key_pair: bool | None = None
    addresses: int | None = None
    addresses_quota: float | None = None
    vcpus: int | None = None
    vcpus_quota: float | None = None
    buckets: Mapping[str, str] = field(default_factory=dict)
    missing_secrets: tuple[str, ...] = ()
    image: ImageFacts | None = None
    image_wanted: str = ""
    stacks: Mapping[str, str] = field(default_factory=dict)
    denied: Mapping[str, str] | None = None
