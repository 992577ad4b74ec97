"""``assets push``: static files into their bucket, so that no page ever asks for one that is not there.

Files whose name carries a digest go first and are cached for a year; what names them (HTML, manifests)
goes last and is asked for anew each time.  Old files stay: pages that are open still ask for them.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hermes_cfn.aws.cdn import Cdn
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows import image
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.names import output_id

FOREVER = "public, max-age=31536000, immutable"
ANEW = "public, no-cache"
_DIGESTED = re.compile(r"[-.][0-9a-f]{8,64}\.[A-Za-z0-9.]+\Z")
_ENCODINGS = {".gz": "gzip", ".br": "br"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file and how it is stored."""

    path: Path
    key: str
    digest: str
    content_type: str
    cache: str
    encoding: str = ""

    @property
    def digested(self) -> bool:
        return self.cache == FOREVER


def find(directory: Path) -> list[Asset]:
    """Every file under ``directory``, those with a digest in their name first.

    Raises HermesError ``assets-missing`` for what is no directory or holds no file.
    """
    found = [_asset(path, directory) for path in sorted(directory.rglob("*")) if path.is_file()]
    if not found:
        raise HermesError(
            Finding("assets-missing", str(directory), "holds no file", next="mix assets.deploy, then the same command"),
            exit_code=ExitCode.USAGE,
        )
    return sorted(found, key=lambda asset: (not asset.digested, asset.key))


def release(context: DeployContext, reference: str) -> Story[int]:
    """Publishes what an image has under ``lib/APPLICATION-VERSION/priv/static``; nothing where there is no bucket.

    ``reference`` is a tag or a digest.  Raises what :func:`hermes_cfn.flows.image.files` raises.
    """
    if not context.settings.edge.assets:
        yield StageEnded(context.now, "assets", "edge.assets is off: the application serves them itself")
        return 0
    with TemporaryDirectory() as place:
        directory = Path(place)
        for path, content in image.files(context, reference, static_files(context.settings.application.name)):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content)
        return (yield from push(context, directory))


def static_files(application: str) -> re.Pattern[str]:
    """Where a release keeps its static files; those of its dependencies are not served (mix release, "Directory structure")."""
    return re.compile(rf"(?:^|/)lib/{re.escape(application)}-[^/]+/priv/static/(?P<path>.+)")


def push(context: DeployContext, directory: Path) -> Story[int]:
    """Uploads what is not there yet; the value is how many files.

    Raises HermesError ``assets-off`` when the configuration has no bucket for them.
    """
    if not context.settings.edge.assets:
        raise HermesError(
            Finding(
                "assets-off",
                "edge.assets",
                "there is no bucket for static files",
                next="edge.assets = true, then " + hermes("deploy"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    bucket, door = context.names.assets_bucket, context.clients.s3
    assets = find(directory)
    there = {key for key, _ in door.objects(bucket)}
    wanted = [asset for asset in assets if not (asset.digested and asset.key in there)]
    yield StageStarted(context.now, "assets", f"{len(wanted)} of {len(assets)} files to {bucket}")
    for asset in wanted:
        headers = {"ContentType": asset.content_type, "CacheControl": asset.cache}
        if asset.encoding:
            headers["ContentEncoding"] = asset.encoding
        door.put(bucket, asset.key, asset.path.read_bytes(), **headers)
    yield from _invalidated(context, [asset for asset in wanted if not asset.digested])
    yield StageEnded(context.now, "assets", f"{len(wanted)} uploaded, {len(assets) - len(wanted)} there already")
    return len(wanted)


def _invalidated(context: DeployContext, changed: list[Asset]) -> Iterator[Noted]:
    """Asks CloudFront to forget what may have changed under its name."""
    if not changed or not context.settings.worldwide.cloudfront:
        return
    spec = context.deployment.stack("worldwide")
    outputs = context.clients.cloudformation(spec.region).observe(spec.name).outputs
    distribution = outputs.get(output_id("distribution_arn"), "").rpartition("/")[2]
    if not distribution:
        yield Noted(
            context.now, Finding("distribution-missing", spec.name, "has no distribution yet; nothing was invalidated")
        )
        return
    reference = hashlib.sha256("".join(asset.digest for asset in changed).encode()).hexdigest()[:32]
    Cdn(context.clients.calls("cloudfront", spec.region)).invalidate(
        distribution, [f"/{a.key}" for a in changed], reference
    )


def _asset(path: Path, directory: Path) -> Asset:
    key = path.relative_to(directory).as_posix()
    encoding = _ENCODINGS.get(path.suffix, "")
    plain = key.removesuffix(path.suffix) if encoding else key
    kind = mimetypes.guess_type(plain)[0] or "application/octet-stream"
    cache = FOREVER if _DIGESTED.search(key) else ANEW
    return Asset(path, key, hashlib.sha256(path.read_bytes()).hexdigest(), kind, cache, encoding)
