"""A user's own image, as a container engine of this machine has it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hermes_cfn.checks.images import DOCKER_WORD
from hermes_cfn.errors import ExitCode, Finding, HermesError

ARCHITECTURES: Mapping[str, str] = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
"""What engines call an architecture (OCI image specification: Go's words) -> what EC2 calls it."""

SECONDS = 60
NOWHERE = "/hermes-rehearsal/no-such-program"
"""What the failing release starts: no image has it."""

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OwnImage:
    """``digests`` are all names by content that the engine knows, its own identifier first; ``architecture`` as EC2 says."""

    name: str
    engine: str
    digests: tuple[str, ...]
    architecture: str
    entrypoint: bool = False
    """Whether it says a program of its own, to which a command is only given."""

    def directories(self, place: Path, tag: str, before: str, failing: str, commanded: bool) -> dict[str, Path]:
        """What is pushed under each tag: the image; the one before it; and one whose program does not start.

        ``commanded``: ``hermes.toml`` says the command, which an image's own has no say in.
        """
        key = "Entrypoint" if self.entrypoint or commanded else "Cmd"
        told: dict[str, dict[str, Any]] = {
            tag: {"Image": self.digests[0]},
            before: {"Image": self.digests[0], "Env": ["HERMES_REHEARSAL=before"]},
            failing: {"Image": self.digests[0], key: [NOWHERE]},
        }
        made = {}
        for name, content in told.items():
            made[name] = place / name
            made[name].mkdir(parents=True)
            architecture = DOCKER_WORD.get(self.architecture, self.architecture)
            (made[name] / "image.json").write_text(json.dumps({**content, "Architecture": architecture}))
        return made


def find(engine: str, name: str, architecture: str) -> OwnImage:
    """Asks the engine for an image.

    Raises HermesError ``engine-missing``, ``engine-silent``, ``image-not-built`` and ``image-architecture``.
    """
    words = shlex.split(engine)
    if not words or shutil.which(words[0]) is None:
        raise _refused(
            "engine-missing", engine, "there is no such program on this machine", "install it, or --engine docker"
        )
    asked = [*words, "image", "inspect", "--format", "{{json .}}", "--", name]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=SECONDS)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise _refused(
            "engine-silent", engine, f"did not answer: {error}", f"{engine} info says what is wrong"
        ) from error
    if done.returncode:
        alive = subprocess.run([*words, "images", "--quiet"], capture_output=True, text=True, timeout=SECONDS)
        if alive.returncode:
            told = alive.stderr.strip()[-500:]
            raise _refused(
                "engine-silent", engine, "does not answer", f"start it: {engine} info says what is wrong", told
            )
        what = f"{engine} has no such image"
        raise _refused("image-not-built", name, what, f"{engine} build --tag {name} ., or {engine} pull {name}")
    told_of = json.loads(done.stdout)
    told_of = told_of[0] if isinstance(told_of, list) else told_of
    own = str(told_of.get("Id", ""))
    digests = [own if own.startswith("sha256:") else f"sha256:{own}", str(told_of.get("Digest", ""))]
    digests += [str(one).rpartition("@")[2] for one in told_of.get("RepoDigests") or ()]
    kept = tuple(dict.fromkeys(one for one in digests if _SHA256.fullmatch(one)))
    has = ARCHITECTURES.get(str(told_of.get("Architecture")), str(told_of.get("Architecture")))
    if has != architecture:
        platform = DOCKER_WORD.get(architecture, architecture)
        raise _refused(
            "image-architecture",
            name,
            f"is for {has}, and [application] architecture says {architecture}",
            f"{engine} build --platform linux/{platform} --tag {name} ., or architecture = {has!r} in hermes.toml",
        )
    return OwnImage(name, engine, kept, has, bool((told_of.get("Config") or {}).get("Entrypoint")))


def _refused(code: str, where: str, what: str, after: str, evidence: str = "") -> HermesError:
    return HermesError(Finding(code, where, what, evidence=evidence, next=after), exit_code=ExitCode.USAGE)


def secrets(file: Path) -> dict[str, str]:
    """``NAME=value`` lines of a file that only its owner should read.  Raises HermesError ``secrets-unreadable``."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(
            "secrets-unreadable", str(file), f"cannot be read: {error}", "a file of NAME=value lines"
        ) from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            where = f"{file}:{number}"
            raise _refused("secrets-unreadable", where, "is no NAME=value", "one secret a line, without quotes")
        found[name.strip()] = value.strip()
    return found
