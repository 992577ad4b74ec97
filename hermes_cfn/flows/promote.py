"""``promote``: the very digest that another environment verified, released here."""

from __future__ import annotations

from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes
from hermes_cfn.events import StageStarted
from hermes_cfn.flows import release
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import releases


def run(source: DeployContext, target: DeployContext) -> Story[None]:
    """Releases in ``target`` the image that is stable in ``source``; variables and secrets are the target's own.

    Raises HermesError ``promote-same`` and ``promote-nothing``.
    """
    if source.names.environment == target.names.environment:
        raise HermesError(
            Finding(
                "promote-same", target.names.environment, "is both ends", next="--env production promote --from staging"
            ),
            exit_code=ExitCode.USAGE,
        )
    verified = releases.stable(source)
    if verified is None:
        raise HermesError(
            Finding(
                "promote-nothing",
                source.names.stable_parameter,
                f"{source.names.environment} has verified no release",
                next=hermes("--env", source.names.environment, "release", "--image", "TAG"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    digest = verified.image.rpartition("@")[2]
    yield StageStarted(target.now, "promotion", f"{verified.tag} of {source.names.environment}, {digest[:19]}")
    yield from release.run(target, digest, compatible=verified.compatible)
