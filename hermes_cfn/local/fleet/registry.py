"""Images that instances can pull: directories, known to ECR by digest.

The manifest is what moto's ECR stores; its digest is computed from the content of the
directory, so the same program has the same digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.local.owner import PRIVATE_DIRECTORY

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""A digest as a registry writes it (OCI image specification, "Descriptors: Digests"): anything else is no name of a file."""
STANDIN = Path(__file__).parent / "standin"
LAYER_BYTES = 40_000_000
GO_WORD = {"x86_64": "amd64"}
"""What an image's configuration calls an architecture that EC2 calls otherwise."""


def build(
    images: Path, directory: Path | None, environment: Mapping[str, str], architecture: str
) -> tuple[str, dict[str, Any]]:
    """Makes an image under ``images``; its configuration digest and its manifest.

    ``directory`` holds a program named ``run``, or an ``image.json`` with Docker's keys; None
    takes the stand-in application.
    """
    source = directory or STANDIN
    configuration = _configuration(source, directory is None, environment, architecture)
    content = hashlib.sha256()
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            content.update(str(file.relative_to(source)).encode() + file.read_bytes())
    blob = _blob(configuration, content.hexdigest())
    sha = hashlib.sha256(blob.encode()).hexdigest()
    target = images / sha
    if not target.exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), copy_function=_copied)
        for directory in (target, *(path for path in target.rglob("*") if path.is_dir())):
            directory.chmod(PRIVATE_DIRECTORY)
        (target / "image.json").write_text(json.dumps(configuration, sort_keys=True))
        (images / f"{sha}.json").write_text(blob)
    return f"sha256:{sha}", manifest(f"sha256:{sha}", len(blob))


def _copied(source: str, target: str) -> None:
    """A file's content, for the owner alone; what its owner may do with it stays."""
    shutil.copyfile(source, target)
    Path(target).chmod(Path(source).stat().st_mode & PRIVATE_DIRECTORY)


def _blob(configuration: Mapping[str, Any], content: str) -> str:
    """The configuration that the manifest names (OCI image specification, "Image Configuration"), by its own digest."""
    told = {
        "architecture": configuration["Architecture"],
        "os": "linux",
        "config": configuration,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{content}"]},
    }
    return json.dumps(told, sort_keys=True)


def manifest(configuration_digest: str, size: int) -> dict[str, Any]:
    """An image manifest, schema 2 (OCI image specification's predecessor, as docker pushes)."""
    media = "application/vnd.docker"
    return {
        "schemaVersion": 2,
        "mediaType": f"{media}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{media}.container.image.v1+json", "size": size, "digest": configuration_digest},
        "layers": [
            {
                "mediaType": f"{media}.image.rootfs.diff.tar.gzip",
                "size": LAYER_BYTES,
                "digest": f"sha256:{hashlib.sha256(configuration_digest.encode()).hexdigest()}",
            }
        ],
    }


def of_index(index: Mapping[str, Any], architecture: str) -> str | None:
    """The digest of the manifest for an architecture in an index of several (OCI image specification, "Image Index")."""
    word = GO_WORD.get(architecture, architecture)
    for one in index["manifests"]:
        platform = one.get("platform", {})
        if (platform.get("os"), platform.get("architecture")) == ("linux", word):
            return str(one["digest"])
    return None


def directory_of(images: Path, image_manifest: Mapping[str, Any]) -> Path | None:
    """The directory of an image by its manifest; None for a manifest that was not made here."""
    digest = str(image_manifest.get("config", {}).get("digest", ""))
    if not DIGEST.fullmatch(digest):
        return None
    found = images / digest.removeprefix("sha256:")
    return found if found.exists() else None


def _configuration(source: Path, standin: bool, environment: Mapping[str, str], architecture: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if (source / "image.json").exists():
        given = json.loads((source / "image.json").read_text())
    elif standin:
        given = {"Entrypoint": ["python3", "-S", "-E", "app.py"], "Cmd": ["serve"]}
    else:
        given = {"Entrypoint": ["./run"]}
    given["Env"] = [*(given.get("Env") or []), *(f"{name}={value}" for name, value in sorted(environment.items()))]
    given.setdefault("Architecture", GO_WORD.get(architecture, architecture))
    return given
