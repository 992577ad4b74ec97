"""``rehearse --image``: a user's own image through the whole course, with a page and a certificate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_cfn import names
from hermes_cfn.cli import console, terminal
from hermes_cfn.cli.again import again
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

if TYPE_CHECKING:
    from hermes_cfn.config import Settings
    from hermes_cfn.local.options import Options
    from hermes_cfn.rehearse.faults import Fault
    from hermes_cfn.rehearse.verdict import Verdict

RATE = 20.0
"""Requests a second where neither the profile nor a person says one."""

STAND_IN = "The stand-in application took the image's place: this shows the deployment, not the image."

FAILS = ("NEVER_BOOTS=yes",)
"""The variable by which the stand-in never answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed; None is what nobody said."""

    image: str
    engine: str
    source: Path | None
    paths: tuple[str, ...]
    secrets: Path | None
    html: Path | None
    certificate: Path | None
    rate: float | None
    sockets: int | None
    seed: int
    faults: tuple[Fault, ...] | None


def command(
    given: console.Context,
    settings: Settings,
    options: Options,
    asked: Asked,
    form: str,
    say: Callable[[str], None],
) -> int:
    """Everything that can be refused is refused before a cloud is started."""
    from hermes_cfn.rehearse import course, own, page, profile
    from hermes_cfn.rehearse.run import Wanted
    from hermes_cfn.rehearse.sandbox import Sandbox

    if asked.source and asked.paths:
        raise HermesError(
            Finding("load-unknown", "--load", "and --path say the load twice", next="one of the two"),
            exit_code=ExitCode.USAGE,
        )
    real = own.find(asked.engine, asked.image, settings.application.architecture) if asked.engine else None
    secrets = own.secrets(asked.secrets) if asked.secrets else {}
    wanted = profile.read(asked.source) if asked.source else profile.stated(asked.paths) if asked.paths else None
    if wanted is None and real is not None:
        wanted = profile.stated(("/", settings.application.health_path))
    for target in (asked.html, asked.certificate):
        _writable(target)
    chosen = course.faults(settings) if asked.faults is None else asked.faults
    plan = course.Course.of(asked.image, chosen)
    if wanted is not None:
        for line in wanted.said:
            say(f"load: {line}")
    began = datetime.now(UTC)
    acts: list[course.Act] = []
    known_by: Sequence[str] = ()
    with tempfile.TemporaryDirectory(prefix="hermes-rehearsal-") as directory:
        place = Path(directory)
        sandbox = Sandbox(
            given.config.resolve(),
            place / "state",
            options,
            given.environment,
            images=real.directories(
                place / "images", plan.tag, plan.before, plan.failing, bool(settings.container.command)
            )
            if real
            else {},
            variables={plan.failing: FAILS},
            secrets=secrets,
        )
        try:
            with sandbox:
                course.first(sandbox, settings, plan, say)
                if wanted is not None:
                    wanted = course.answered(sandbox, settings, wanted)
                rate = asked.rate or (wanted.rate if wanted else None) or RATE
                sockets = asked.sockets if asked.sockets is not None else 0 if wanted else 4
                asks = wanted.as_json() if wanted else ""
                own_digests = course.digests(sandbox.clients(settings.region), settings, plan.tag)
                known_by = real.digests if real else own_digests
                for act in course.play(sandbox, settings, plan, Wanted(rate, sockets, asked.seed, profile=asks), say):
                    acts.append(act)
                    say(next(iter(course.shown([act]))))
        except KeyboardInterrupt:
            say(f"interrupted; {len(acts)} of {len(plan.acts)} acts were seen, so there is no certificate")
    whole = len(acts) == len(plan.acts) and all(act.good for act in acts)
    notes = _notes(asked, options, wanted, len(acts), len(plan.acts))
    made = None
    if whole:
        made = course.certificate(settings, asked.image, known_by, acts, asked.seed, began, asked.engine)
        target = asked.certificate or _beside(given.config, settings, known_by[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made.text(), encoding="utf-8")
        say(f"certificate: {target}")
    facts = [
        ("image", asked.image),
        ("identity", (known_by[0] if known_by else "-")[:19]),
        ("environment", settings.environment.name),
        ("seed", str(asked.seed)),
        ("certificate", made.as_dict()["digest"][:19] if made else "none: not every act ended well"),
    ]
    if asked.html:
        title = f"Rehearsal of {asked.image} for {settings.application.name}"
        asked.html.write_text(page.render(page.of_acts(acts, title, notes, facts)), encoding="utf-8")
        say(f"page: {asked.html}")
    if form == "json":
        console.put_json(page.as_data(acts, made.as_dict() if made else None, notes))
    else:
        for line in course.shown(acts):
            terminal.echo(line)
        for note in notes:
            terminal.echo(note)
        if made:
            terminal.echo(f"certified: {asked.image} is {known_by[0]}")
            terminal.echo(again("next: " + hermes("release", "--image", plan.tag, "--require-rehearsal")))
    return ExitCode.OK if whole else ExitCode.FAILED


def _notes(asked: Asked, options: Options, wanted: object, seen: int, planned: int) -> list[str]:
    from hermes_cfn.rehearse import profile

    notes = [
        f"Seconds are real ones; what the cloud itself waits for passes {options.speed:g} times as fast as on AWS."
    ]
    if isinstance(wanted, profile.Profile):
        asks = ", ".join(f"{name} {share:.0%}" for name, share in list(profile.mix(wanted))[:8])
        notes.append(f"The load, from {wanted.source}: {asks}{' …' if len(wanted.requests) > 8 else ''}.")
        notes += [f"Of the load: {line}." for line in wanted.said]
    if not asked.engine:
        notes.append(STAND_IN)
    if seen < planned:
        notes.append(f"Only {seen} of {planned} acts were played.")
    return notes


def _beside(config: Path, settings: Settings, digest: str) -> Path:
    return (
        config.resolve().parent
        / names.REHEARSALS
        / f"{settings.environment.name}-{digest.removeprefix('sha256:')[:16]}.json"
    )


def _writable(target: Path | None) -> None:
    """Before minutes are spent.  Raises HermesError ``page-unwritable``."""
    if target is None or target.resolve().parent.is_dir():
        return
    raise HermesError(
        Finding("page-unwritable", str(target), "its folder is not there", next=f"mkdir -p {target.parent}"),
        exit_code=ExitCode.USAGE,
    )


def write_page(target: Path, settings: Settings, seen: Sequence[Verdict], say: Callable[[str], None]) -> None:
    """The page of updates that are no course."""
    from hermes_cfn.rehearse import page
    from hermes_cfn.rehearse.course import Act, wrong

    _writable(target)
    acts = [
        Act(f"update {n}", f"Update {n}" + (f": {', '.join(one.faults)}" if one.faults else ""), one, wrong(one))
        for n, one in enumerate(seen, 1)
    ]
    facts = [("environment", settings.environment.name), ("seed", str(seen[0].seed if seen else ""))]
    made = page.of_acts(acts, f"Rehearsal of {settings.application.name}", [STAND_IN], facts)
    target.write_text(page.render(made), encoding="utf-8")
    say(f"page: {target}")
