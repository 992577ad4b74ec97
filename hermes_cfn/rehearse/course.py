"""The course that an image goes through before it is released: release, failing release, rollback, a fault of each class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hermes_cfn import tool
from hermes_cfn.aws.clients import AwsClients
from hermes_cfn.config import Settings
from hermes_cfn.deciders.certificate import Certificate, settings_hash
from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.names import Names
from hermes_cfn.rehearse import faults as known
from hermes_cfn.rehearse import run
from hermes_cfn.rehearse.profile import Profile
from hermes_cfn.rehearse.sandbox import Sandbox
from hermes_cfn.rehearse.verdict import NOT_CONVERGED, ROLLED_BACK, UNTOUCHED, Verdict, good, screen

CLASSES: Mapping[str, str] = {
    "deployer": "deployer-dies@deploying",
    "instance": "instance-dies@leaving",
    "zone": "zone-gone@leaving",
    "registry": "registry-throttles@begin",
    "calls": "answer-lost@begin",
    "database": "database-slow@begin",
}
"""Class of what can go wrong outside of the release itself -> the fault that stands for it."""

ASKED_S = 10.0
"""Real seconds in which a request of a profile is answered before the load begins, or is left out."""


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the course.  ``wrong`` says why it is not what it must be, empty where it is."""

    name: str
    title: str
    verdict: Verdict
    wrong: str = ""

    @property
    def good(self) -> bool:
        return not self.wrong

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "good": self.good,
            "wrong": self.wrong,
            **self.verdict.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Course:
    """What is rehearsed: ``tag`` after ``before``; ``failing`` never serves."""

    tag: str
    before: str
    failing: str
    faults: tuple[known.Fault, ...]

    @classmethod
    def of(cls, image: str, faults: Sequence[known.Fault]) -> Course:
        """Tags as ECR takes them (CreateRepository: up to 128 of letters, digits, ``_.-``) from an engine's name of an image."""
        word = image.rpartition("@")[0] or image
        last = word.rpartition("/")[2].rpartition(":")[2] or "image"
        tag = re.sub(r"[^A-Za-z0-9_.-]", "-", last).lstrip(".-")[:100] or "image"
        return cls(tag, f"{tag}-before", f"{tag}-failing", tuple(faults))

    @property
    def acts(self) -> tuple[str, ...]:
        return ("release", "failing release", "rollback", *(f"fault {fault.kind}" for fault in self.faults))


def faults(settings: Settings) -> tuple[known.Fault, ...]:
    """One of each class that this deployment can have."""
    less = set() if "DATABASE_URL" in settings.application.secrets else {"database"}
    return tuple(known.parse(text) for name, text in CLASSES.items() if name not in less)


def first(sandbox: Sandbox, settings: Settings, course: Course, say: Callable[[str], None]) -> None:
    """A fresh cloud that runs what was before.  Raises HermesError ``rehearsal-no-answer`` where that does not serve."""
    say(f"deploying {course.before} to a fresh embedded cloud")
    try:
        sandbox.first_deployment(settings.application.secrets, course.before)
    except HermesError as error:
        (told,) = error.findings
        raise HermesError(
            Finding(
                "rehearsal-no-answer",
                course.tag,
                "the image does not serve on the embedded cloud, so nothing was rehearsed",
                why="its first deployment did not come to its end",
                evidence=told.evidence,
                next=f"does it listen on port {settings.application.port} and answer {settings.application.health_path} "
                f"with {' or '.join(map(str, settings.application.health_codes))}? docs/application.md",
            ),
            exit_code=ExitCode.FAILED,
        ) from error
    sandbox.push(course.tag)
    sandbox.push(course.failing)


def answered(sandbox: Sandbox, settings: Settings, profile: Profile) -> Profile:
    """The requests of a profile that the application answers well before anything is done.

    Raises HermesError ``load-unanswered`` where there is none.
    """
    from hermes_cfn.rehearse.load import ask

    host, _, port = sandbox.address().rpartition(":")
    name = settings.certificate.domain or "localhost"
    told = ask(host, int(port), name, [(one.method, one.path) for one in profile.requests], ASKED_S)
    kept = profile.only(
        [one for one in profile.requests if told[one.method, one.path] == "ok"], "not answered well here"
    )
    if kept.requests:
        return kept
    seen = [f"{one.name}: {told[one.method, one.path]}" for one in profile.requests[:10]]
    raise HermesError(
        Finding(
            "load-unanswered",
            profile.source,
            "the application answers none of its requests well",
            evidence="\n".join(seen),
            next="--path with one that it answers",
        ),
        exit_code=ExitCode.FAILED,
    )


def play(
    sandbox: Sandbox, settings: Settings, course: Course, wanted: run.Wanted, say: Callable[[str], None]
) -> Iterator[Act]:
    """The acts in turn; one that does not converge is the last."""

    origin = run.stable_release(sandbox.clients(settings.region), settings)

    serving = course.before

    def rolled(tag: str, seed: int, faults: tuple[known.Fault, ...] = (), to: str = "") -> Verdict:
        told = replace(wanted, seed=wanted.seed + seed, faults=faults, back=bool(to), to=to, before=serving)
        return run.roll(sandbox, settings, told, tag, say)

    verdict = rolled(course.tag, 0)
    yield Act("release", f"Release of {course.tag}", verdict, wrong(verdict))
    if not verdict.converged:
        return
    serving = verdict.release
    verdict = rolled(course.failing, 1)
    title = f"Release of {course.failing}, which does not start"
    yield Act("failing release", title, verdict, _not_held(verdict, course.tag))
    if not verdict.converged:
        return
    serving = verdict.release
    verdict = rolled(course.before, 2, to=origin.id if origin else "")
    yield Act("rollback", f"Rollback to {course.before}", verdict, wrong(verdict))
    for number, fault in enumerate(course.faults):
        if not verdict.converged:
            return
        serving = verdict.release
        tag = course.before if serving == course.tag else course.tag
        verdict = rolled(tag, 3 + number, (fault,))
        yield Act(
            f"fault {fault.kind}", f"Release of {tag}; meanwhile {known.KINDS[fault.kind]}", verdict, wrong(verdict)
        )
        sandbox.fault("clear")
        run.mend(sandbox, (fault,), (course.tag, course.before), settings.application.secrets)


def wrong(verdict: Verdict) -> str:
    """Why an update is not what it must be; empty where it is."""
    if good(verdict):
        return ""
    return _lost(verdict) or f"it ended {verdict.ends}, on {verdict.release or 'nothing'}"


def _lost(verdict: Verdict) -> str:
    return f"{verdict.unexcused} requests lost" if verdict.unexcused and verdict.floor > 0 else ""


def _not_held(verdict: Verdict, stays: str) -> str:
    """Why a release that cannot serve did harm: the one before it must serve to the end."""
    if verdict.ends == NOT_CONVERGED or verdict.release != stays or verdict.ends not in (ROLLED_BACK, UNTOUCHED):
        return f"it ended {verdict.ends}, on {verdict.release or 'nothing'}, not on {stays}"
    return _lost(verdict)


def digests(clients: AwsClients, settings: Settings, tag: str) -> tuple[str, ...]:
    """What the sandbox's registry knows the image of a tag by."""
    repository = Names.of(settings).repository
    found = clients.ecr.image(repository, tag)
    return clients.ecr.digests(repository, found.digest) if found else ()


def certificate(
    settings: Settings, image: str, known_by: Sequence[str], acts: Sequence[Act], seed: int, made: datetime, engine: str
) -> Certificate:
    """Of acts that are all good, the release among them."""
    release = acts[0].verdict
    return Certificate(
        image=image,
        digests=tuple(known_by),
        settings=settings_hash(settings),
        acts=tuple(act.name for act in acts),
        sent=sum(act.verdict.sent for act in acts),
        failed=sum(act.verdict.failed for act in acts),
        lost=sum(act.verdict.unexcused for act in acts),
        p99_before_ms=round(release.before.p99_s * 1000, 1),
        p99_during_ms=round(release.during.p99_s * 1000, 1),
        p99_after_ms=round(release.after.p99_s * 1000, 1),
        duration_s=round(sum(act.verdict.duration_s for act in acts), 1),
        made=made.isoformat(timespec="seconds"),
        tool=tool.version(),
        seed=seed,
        engine=engine,
    )


def shown(acts: Sequence[Act]) -> Iterator[str]:
    """The acts as lines of text: one each, and below it what is wrong."""
    for act in acts:
        one = act.verdict
        mark = "well " if act.good else "WRONG"
        yield (
            f"{mark}  {act.name:<24} {one.sent:6} sent, {one.failed:3} failed, {one.unexcused:3} lost, "
            f"p99 {one.before.p99_s * 1000:.0f}/{one.during.p99_s * 1000:.0f}/{one.after.p99_s * 1000:.0f} ms, "
            f"{one.duration_s:.0f} s; {one.ends}"
        )
        if not act.good:
            yield f"       {act.wrong}"
            yield from (f"       | {line}" for line in screen(one))
