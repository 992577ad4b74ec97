"""The one door to GitHub's interface: it reads environments and subjects, and nothing is asked without a token."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import IO

from hermes_cfn.checks import protection
from hermes_cfn.checks.protection import EnvironmentSeen, SubjectSeen
from hermes_cfn.config import Settings
from hermes_cfn.errors import Finding

TIMEOUT_S = 10.0
MOST_BYTES = 1 << 20
LOOPBACK = ("http", "127.0.0.1")


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token along to whatever host it names."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def check(settings: Settings, environ: Mapping[str, str] = os.environ, offline: bool = False) -> Iterator[Finding]:
    """What is wrong with the pipeline's environments and its name.  The token is gh's own: ``GH_TOKEN``, or ``GITHUB_TOKEN``."""
    github, name = settings.github, settings.environment.name
    if settings.account.github_provider == "none" or github.repository.startswith("YOUR_ORG/"):
        return
    guarded = f"{name}-infrastructure"
    names = [name, guarded]
    token = _token(environ)
    if offline or not token:
        why = "nothing is asked offline" if offline else "there is no GH_TOKEN"
        yield protection.unchecked(github.repository, names, why)
        return
    base = _base(environ)
    try:
        seen = {one: environment(base, github.repository, one, token) for one in names}
        yield from protection.environments(github.repository, seen, guarded)
    except UNREAD as error:
        yield protection.unchecked(github.repository, names, _why(error))
    try:
        yield from protection.subject(github.repository, github.subject_prefix, subject(base, github.repository, token))
    except UNREAD as error:
        yield protection.subject_unchecked(github.repository, github.subject_prefix, _why(error))


def introduced(repository: str, environ: Mapping[str, str] = os.environ) -> SubjectSeen | None:
    """How GitHub introduces a repository; None without a token, or where it cannot be read."""
    token = _token(environ)
    try:
        return subject(_base(environ), repository, token) if token else None
    except UNREAD:
        return None


UNREAD = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What an answer raises that is none, or none that GitHub documents."""


def _token(environ: Mapping[str, str]) -> str:
    return environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN") or ""


def _base(environ: Mapping[str, str]) -> str:
    return environ.get("GITHUB_API_URL") or "https://api.github.com"


def _why(error: Exception) -> str:
    status = getattr(error, "code", None)
    return f"GitHub answered {status}" if status else f"GitHub could not be asked ({type(error).__name__})"


def subject(base: str, repository: str, token: str) -> SubjectSeen:
    """How the tokens of a repository begin; OSError and ValueError for any other answer.

    GitHub REST API, "Get the customization template for an OIDC subject claim for a repository"; an enterprise server
    tells no prefix.
    """
    said = json.loads(_asked(_place(base, repository, "actions/oidc/customization/sub"), token))
    return SubjectSeen(str(said.get("sub_claim_prefix") or ""), bool(said["use_default"]))


def _place(base: str, repository: str, rest: str) -> str:
    place = urllib.parse.urlsplit(base)
    if place.username is not None or not (place.scheme == "https" or (place.scheme, place.hostname) == LOOPBACK):
        raise ValueError("GitHub's interface is reached over HTTPS")
    return f"{base}/repos/{repository}/{rest}"


def environment(base: str, repository: str, name: str, token: str) -> EnvironmentSeen | None:
    """An environment, or None where there is none; OSError and ValueError for any other answer (a redirect too)."""
    environments = _place(base, repository, "environments")
    try:
        said = json.loads(_asked(f"{environments}/{urllib.parse.quote(name, safe='')}", token))
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        _asked(environments, token)  # GitHub says 404 for what it does not show, too: may the token read them at all
        return None
    rules = {str(rule["type"]) for rule in said["protection_rules"]}
    return EnvironmentSeen(bool(said.get("deployment_branch_policy")), "required_reviewers" in rules)


def _asked(url: str, token: str) -> bytes:
    """GitHub's answer; ``url`` was looked at by the caller."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - looked at by the caller
    with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT_S) as answer:
        return bytes(answer.read(MOST_BYTES))
