"""The certificate of a rehearsal: which image went through what, by which settings, and what was lost.

A digest over itself shows that nobody changed a character of it by mistake.  It is no signature: whoever may write the
file may write another one, as whoever may change the pipeline may take the question out of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hermes_cfn.config import Settings
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

VERSION = 1
SECTIONS = ("application", "env", "container", "processes", "compute", "scaling", "service", "release", "database")
"""The sections of hermes.toml that a rehearsal's outcome hangs on."""

LENGTH = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Certificate:
    """``digests``: every name of the image that stands for its content (of its manifest, of its configuration), as
    ``sha256:…``; ``settings`` the hash of :func:`settings_hash`; ``acts`` what was rehearsed, by name; latencies in
    milliseconds, durations in seconds, ``made`` an ISO time of the machine that rehearsed.
    """

    image: str
    digests: tuple[str, ...]
    settings: str
    acts: tuple[str, ...]
    sent: int
    failed: int
    lost: int
    p99_before_ms: float
    p99_during_ms: float
    p99_after_ms: float
    duration_s: float
    made: str
    tool: str
    seed: int
    engine: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As it is written: with its version, and the digest over everything else."""
        content = {
            "version": VERSION,
            "image": self.image,
            "digests": list(self.digests),
            "settings": self.settings,
            "acts": list(self.acts),
            "sent": self.sent,
            "failed": self.failed,
            "lost": self.lost,
            "p99_ms": {"before": self.p99_before_ms, "during": self.p99_during_ms, "after": self.p99_after_ms},
            "duration_s": self.duration_s,
            "made": self.made,
            "tool": self.tool,
            "seed": self.seed,
            "engine": self.engine,
        }
        return {**content, "digest": digest(content)}

    def text(self) -> str:
        return json.dumps(self.as_dict(), indent=2) + "\n"


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over everything but ``digest`` itself, keys in order, without spaces."""
    return _sha256({key: value for key, value in content.items() if key != "digest"})


def settings_hash(settings: Settings) -> str:
    """SHA-256 over :data:`SECTIONS`, as they are after the environment's overlay."""
    return _sha256(settings.model_dump(mode="json", include=set(SECTIONS)))


def _sha256(content: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(text: str, where: str) -> Certificate:
    """Raises HermesError ``certificate-unreadable``: for what is none, and for one that somebody has changed."""
    try:
        content = json.loads(text)
        if content["version"] != VERSION:
            raise ValueError(f"its version is {content['version']}, this one reads {VERSION}")
        if content["digest"] != digest(content):
            raise ValueError("its digest over itself does not fit: it was changed")
        latency = content["p99_ms"]
        datetime.fromisoformat(content["made"]).utcoffset()
        return Certificate(
            str(content["image"]), tuple(map(str, content["digests"])), str(content["settings"]),
            tuple(map(str, content["acts"])), int(content["sent"]), int(content["failed"]), int(content["lost"]),
            float(latency["before"]), float(latency["during"]), float(latency["after"]), float(content["duration_s"]),
            str(content["made"]), str(content["tool"]), int(content["seed"]), str(content["engine"]),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise HermesError(
            Finding(
                "certificate-unreadable",
                where,
                f"this is no certificate of a rehearsal: {what}",
                next=hermes("rehearse", "--image", "TAG") + " writes a new one",
            ),
            exit_code=ExitCode.REFUSED,
        ) from error


def age(text: str) -> timedelta | None:
    """``30m``, ``12h`` or ``7d``; None for what is none of them."""
    found = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    return timedelta(seconds=int(found[1]) * LENGTH[found[2]]) if found else None


def lacking(
    known: Iterable[Certificate],
    image: str,
    digests: Collection[str],
    settings: str,
    now: datetime,
    at_most: timedelta | None,
) -> Finding | None:
    """Why none of the certificates allows to release ``image``, which is known by ``digests``; None where one does.

    ``now``: as :attr:`Certificate.made`, a time of the machine that asks.
    """
    code, what, evidence = "rehearsal-missing", f"no rehearsal of {image} is certified", []
    for one in sorted(known, key=lambda one: one.made):
        if not set(digests) & set(one.digests):
            evidence.append(f"{one.made[:16]}  {one.image}  {one.digests[0]}")
        elif one.lost:
            code, what = "rehearsal-lost", f"the rehearsal of {image} of {one.made[:16]} lost {one.lost} requests"
        elif one.settings != settings:
            code = "rehearsal-of-other-settings"
            what = f"{image} was rehearsed with other settings, on {one.made[:16]}"
        elif at_most is not None and now - datetime.fromisoformat(one.made) > at_most:
            code, what = "rehearsal-old", f"{image} was rehearsed on {one.made[:16]}, which is too long ago"
        else:
            return None
    return Finding(
        code,
        "--require-rehearsal",
        what,
        why=f"the image is {', '.join(sorted(digests)) or 'not known by any digest'}",
        evidence="\n".join(["certified are:", *evidence] if evidence and code == "rehearsal-missing" else []),
        next=hermes("rehearse", "--image", image) + ", and release again",
    )
