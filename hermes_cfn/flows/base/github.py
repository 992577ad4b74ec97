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
    environments = f"{base}/repos/{repository}/environments"
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
