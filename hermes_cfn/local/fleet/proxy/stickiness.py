"""Sticky sessions by the load balancer's own cookie ("Sticky sessions", ALB user guide).

AWSALB names the target and is sent anew with every answer; AWSALBCORS is the same for requests
across origins.  AWS encrypts it; here it is only opaque enough that nobody relies on what is in it.
"""

from __future__ import annotations

import base64
import binascii
import time
from email.utils import formatdate

from hermes_cfn.local.fleet.proxy.http import Head
from hermes_cfn.local.fleet.proxy.targets import Target, TargetGroup

KEPT_S = 7 * 86400


def bound(group: TargetGroup, head: Head) -> Target | None:
    """The healthy target that the request's cookie names, while the cookie lasts."""
    for part in head.get(b"cookie").split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name in (b"AWSALB", b"AWSALBCORS"):
            try:
                key, _, until = base64.urlsafe_b64decode(value).decode().rpartition("|")
                target = group.targets.get(key)
                if target is not None and target.state == "healthy" and float(until) > time.time():
                    return target
            except (binascii.Error, ValueError):
                continue
    return None


def cookies(target: Target, lasts_s: float) -> bytes:
    """The header lines that bind a client to ``target`` for ``lasts_s`` real seconds."""
    value = base64.urlsafe_b64encode(f"{target.key}|{time.time() + lasts_s}".encode()).decode()
    end = f"Expires={formatdate(time.time() + KEPT_S, usegmt=True)}; Path=/"
    return f"Set-Cookie: AWSALB={value}; {end}\r\nSet-Cookie: AWSALBCORS={value}; {end}; SameSite=None\r\n".encode()
