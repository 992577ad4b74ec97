"""ECR: images by tag and digest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hermes_cfn.aws.calls import AwsError, Calls

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)

MANIFEST_TYPES = [
    *INDEX_TYPES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]

TIMEOUT_S = 10
CONFIGURATION_BYTES = 4 << 20
"""ECR takes no manifest above 4 MiB (Amazon ECR service quotas); a configuration is smaller than that."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the repository."""

    repository: str
    uri: str
    digest: str
    tags: tuple[str, ...]
    pushed: datetime | None = None

    @property
    def released(self) -> bool:
        """Whether some environment has marked it, so that no rule of the registry touches it."""
        return any(tag.startswith("released-") for tag in self.tags)

    @property
    def pinned(self) -> str:
        """``repository-uri@sha256:…``."""
        return f"{self.uri}@{self.digest}"


class Ecr:
    """Repositories of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def uri(self, repository: str) -> str | None:
        """The repository's URI, or None when there is none."""
        try:
            found = self._calls.describe_repositories(repositoryNames=[repository])["repositories"]
        except AwsError as error:
            if error.code == "RepositoryNotFoundException":
                return None
            raise
        return str(found[0]["repositoryUri"])

    def image(self, repository: str, reference: str) -> Image | None:
        """The image by tag or ``sha256:`` digest, or None."""
        uri = self.uri(repository)
        if uri is None:
            return None
        identity = {"imageDigest" if reference.startswith("sha256:") else "imageTag": reference}
        try:
            found = self._calls.describe_images(repositoryName=repository, imageIds=[identity])["imageDetails"][0]
        except AwsError as error:
            if error.code in {"ImageNotFoundException", "InvalidParameterException"}:
                return None
            raise
        return Image(
            repository, uri, found["imageDigest"], tuple(found.get("imageTags", ())), found.get("imagePushedAt")
        )

    def images(self, repository: str) -> list[Image]:
        """Every image, newest first."""
        uri = self.uri(repository) or ""
        found = self._calls.pages("describe_images", "imageDetails", repositoryName=repository)
        images = [
            Image(repository, uri, i["imageDigest"], tuple(i.get("imageTags", ())), i.get("imagePushedAt"))
            for i in found
        ]
        return sorted(images, key=lambda image: str(image.pushed), reverse=True)

    def architectures(self, repository: str, digest: str) -> tuple[str, ...]:
        """The architectures that an image carries; empty when that cannot be read.

        An index names them; a single manifest names a configuration that does (OCI image specification,
        "Image Index", "Image Configuration"), which a signed address leads to (ECR API, GetDownloadUrlForLayer).
        """
        manifest = self._manifest(repository, digest)
        if manifest is None:
            return ()
        if "manifests" in manifest:
            found = {m.get("platform", {}).get("architecture", "") for m in manifest["manifests"]}
            return tuple(sorted(found - {"", "unknown"}))
        told = self._configuration(repository, str(manifest.get("config", {}).get("digest", "")))
        return tuple(filter(None, (str(told.get("architecture", "")),)))

    def digests(self, repository: str, digest: str) -> tuple[str, ...]:
        """Every name by content of an image: its manifest's, and that of its configuration, which is the same in every
        registry and in the engine that built it (OCI image specification, "Image ID"); of an index, those of its manifests too."""
        found, waiting = [digest], [digest]
        while waiting:
            manifest = self._manifest(repository, waiting.pop()) or {}
            inside = [str(one.get("digest", "")) for one in manifest.get("manifests", ())]
            waiting += [one for one in inside if one not in found]
            found += [*inside, str(manifest.get("config", {}).get("digest", ""))]
        return tuple(dict.fromkeys(filter(None, found)))

    def _configuration(self, repository: str, digest: str) -> dict[str, Any]:
        """The configuration of an image; empty where the caller may not have it, or it does not arrive."""
        import urllib.request

        try:
            found = self._calls.get_download_url_for_layer(repositoryName=repository, layerDigest=digest)
            with urllib.request.urlopen(found["downloadUrl"], timeout=TIMEOUT_S) as answer:  # noqa: S310 - the address is ECR's own answer
                told = json.loads(answer.read(CONFIGURATION_BYTES))
        except (AwsError, OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _manifest(self, repository: str, digest: str) -> dict[str, Any] | None:
        found = self._calls.batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=MANIFEST_TYPES,
        ).get("images", ())
        return dict(json.loads(found[0]["imageManifest"])) if found else None

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """One more name for an image; nothing when it has that name already."""
        found = self._calls.batch_get_image(
            repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=MANIFEST_TYPES
        )["images"][0]
        media = {"imageManifestMediaType": found["imageManifestMediaType"]} if "imageManifestMediaType" in found else {}
        try:
            self._calls.put_image(
                repositoryName=repository, imageManifest=found["imageManifest"], imageTag=tag, **media
            )
        except AwsError as error:
            if error.code not in {"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"}:
                raise

    def untag(self, repository: str, tags: Sequence[str]) -> None:
        """An image without a tag left is deleted (ECR API reference, BatchDeleteImage)."""
        for at in range(0, len(tags), 100):
            names = [{"imageTag": tag} for tag in tags[at : at + 100]]
            self._calls.batch_delete_image(repositoryName=repository, imageIds=names)

    def login(self) -> tuple[str, str, str]:
        """User, password and registry for ``docker login``; the password is never shown."""
        import base64

        data = self._calls.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        return user, password, str(data["proxyEndpoint"]).removeprefix("https://")
