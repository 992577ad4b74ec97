"""One row a request, from which the cloud writes access logs.

"Access logs for your Application Load Balancer" (ALB user guide): what each field means, and when
it is -1 or ``-``.  Rows carry the real time of this process; the cloud knows the service's.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from hermes_cfn.local.fleet.proxy.http import Head


@dataclass(slots=True)
class Record:
    """What happened to one request so far; moments in ``time.monotonic`` seconds, 0 for not yet."""

    began: float
    head: Head | None = None
    forwarded: float = 0.0
    answered: float = 0.0
    target: str = ""
    group: str = ""
    target_status: int = 0
    received: int = 0
    sent: int = 0
    rule: str = "-"
    action: str = ""
    redirect: str = ""
    trace: str = field(default="")

    def row(self, status: int, peer: str, tls: tuple[str, str]) -> dict[str, Any]:
        """The finished row; ``status`` is what the client was answered, or 460."""
        now = time.monotonic()
        words = self.head.words if self.head is not None else (b"-", b"-", b"-")
        agent = self.head.get(b"user-agent").decode("latin-1") if self.head is not None else ""
        return {
            "at": time.time() - (now - self.began),
            "client": peer,
            "target": self.target,
            "times": [
                round(self.forwarded - self.began, 3) if self.forwarded else -1,
                round(self.answered - self.forwarded, 3) if self.answered else -1,
                round(now - self.answered, 3) if self.answered else -1,
            ],
            "status": status,
            "target_status": self.target_status,
            "received": self.received,
            "sent": self.sent,
            "request": [word.decode("latin-1") for word in words],
            "agent": agent,
            "tls": tls,
            "group": self.group,
            "trace": self.trace,
            "rule": self.rule,
            "action": self.action,
            "redirect": self.redirect,
        }


def trace_id() -> str:
    """``Root=1-<epoch>-<random>`` ("Request tracing", ALB user guide)."""
    return f"Root=1-{int(time.time()):08x}-{random.getrandbits(96):024x}"
