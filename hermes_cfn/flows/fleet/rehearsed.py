"""Whether an image was rehearsed: asks the certificates beside hermes.toml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hermes_cfn.deciders import certificate
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import registry
from hermes_cfn.instance.release import Release


@dataclass(frozen=True, slots=True)
class Required:
    """A rehearsal is required: its certificate lies in ``directory``, and is not older than ``at_most`` (None: any age)."""

    directory: Path
    at_most: timedelta | None = None


def demand(context: DeployContext, release: Release, required: Required) -> None:
    """Raises HermesError ``rehearsal-missing``, ``rehearsal-old``, ``rehearsal-lost``, ``rehearsal-of-other-settings`` or
    ``certificate-unreadable``."""
    files = sorted(required.directory.glob("*.json")) if required.directory.is_dir() else []
    known = []
    unread: list[HermesError] = []
    for file in files:
        try:
            known.append(certificate.read(file.read_text(encoding="utf-8", errors="replace"), str(file)))
        except HermesError as error:
            unread.append(error)
        except OSError:
            continue
    digest = release.image.rpartition("@")[2]
    digests = context.clients.ecr.digests(registry.repository_of(release.image), digest)
    settings = certificate.settings_hash(context.settings)
    lacking = certificate.lacking(known, release.tag or digest, digests, settings, datetime.now(UTC), required.at_most)
    if lacking is None:
        return
    more = [finding for error in unread for finding in error.findings]
    raise HermesError(lacking, *more, exit_code=ExitCode.REFUSED)
