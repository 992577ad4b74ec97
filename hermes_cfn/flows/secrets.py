"""Secrets: written to Systems Manager as SecureString, and never shown."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.checks import database
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import command, diagnosis, releases
from hermes_cfn.flows.fleet.observer import group
from hermes_cfn.instance.documents import DATABASE_URL, trial
from hermes_cfn.names import output_id

GENERATED = {
    "SECRET_KEY_BASE": "every session and LiveView token that the old key signed ends with the release that brings "
    "the new one in: users sign in again, and while instances of both run, some of them twice",
    "SECRET_KEY": "every session and signed link of the old key ends with the release that brings the new one in "
    "(Django: SECRET_KEY_FALLBACKS keeps them valid)",
}
"""Secrets that are random and nobody else's, and what it means to change them."""

KEY_BYTES = 48
"""64 characters of base64, as ``mix phx.gen.secret`` makes by default (Phoenix documentation)."""


@dataclass(frozen=True, slots=True)
class SecretSeen:
    """A secret without its value; ``released`` is the version that the stable release uses."""

    name: str
    version: int | None
    released: int | None
    modified: datetime | None
    author: str
    needed: bool

    @property
    def state(self) -> str:
        if self.version is None:
            return "missing"
        if not self.needed:
            return "not used"
        if self.released is None:
            return "not released"
        return "in use" if self.released == self.version else f"version {self.released} in use until a release"


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a value: its version, and what its trial found; None is a value that needs or had none."""

    version: int
    tried_on: str | None = None
    notes: tuple[Finding, ...] = ()


def put(context: DeployContext, name: str, value: str) -> Put:
    """Writes a value, after a trial where it is the database's URL and an instance is there to try it.

    Raises HermesError ``secret-unknown`` for a name that the application does not ask for,
    ``secret-invalid`` for one that an environment file cannot carry, and what the trial finds wrong:
    then nothing is written.
    """
    known(context, name)
    value = value.removeprefix("\ufeff")
    if not value or "\n" in value or "\x00" in value or not _utf8(value):
        raise HermesError(
            Finding(
                "secret-invalid",
                name,
                "a secret is one line of UTF-8 that is not empty",
                next=hermes("secrets", "set", name),
            ),
            exit_code=ExitCode.USAGE,
        )
    instance, notes = _tried(context, name, value) if name == DATABASE_URL else (None, ())
    version = context.clients.ssm.put_secret(context.names.secret(name), value)
    context.clients.ssm.described(context.names.secrets_path)  # the next command finds this version, or this one waits
    return Put(version, instance, notes)


def _utf8(value: str) -> bool:
    """Whether it can be written as it is: bytes that were no UTF-8 arrive as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def known(context: DeployContext, name: str) -> None:
    """Raises HermesError ``secret-unknown``."""
    names = context.settings.application.secrets
    if name not in names:
        raise HermesError(
            Finding(
                "secret-unknown",
                name,
                "the application does not ask for this secret",
                evidence=f"it asks for: {', '.join(names)}",
                next="add it to [application] secrets in hermes.toml",
            ),
            exit_code=ExitCode.USAGE,
        )


def _tried(context: DeployContext, name: str, value: str) -> tuple[str | None, tuple[Finding, ...]]:
    """Name, TCP, TLS and login from an instance in service; it reads the candidate by itself."""
    seen = group(context)
    serving = [member.id for member in seen.members if member.lifecycle == "in service"] if seen else []
    if not serving:
        return None, ()
    with _candidate(context, name, value):
        well, text, why = command.run(context, serving[0], trial(context.settings))
    told = diagnosis.last_line(text)
    if not well or not told:
        raise HermesError(
            Finding("secret-untried", name, f"could not be tried from {serving[0]}", evidence=why or text[-300:])
        )
    found = list(database.check(serving[0], {"database": told}, _addresses(context)))
    if any(finding.severity is Severity.ERROR for finding in found):
        why_not = Finding(
            "secret-refused",
            name,
            f"does not work from {serving[0]}: nothing was written, and nothing restarts",
            next=hermes("secrets", "set", name),
        )
        raise HermesError(*found, why_not)
    return serving[0], tuple(found)


@contextmanager
def _candidate(context: DeployContext, name: str, value: str) -> Iterator[None]:
    place = context.names.candidate(name)
    context.clients.ssm.put_secret(place, value)
    try:
        yield
    finally:
        context.clients.ssm.delete(place)


def _addresses(context: DeployContext) -> str:
    if "network" not in context.deployment.keys:
        return ""
    spec = context.deployment.stack("network")
    return context.clients.cloudformation(spec.region).observe(spec.name).outputs.get(output_id("nat_public_ips"), "")


def generated(name: str) -> str:
    """A new random value.  Raises HermesError ``secret-not-ours`` for what somebody else gives out."""
    if name not in GENERATED:
        raise HermesError(
            Finding(
                "secret-not-ours",
                name,
                "is given out by somebody else, and cannot be made here",
                next="get a new one there, then: " + hermes("secrets", "rotate", name) + " < FILE",
            ),
            exit_code=ExitCode.USAGE,
        )
    return randomness.token_urlsafe(KEY_BYTES)


def restore(context: DeployContext, name: str, version: int) -> Put:
    """Writes the value of an older version as the newest one.  Needs the right to read it, as administrators have.

    Raises HermesError ``secret-version-unknown``.
    """
    known(context, name)
    kept = [one.version for one in history(context, name)]
    if version not in kept:
        raise HermesError(
            Finding(
                "secret-version-unknown",
                name,
                f"there is no version {version}",
                evidence=f"kept: {', '.join(map(str, kept)) or 'none'}",
                next=hermes("secrets", "list", name),
            ),
            exit_code=ExitCode.USAGE,
        )
    try:
        value = context.clients.ssm.secret(context.names.secret(name), version)
    except AwsError as error:
        if error.findings[0].code != "permission-denied":
            raise
        raise HermesError(
            Finding(
                "secret-unreadable",
                name,
                "this role may not read secrets, and restoring reads one",
                evidence=error.message,
                next=hermes("--profile", "ADMIN", "secrets", "restore", name, "--version", str(version)),
            ),
            exit_code=ExitCode.REFUSED,
        ) from error
    return put(context, name, value)


def used_by(context: DeployContext, name: str) -> list[str]:
    """Ids of the releases that start with a secret: stable and the goal first, then those that are kept."""
    stable, goal = releases.stable_if_readable(context), releases.goal(context)
    first = [release for release in (stable, goal[0] if goal else None) if release]
    kept = [found.release for one in releases.listed(context) if (found := releases.find(context, one))]
    return list(dict.fromkeys(release.id for release in (*first, *kept) if name in release.secrets))


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """One version: when, by whom, and whether the stable release uses it."""

    version: int
    modified: datetime | None
    author: str
    in_use: bool


def history(context: DeployContext, name: str) -> list[VersionSeen]:
    """Every version that is kept, newest first; no values."""
    stable = releases.stable(context)
    used = stable.secrets.get(name) if stable else None
    kept = reversed(context.clients.ssm.history(context.names.secret(name)))
    return [VersionSeen(one.version, one.modified, one.author, one.version == used) for one in kept]


def listed(context: DeployContext) -> list[SecretSeen]:
    """Every secret that is asked for or set."""
    there = context.clients.ssm.described(context.names.secrets_path)
    stable = releases.stable(context)
    used = stable.secrets if stable else {}
    path = context.names.secrets_path + "/"
    own = [name.removeprefix(path) for name in sorted(there) if "/" not in name.removeprefix(path)]
    names = dict.fromkeys((*context.settings.application.secrets, *own))
    seen = []
    for name in names:
        found = there.get(context.names.secret(name))
        seen.append(
            SecretSeen(
                name,
                found.version if found else None,
                used.get(name),
                found.modified if found else None,
                found.author if found else "",
                name in context.settings.application.secrets,
            )
        )
    return seen


def delete(context: DeployContext, name: str, although_used: bool = False) -> None:
    """Deletes a secret with all its versions.

    Raises HermesError ``secret-in-use`` where stable, the goal or a release that is kept could not be started without
    it, unless ``although_used``.
    """
    users = used_by(context, name)
    if users and not although_used:
        raise HermesError(
            Finding(
                "secret-in-use",
                name,
                f"{len(users)} kept releases start with it: {', '.join(users[:4])}",
                why="an instance that starts anew could not, nor could one go back to them",
                next=(
                    hermes("secrets", "delete", name, "--although-used")
                    + "; leave it out of [application] secrets and release first, if it is not needed any more"
                ),
            ),
            exit_code=ExitCode.REFUSED,
        )
    context.clients.ssm.delete(context.names.secret(name))
