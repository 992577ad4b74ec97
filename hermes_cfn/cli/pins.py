"""``.github/hermes-requirements.txt``: what the pipeline installs, each file by its hash.

The versions and hashes of the dependencies come with hermes-cfn; its own hash no package can carry, so pip asks the
index, or reads the wheel, when the file is written.  Without a hash pip refuses in the pipeline: nothing unknown runs there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes

FILE = Path(".github") / "hermes-requirements.txt"
"""Beside hermes.toml, where the workflows of ``init`` look for it."""

SECONDS = 60
"""How long pip may take to find one hash."""

HEAD = """# Written by `hermes-cfn init`; `hermes-cfn init --upgrade` renews it.  pip --require-hashes installs these files alone.
"""


def text(requirement: str, offline: bool = False) -> tuple[str, Finding | None]:
    """The file for ``requirement`` (``NAME==VERSION``, or path or URL of a wheel), and what is missing from it.

    Raises HermesError ``requirement-not-pinned`` for what pip can hold to no hash.
    """
    if not _exact(requirement):
        raise HermesError(
            Finding(
                "requirement-not-pinned",
                requirement,
                "pip cannot hold this to a hash, and the pipeline installs by hash only",
                next="--requirement hermes-cfn==VERSION, or the path or URL of a wheel",
            ),
            exit_code=ExitCode.USAGE,
        )
    found = () if offline else _hashes(requirement)
    own = " \\\n".join([requirement, *(f"    --hash=sha256:{digest}" for digest in found)])
    dependencies = files("hermes_cfn.cli").joinpath("workflows/requirements.txt").read_text(encoding="utf-8")
    missing = None if found else _unknown(requirement, offline)
    return f"{HEAD}{own}\n{dependencies}", missing


def _exact(requirement: str) -> bool:
    """Whether it names one version, or one wheel."""
    if any(letter.isspace() for letter in requirement):
        return False
    name, equals, version = requirement.partition("==")
    if equals and name and version and "*" not in version and "," not in version:
        return True
    return urlsplit(requirement).path.endswith(".whl") and not requirement.startswith(
        ("git+", "hg+", "svn+", "bzr+", "-")
    )


def _hashes(requirement: str) -> tuple[str, ...]:
    """SHA-256 of the wheel that pip would install; nothing where pip is not here, or does not find it."""
    command = [
        sys.executable, "-I", "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet",
        "--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "10",
        "--report", "-", "--", requirement,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        report = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return ()
    told = [
        item.get("download_info", {}).get("archive_info", {}).get("hashes", {}) for item in report.get("install", ())
    ]
    return tuple(hashes["sha256"] for hashes in told if "sha256" in hashes)


def _unknown(requirement: str, offline: bool) -> Finding:
    return Finding(
        "requirement-without-hash",
        str(FILE),
        f"the hash of {requirement} is not in it" + (": nothing was looked up" if offline else ": pip did not find it"),
        why="the pipeline installs by hash only, and ends at its step 'Install' until the hash is there",
        next=hermes("init", "--upgrade") + ", where pip finds it; or --requirement with the path or URL of a wheel",
        severity=Severity.WARNING,
    )
