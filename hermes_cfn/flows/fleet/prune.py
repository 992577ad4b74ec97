"""Images in the registry: what is released is marked, and what nobody would go back to is deleted.

Where another environment of the file may run them, nothing is deleted but by the registry's own rules or by an administrator.

The registry's own rules cannot know what is in use; they expire only untagged images and build tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.aws.ecr import Image
from hermes_cfn.errors import Finding, Severity, hermes
from hermes_cfn.events import Event, Noted
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import registry, releases
from hermes_cfn.instance.release import Release

BUILD = "build-"
"""Tags that the registry's rules expire, released or not: a released image gives them up."""


def after(context: DeployContext, release: Release) -> Iterator[Event]:
    """Mark and prune.  The release is done, so that what goes wrong here is told and no more."""
    try:
        marked = mark(context, release)
        gone = prune(context)
    except AwsError as error:
        yield from (Noted(context.now, finding) for finding in error.findings)
        return
    if not marked:
        yield Noted(context.now, expiring(release))
    if gone:
        what = f"{len(gone)} tags of older releases are gone: {', '.join(gone[:4])}"
        yield Noted(context.now, Finding("images-pruned", context.names.repository, what, severity=Severity.INFO))


def mark(context: DeployContext, release: Release) -> bool:
    """The released tag on, build tags off; whether the image stays.

    One of another environment's repository keeps the mark that it has from there: nobody here may write to it.
    """
    repository, ecr = registry.repository_of(release.image), context.clients.ecr
    digest = release.image.rpartition("@")[2]
    image = ecr.image(repository, digest)
    tag = context.names.released_tag(release.id)
    if image is None or tag in image.tags:
        return True
    if repository != context.names.repository:
        return image.released or not any(old.startswith(BUILD) for old in image.tags)
    ecr.tag(repository, digest, tag)
    if context.settings.alone:
        ecr.untag(repository, [old for old in image.tags if old.startswith(BUILD)])
    return True


def expiring(release: Release) -> Finding:
    return Finding(
        "image-expiring",
        release.image.partition("@")[0],
        f"{release.tag} is of another environment's repository, which deletes what was never released there, 30 days after its push",
        next="release it there too, or "
        + hermes("image", "push")
        + " here under a tag that does not begin with build-",
        severity=Severity.WARNING,
    )


def prune(context: DeployContext) -> list[str]:
    """The tags that went: of releases of this environment beyond ``release.keep_images``.

    None where others may run them: no policy can tell which image is promoted, so none of them may delete.
    """
    if not context.settings.alone:
        return []
    repository = context.names.repository
    gone = idle(
        context.clients.ecr.images(repository),
        context.names.released_tag(""),
        releases.listed(context),
        _in_use(context),
        context.settings.release.keep_images,
    )
    context.clients.ecr.untag(repository, gone)
    return gone


def idle(images: Sequence[Image], prefix: str, recent: Sequence[str], in_use: Collection[str], keep: int) -> list[str]:
    """Tags to delete: ``recent`` are releases, the last one first; ``in_use`` digests; ``prefix`` begins our marks.

    Beyond the ``keep`` images released last, one that nobody else has released goes with all its
    tags; of one that another environment has released only this environment's marks go.
    """
    place = {f"{prefix}{release}": number for number, release in enumerate(recent)}
    last = {
        image.digest: min(place.get(tag, len(place)) for tag in image.tags if tag.startswith(prefix))
        for image in images
        if any(tag.startswith(prefix) for tag in image.tags)
    }
    released = sorted((image for image in images if image.digest in last), key=lambda image: last[image.digest])
    gone: list[str] = []
    for image in released[keep:]:
        if image.digest in in_use:
            continue
        shared = any(tag.startswith("released-") and not tag.startswith(prefix) for tag in image.tags)
        gone += [tag for tag in image.tags if tag.startswith(prefix) or not shared]
    return gone


def _in_use(context: DeployContext) -> set[str]:
    """Digests of stable, of the goal, and of the release before stable."""
    stable, goal = releases.stable(context), releases.goal(context)
    kept = releases.find(context, stable.id) if stable else None
    before = releases.find(context, kept.previous) if kept and kept.previous else None
    found = [stable, goal[0] if goal else None, before.release if before else None]
    return {release.image.rpartition("@")[2] for release in found if release}
