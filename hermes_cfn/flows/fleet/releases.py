"""Releases as they are kept: goal and stable in parameters, everything of one in the artifacts bucket."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from hermes_cfn.deciders.attempts import Attempt, of_history
from hermes_cfn.deciders.release import CanaryRules, SchemaStep
from hermes_cfn.deciders.view import Strategy
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import registry
from hermes_cfn.instance.release import Release, containers, images
from hermes_cfn.names import extra_name

REQUESTED, MIGRATED, STABLE, FAILED, ROLLED_BACK = "requested", "migrated", "stable", "failed", "rolled back"
"""Lines of a release's history that programs look for."""

ENDS = frozenset({STABLE, FAILED, ROLLED_BACK, "after_deploy"})
"""Lines of a release's history after which another attempt is a new one."""

GOING_BACK = "going back to it"
"""The last line of a release's history while a rollback to it is under way, or was cut off."""


@dataclass(frozen=True)
class ReleaseRecord:
    """A release with what became of it, oldest first.

    ``strategy`` is how it was asked to be rolled out, so that whoever goes on elsewhere goes on in the same way; None where
    that was not recorded.
    """

    release: Release
    previous: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    migration: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: Mapping[str, Any] = field(default_factory=dict)
    strategy: Strategy | None = None

    def to_json(self) -> str:
        content = asdict(self)
        content["release"] = json.loads(self.release.to_json())
        return json.dumps(content, indent=2, default=str)

    @classmethod
    def from_json(cls, text: str) -> ReleaseRecord:
        content = json.loads(text)
        return cls(
            Release.from_json(json.dumps(content["release"])),
            content.get("previous"),
            tuple(content.get("history", ())),
            content.get("migration", {}),
            content.get("diagnosis", {}),
            _strategy(content.get("strategy")),
        )

    @property
    def verified(self) -> bool:
        """Whether it was on every instance once, and answered."""
        return any(line.get("what") == STABLE for line in self.history)

    @property
    def begun(self) -> datetime | None:
        """When the last attempt at it began; None where that was not recorded."""
        times = [str(line["at"]) for line in self.history if line.get("what") == REQUESTED]
        return datetime.fromisoformat(times[-1]) if times else None

    @property
    def ran_last(self) -> str:
        """ISO time at which it was last on every instance, or else asked for; "" when it never was."""
        for wanted in (STABLE, REQUESTED):
            if times := [str(line["at"]) for line in self.history if line.get("what") == wanted]:
                return times[-1]
        return ""

    @property
    def open(self) -> bool:
        """Whether its last attempt has neither come to its end nor failed: it is paused, or was cut off."""
        return not self.history or self.history[-1].get("what") not in ENDS

    def schema_steps(self) -> list[SchemaStep]:
        """Its migrations, by the newest word on whether the release before runs on their schema."""
        lines = [line for line in self.history if line.get("what") == MIGRATED]
        if not lines and self.migration.get("at"):
            lines = [self.migration]
        return [
            SchemaStep(
                str(line["at"]),
                self.release.id,
                line.get("before"),
                line.get("after"),
                line.get("changed"),
                self.release.compatible,
            )
            for line in lines
        ]

    def then(self, at: datetime, what: str, detail: str = "", **more: Any) -> ReleaseRecord:
        """With one more line of history."""
        line = {"at": at.isoformat(), "what": what, "detail": detail, **more}
        return replace(self, history=(*self.history, line))


def _strategy(content: Mapping[str, Any] | None) -> Strategy | None:
    return Strategy(**{**content, "rules": CanaryRules(**content["rules"])}) if content else None


def attempts(kept: ReleaseRecord) -> tuple[Attempt, ...]:
    """The record of each attempt at a release, oldest first."""
    release = kept.release
    return of_history(release.id, release.requested_by, release.commit, release.image, kept.history)


def committed(kept: Collection[ReleaseRecord]) -> dict[str, datetime]:
    """When the commits of releases were made, where the checkout here has them."""
    known: dict[str, datetime] = {}
    for commit in {one.release.commit for one in kept} - {""}:
        if re.fullmatch("[0-9a-f]{7,64}", commit) and (git := shutil.which("git")):
            asked = [git, "show", "--no-patch", "--format=%cI", commit]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip():
                known[commit] = datetime.fromisoformat(done.stdout.split()[-1])
    return known


def stable(context: DeployContext) -> Release | None:
    """What new instances boot.  Raises HermesError ``release-unreadable``."""
    found = _read(context, context.names.stable_parameter)
    return found[0] if found else None


def stable_if_readable(context: DeployContext) -> Release | None:
    """The same for whoever is about to write it: what cannot be read is as good as none."""
    try:
        return stable(context)
    except HermesError:
        return None


def goal(context: DeployContext) -> tuple[Release, int] | None:
    """What the fleet shall run, and which version of the parameter says so.  Raises HermesError ``release-unreadable``."""
    return _read(context, context.names.goal_parameter)


def _read(context: DeployContext, name: str) -> tuple[Release, int] | None:
    found = context.clients.ssm.parameter(name)
    if found is None:
        return None
    try:
        return Release.from_json(found.value), found.version
    except HermesError as error:
        raise HermesError(
            Finding(
                "release-unreadable",
                name,
                "is not a release; somebody overwrote it",
                evidence=f"version {found.version}: {error.findings[0].what}",
                next=hermes("release", "--image", "TAG") + " writes it anew",
            )
        ) from error


def write_goal(context: DeployContext, release: Release) -> int:
    """The goal's version; writing what is there already makes no new one.

    Raises HermesError ``image-foreign``: no instance would run it.
    """
    if not re.fullmatch(images(context.settings), release.image):
        raise HermesError(
            Finding(
                "image-foreign",
                release.id,
                f"its image {release.image} is of no repository that this file's environments have in this account and region",
                why="instances run images of the repositories that hermes.toml names, and log in to no other registry",
                next=hermes("image", "push", "TAG") + ", then " + hermes("release", "--image", "TAG"),
            ),
            exit_code=ExitCode.REFUSED,
        )
    try:
        now = goal(context)
    except HermesError:
        now = None
    if now is not None and (now[0].id, now[0].compatible) == (release.id, release.compatible):
        return now[1]
    return context.clients.ssm.put(context.names.goal_parameter, release.to_json())


def write_stable(context: DeployContext, release: Release) -> None:
    now = stable_if_readable(context)
    if now is None or now.id != release.id:
        context.clients.ssm.put(context.names.stable_parameter, release.to_json())


def keep(context: DeployContext, kept: ReleaseRecord) -> None:
    key = context.names.release_key(kept.release.id)
    context.clients.s3.put(context.names.artifacts_bucket, key, kept.to_json().encode(), ContentType="application/json")


def find(context: DeployContext, release_id: str) -> ReleaseRecord | None:
    """A kept release, or None.  Raises HermesError ``release-record-unreadable``."""
    key = context.names.release_key(release_id)
    found = context.clients.s3.get(context.names.artifacts_bucket, key)
    if found is None:
        return None
    try:
        return ReleaseRecord.from_json(found.decode())
    except (ValueError, KeyError, TypeError, AttributeError, HermesError) as error:
        raise HermesError(
            Finding(
                "release-record-unreadable",
                f"s3://{context.names.artifacts_bucket}/{key}",
                "what is kept of this release cannot be read: it is damaged, or a newer hermes-cfn wrote it",
                evidence=f"{type(error).__name__}: {error}"[:300],
                next="use the newer hermes-cfn; or restore an earlier version of the object; or delete it",
            ),
            exit_code=ExitCode.REFUSED,
        ) from error


def known(context: DeployContext, release_id: str) -> ReleaseRecord:
    """A kept release.  Raises HermesError ``release-unknown`` naming those that are there."""
    found = find(context, release_id)
    if found is None:
        names = ", ".join(listed(context)[:8]) or "none"
        raise HermesError(
            Finding(
                "release-unknown",
                release_id,
                "there is no such release",
                evidence=f"kept: {names}",
                next=hermes("releases"),
            ),
            exit_code=ExitCode.USAGE,
        )
    return found


def listed(context: DeployContext) -> list[str]:
    """Ids of the releases that are kept, the last one touched first."""
    prefix = context.names.release_key("").removesuffix(".json")
    found = sorted(
        context.clients.s3.objects(context.names.artifacts_bucket, prefix), key=lambda one: one[1], reverse=True
    )
    return [key.removeprefix(prefix).removesuffix(".json") for key, _ in found]


def secret_versions(context: DeployContext) -> dict[str, int]:
    """The newest version of every secret that the application needs and that is set."""
    there = context.clients.ssm.described(context.names.secrets_path)
    needed = context.settings.application.secrets
    return {name: there[context.names.secret(name)].version for name in needed if context.names.secret(name) in there}


def newest_versions(context: DeployContext, secrets: Collection[str]) -> dict[str, int]:
    """The newest version of each of these secrets that is there."""
    if not secrets:
        return {}
    there = context.clients.ssm.described(context.names.secrets_path)
    return {name: there[full].version for name in secrets if (full := context.names.secret(name)) in there}


def missing_secrets(context: DeployContext) -> list[str]:
    """Names of secrets that the application needs and that are not set."""
    there = secret_versions(context)
    return [name for name in context.settings.application.secrets if name not in there]


def variables(context: DeployContext, unknown: str | None = None) -> dict[str, str]:
    """The plain variables of a release made now: as ``[env]`` says, outputs of stacks as they are.

    An output that is not there yet is ``unknown``; without that, raises HermesError ``output-missing``.
    """
    found: dict[str, str] = {}
    wrong: list[Finding] = []
    outputs: dict[str, Mapping[str, str]] = {}
    for name, value in context.settings.env.items():
        if isinstance(value, str):
            found[name] = value
            continue
        spec = next(one for one in context.deployment if value.stack in {one.key, extra_name(one.key)})
        if spec.key not in outputs:
            outputs[spec.key] = context.clients.cloudformation(spec.region).observe(spec.name).outputs
        said = outputs[spec.key].get(value.name, unknown)
        if said is None or "\n" in said or len(said) > LONGEST_VALUE:
            wrong.append(_no_output(spec.name, name, value.name, there=said is not None))
        else:
            found[name] = said
    if wrong:
        raise HermesError(*wrong, exit_code=ExitCode.REFUSED)
    return found


LONGEST_VALUE = 2000
"""Characters of a variable."""


def _no_output(stack: str, variable: str, output: str, there: bool) -> Finding:
    return Finding(
        "output-missing",
        f"hermes.toml env.{variable}",
        f"output {output} of {stack} has several lines, or more than {LONGEST_VALUE} characters"
        if there
        else f"stack {stack} does not say {output} yet",
        why="a release keeps the value that the stack says when it is made",
        next=hermes("deploy") + " makes the stack first",
    )


def resolve(context: DeployContext, reference: str, compatible: bool = True) -> Release:
    """The release that a tag or digest means now: image by digest, variables, secret versions.

    Its id is the tag's name with a digest of everything in it, so that the same thing has the
    same id whoever asks for it.  Raises HermesError ``image-unknown`` and ``secret-missing``.
    """
    clients = context.clients
    image = registry.find(context, reference)
    if image is None:
        raise HermesError(image_missing(context, reference))
    versions = secret_versions(context)
    missing = [name for name in context.settings.application.secrets if name not in versions]
    if missing:
        raise HermesError.of(secret_missing(context, name) for name in missing)
    values = variables(context)
    own = [tag for tag in image.tags if not tag.startswith("released-")]
    tag = own[0] if reference.startswith("sha256:") and own else reference
    container, processes = containers(context.settings)
    more = [container, processes] if container or processes else []
    content = json.dumps([image.pinned, values, versions, *more], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Release(
        id=f"{tag.replace(':', '-')[:80]}-{digest}",
        image=image.pinned,
        tag=tag,
        variables=values,
        secrets=versions,
        requested_at=clients.now().isoformat(timespec="seconds"),
        requested_by=clients.account.identity().name,
        commit=context.commit,
        compatible=compatible,
        container=container,
        processes=processes,
    )


def image_missing(context: DeployContext, reference: str) -> Finding:
    repository = context.names.repository
    tags = ", ".join(images_to_choose(context)[:8]) or "none"
    return Finding(
        "image-unknown",
        f"{repository}:{reference}",
        "no such image in the repository",
        evidence=f"tags there: {tags}",
        next=hermes("image", "push", reference),
    )


def images_to_choose(context: DeployContext) -> list[str]:
    """The first tag of every image that somebody has pushed under one, newest first."""
    images = registry.images(context)
    own = ([tag for tag in image.tags if not tag.startswith("released-")] for image in images)
    return [tags[0] for tags in own if tags]


def image_not_chosen(context: DeployContext, there: list[str]) -> Finding:
    return Finding(
        "image-not-chosen",
        context.names.repository,
        "the first deployment needs an image",
        evidence=f"tags there: {', '.join(there[:8]) or 'none'}",
        next=hermes("deploy", "--image", "TAG") if there else hermes("image", "push", "TAG"),
    )


def image_taken(context: DeployContext, tag: str) -> Finding:
    return Finding(
        "image-taken",
        f"{context.names.repository}:{tag}",
        "is the only image there: the first release runs it",
        severity=Severity.INFO,
    )


def secret_missing(context: DeployContext, name: str) -> Finding:
    return Finding(
        "secret-missing",
        context.names.secret(name),
        f"secret {name} is not set",
        why="the application is started with it",
        next=hermes("secrets", "set", name),
    )
