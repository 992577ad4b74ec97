"""Images in the registry: where this environment may look for them, and where it pushes its own."""

from __future__ import annotations

from hermes_cfn.aws.calls import DENIED, AwsError
from hermes_cfn.aws.ecr import Image
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.names import repositories


def find(context: DeployContext, reference: str) -> Image | None:
    """The image that a tag or a ``sha256:`` digest means here, or None.

    A digest is the same image wherever it lies, so every environment of the file is asked; a tag is the word of
    whoever pushed it, and holds in this environment's own repository, else in that of the file's own environment.
    """
    places = repositories(context.settings) if reference.startswith("sha256:") else _tagged(context)
    for repository in places:
        try:
            found = context.clients.ecr.image(repository, reference)
        except AwsError as error:
            if error.code not in DENIED or repository == places[-1]:
                raise
            continue  # a foundation that was made before the environment had a repository of its own: bootstrap makes it
        if found is not None:
            return found
    return None


def images(context: DeployContext) -> list[Image]:
    """Every image that a tag may mean here, newest first; those of its own repository before others."""
    found: list[Image] = []
    for repository in _tagged(context):
        try:
            found += context.clients.ecr.images(repository) if context.clients.ecr.uri(repository) else []
        except AwsError as error:
            if error.code not in DENIED or repository != context.names.repository:
                raise
    return found


def _tagged(context: DeployContext) -> tuple[str, ...]:
    """Repositories whose tags mean something here: its own, and that of the file's own environment, named as the application."""
    return tuple(dict.fromkeys((context.names.repository, context.names.application)))


def repository_of(image: str) -> str:
    """The repository of an image by digest: ``hermes/staging`` of ``….amazonaws.com/hermes/staging@sha256:…``."""
    return image.partition("@")[0].partition("/")[2]
