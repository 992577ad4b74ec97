"""The one door to GitHub's interface: it reads environments, and nothing is asked without a token."""

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
from hermes_cfn.checks.protection import EnvironmentSeen
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
    """What is wrong with the environments of the pipeline.  The token is gh's own: ``GH_TOKEN``, or ``GITHUB_TOKEN``."""
    github, name = settings.github, settings.environment.name
    if settings.account.github_provider == "none" or github.repository.startswith("YOUR_ORG/"):
        return
    guarded = f"{name}-infrastructure"
    names = [name, guarded]
    token = environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN") or ""
    if offline or not token:
        why = "nothing is asked offline" if offline else "there is no GH_TOKEN"
        yield protection.unchecked(github.repository, names, why)
        return
    base = environ.get("GITHUB_API_URL") or "https://api.github.com"
    try:
        seen = {one: environment(base, github.repository, one, token) for one in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        status = getattr(error, "code", None)
        why = f"GitHub answered {status}" if status else f"GitHub could not be asked ({type(error).__name__})"
        yield protection.unchecked(github.repository, names, why)
        return
    yield from protection.environments(github.repository, seen, guarded)


def environment(base: str, repository: str, name: str, token: str) -> EnvironmentSeen | None:
    """An environment, or None where there is none; OSError and ValueError for any other answer (a redirect too)."""
    place = urllib.parse.urlsplit(base)
    if place.username is not None or not (place.scheme == "https" or (place.scheme, place.hostname) == LOOPBACK):
        raise ValueError("GitHub's interface is reached over HTTPS")
    request = urllib.request.Request(  # noqa: S310 - looked at above
        f"{base}/repos/{repository}/environments/{urllib.parse.quote(name, safe='')}",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
    )
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT_S) as answer:
            said = json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        if error.code == 404 and _readable(base, repository, token):
            return None
        raise
    rules = {str(rule["type"]) for rule in said["protection_rules"]}
    return EnvironmentSeen(bool(said.get("deployment_branch_policy")), "required_reviewers" in rules)


def _readable(base: str, repository: str, token: str) -> bool:
    """Whether the token may read the environments at all: GitHub says 404 for what it does not show, too."""
    request = urllib.request.Request(  # noqa: S310 - the caller's base
        f"{base}/repos/{repository}/environments", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT_S) as answer:
        return bool(answer.status == 200)
