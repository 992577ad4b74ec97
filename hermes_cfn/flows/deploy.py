"""``deploy``: stacks, then the release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hermes_cfn.aws.cloudformation import TEMPLATE_LIMIT
from hermes_cfn.cfn.template import Template, dependencies, references
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows import release, releases
from hermes_cfn.flows.drive import Story
from hermes_cfn.flows.ground import Ground
from hermes_cfn.flows.lock import Held, there
from hermes_cfn.flows.releases import Kept
from hermes_cfn.flows.stacks import Bringing, Guard, size


@dataclass(frozen=True)
class Wish:
    """``image``: a tag or digest, or nothing for what runs.  ``wait``: stay while a person does chores.

    ``stacks_only``: leave the release to whoever may make one.
    """

    image: str = ""
    wait: bool = False
    lookups: Mapping[str, str] = field(default_factory=dict)
    guard: Guard | None = None
    role: str = ""
    compatible: bool = True
    stacks_only: bool = False


def run(ground: Ground, wish: Wish) -> Story[None]:
    """Foundation, then under the lock every other stack, then the release."""
    if not there(ground):
        yield from foundation(ground)
    with Held(ground, f"deploy {wish.image}".strip()) as held:
        yield from stacks(ground, wish, held)
        if not wish.stacks_only:
            yield from _release(ground, wish, held)


def foundation(ground: Ground) -> Story[None]:
    """What an account has once; nothing is locked yet, because the lock is part of it."""
    specs = [spec for spec in ground.deployment if spec.account_wide]
    if not specs:
        raise HermesError(
            Finding("foundation-missing", "foundation", "no account-wide stack", next="hermes-cfn render")
        )
    yield StageStarted(ground.now, "foundation", ", ".join(spec.name for spec in specs))
    if ground.doors.s3.exists(ground.names.artifacts_bucket) == "free":
        yield from Bringing(ground, [beginning(spec) for spec in specs]).run(lambda: None)
    yield from Bringing(ground, specs).run(lambda: None)


def beginning(spec: StackSpec, limit: int = TEMPLATE_LIMIT) -> StackSpec:
    """As much of a stack, in its own order, as a request can carry.

    A template above the limit goes through the artifacts bucket, which is itself part of the
    first stack: so that one is created in two steps.
    """
    if size(spec.template) <= limit:
        return spec
    resources = dict(spec.template["Resources"])
    waits = dependencies(Template.parse(dict(spec.template)))
    while True:
        outputs = {
            name: output
            for name, output in spec.template.get("Outputs", {}).items()
            if all(reference.target in resources for reference in references(output))
        }
        template = {**spec.template, "Resources": resources, "Outputs": outputs}
        if size(template) <= limit:
            return replace(spec, template=template)
        last = [name for name in resources if not any(name in waits[other] for other in resources)][-1]
        del resources[last]


def stacks(ground: Ground, wish: Wish, held: Held) -> Story[dict[str, str]]:
    """Every stack, gates in between: the first release is written as stable before instances start."""
    common = [spec for spec in ground.deployment if spec.account_wide]
    own = [spec for spec in ground.deployment if not spec.account_wide]
    yield from (Noted(ground.now, finding) for spec in common if (finding := stale(ground, spec)))
    bringing = Bringing(
        ground,
        own,
        outputs={spec.key: ground.doors.cloudformation(spec.region).observe(spec.name).outputs for spec in common},
        lookups=wish.lookups,
        gate=_Gate(ground, wish),
        guard=wish.guard,
        role=wish.role,
    )
    yield StageStarted(ground.now, "stacks", f"{len(own)} of {ground.deployment.environment}")
    outcomes = yield from bringing.run(held.guard)
    changed = sum(outcome != "unchanged" for outcome in outcomes.values())
    yield StageEnded(ground.now, "stacks", f"{changed} changed, {len(outcomes) - changed} unchanged")
    return outcomes


def stale(ground: Ground, spec: StackSpec) -> Finding | None:
    """An account-wide stack that differs from its template: only bootstrap may touch it."""
    there = ground.doors.cloudformation(spec.region).template(spec.name)
    if there is None or there == json.loads(json.dumps(dict(spec.template))):
        return None
    return Finding(
        "foundation-stale",
        spec.name,
        "the account's foundation is not what hermes.toml says",
        why="deploy does not touch it",
        next="hermes-cfn bootstrap",
        severity=Severity.WARNING,
    )


class _Gate:
    """Holds a stack until what a person must do is done, then writes the first stable release."""

    def __init__(self, ground: Ground, wish: Wish) -> None:
        self.ground = ground
        self.wish = wish
        self.checks: Mapping[str, Callable[[], list[Finding]]] = {"image": self._image, "secrets": self._secrets}

    def __call__(self, spec: StackSpec) -> list[Finding]:
        if not spec.gates or releases.stable(self.ground) is not None:
            return []
        found = [finding for gate in spec.gates if gate in self.checks for finding in self.checks[gate]()]
        if found:
            if self.wish.wait:
                return found
            raise HermesError(*found, exit_code=ExitCode.REFUSED)
        if "stable" in spec.gates:
            first = releases.resolve(self.ground, self.wish.image, self.wish.compatible)
            releases.keep(self.ground, Kept(first).then(self.ground.now, "first release", first.requested_by))
            releases.write_goal(self.ground, first)
            releases.write_stable(self.ground, first)
        return []

    def _image(self) -> list[Finding]:
        ground, wanted = self.ground, self.wish.image
        if not wanted:
            tags = [tag for image in ground.doors.ecr.images(ground.names.repository) for tag in image.tags]
            return [
                Finding(
                    "image-not-chosen",
                    ground.names.repository,
                    "the first deployment needs an image",
                    evidence=f"tags there: {', '.join(tags[:8]) or 'none'}",
                    next="hermes-cfn image push TAG, then deploy --image TAG",
                )
            ]
        if ground.doors.ecr.image(ground.names.repository, wanted) is None:
            return [releases.image_missing(ground, wanted)]
        return []

    def _secrets(self) -> list[Finding]:
        return [releases.secret_missing(self.ground, name) for name in releases.missing_secrets(self.ground)]


def _release(ground: Ground, wish: Wish, held: Held) -> Story[None]:
    """The release half: what was asked for, or what is stable, on every instance."""
    stable = releases.stable(ground)
    if stable is None:
        yield StageEnded(ground.now, "release", "there is none to roll")
        return
    wanted = releases.resolve(ground, wish.image, wish.compatible) if wish.image else stable
    yield from release.roll(ground, held, wanted)
