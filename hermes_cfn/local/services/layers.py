"""ECR's blobs: the configuration that a manifest names, under an address that is signed (ECR API, GetDownloadUrlForLayer)."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.fleet.registry import DIGEST
from hermes_cfn.local.services.actions import Actions
from hermes_cfn.local.wire import CALL, HttpResponse, ServiceError

PATH = "/_blobs/"


class Layers(Actions):
    """The one action of ECR that moto does not have; ``images`` is where the registry keeps what was pushed."""

    service = "ecr"
    actions = frozenset({"GetDownloadUrlForLayer"})

    def __init__(self, clients: Clients, images: Path, endpoint: str) -> None:
        self._clients = clients
        self._images = images
        self._endpoint = endpoint
        self._key = secrets.token_bytes(32)

    def get_download_url_for_layer(self, params: dict[str, Any]) -> dict[str, Any]:
        """Raises ServiceError ``LayersNotFoundException``, and ``LayerInaccessibleException`` for what is no configuration."""
        repository, digest = params["repositoryName"], params["layerDigest"]
        named = self._named(repository)
        if digest not in named or not DIGEST.fullmatch(digest):
            raise ServiceError(
                "LayersNotFoundException",
                f"The layer with digest '{digest}' does not exist in the repository with name '{repository}'",
            )
        if not self._file(digest).is_file():
            raise ServiceError("LayerInaccessibleException", "The embedded cloud keeps directories in place of layers")
        return {
            "downloadUrl": f"{self._endpoint}{PATH}{digest}?X-Amz-Signature={self._signature(digest)}",
            "layerDigest": digest,
        }

    def download(self, target: str) -> HttpResponse:
        """The blob of a signed address; 403 where the signature is not ours."""
        digest, _, query = target.removeprefix(PATH).partition("?")
        given, wanted = query.encode("utf-8", "replace"), f"X-Amz-Signature={self._signature(digest)}".encode()
        if not DIGEST.fullmatch(digest) or not hmac.compare_digest(given, wanted):
            return HttpResponse(403, {"Content-Type": "text/plain"}, b"SignatureDoesNotMatch")
        return HttpResponse(200, {"Content-Type": "application/octet-stream"}, self._file(digest).read_bytes())

    def _named(self, repository: str) -> set[str]:
        ecr = self._clients("ecr", CALL.get().region, OWN)
        found: set[str] = set()
        try:
            for page in ecr.get_paginator("list_images").paginate(repositoryName=repository):
                if not page["imageIds"]:
                    continue
                for image in ecr.batch_get_image(repositoryName=repository, imageIds=page["imageIds"])["images"]:
                    manifest = json.loads(image["imageManifest"])
                    blobs = [manifest.get("config", {}), *manifest.get("layers", ())]
                    found |= {blob["digest"] for blob in blobs if "digest" in blob}
        except ClientError as refused:
            raise ServiceError(refused.response["Error"]["Code"], refused.response["Error"]["Message"]) from None
        return found

    def _file(self, digest: str) -> Path:
        return self._images / f"{digest.removeprefix('sha256:')}.json"

    def _signature(self, digest: str) -> str:
        return hmac.new(self._key, digest.encode(), hashlib.sha256).hexdigest()
