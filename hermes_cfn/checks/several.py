"""What several instances mean for an application that keeps something in memory."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding, Severity


def alone(settings: Settings) -> Iterator[Finding]:
    """``instances-apart``: what of Phoenix does not reach across instances that are no cluster."""
    service, count = settings.service, settings.compute.count
    if count < 2 or service.cluster:
        return
    lost = ["Phoenix.PubSub and Presence end at the instance", "so do broadcasts of channels and LiveViews"]
    if not service.stickiness:
        lost.append("a long poll or an upload that comes back may reach an instance that does not know it")
    yield Finding(
        "instances-apart",
        "hermes.toml [service]",
        f"{count} instances do not know of each other",
        why="; ".join(lost),
        next="cluster = true connects them"
        + (
            ""
            if service.stickiness
            else ", stickiness = true keeps a user on one; nothing, if the application does without"
        ),
        severity=Severity.INFO,
    )
