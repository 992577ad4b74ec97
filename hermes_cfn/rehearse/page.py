"""One self-contained HTML page of rollouts: load, latency, instances and the deployer's steps on one time line.

It loads nothing when it is opened and runs no script.  Shapes are SVG that stretch with the page; every word is HTML, so
that it stays readable on a phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from hermes_cfn.deciders.observed import Lifecycle
from hermes_cfn.rehearse.course import Act
from hermes_cfn.rehearse.tally import Second
from hermes_cfn.rehearse.verdict import Verdict
from hermes_cfn.rehearse.watcher import GONE, SERVES
from hermes_cfn.units import duration

STEPS_SHOWN = 120
"""Steps of one rollout that are listed; the page says how many more there were."""

WIDE, HIGH = 1000.0, 100.0
"""The units of each drawing."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout on the page.  All times are seconds from ``0`` on; ``until`` is the end of the time line.

    ``facts`` are label and value; ``span`` begin and end of the rollout itself; ``lanes`` is instance to its states, each
    from its time on; ``wrong`` says why it is not well, empty where it is.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    seconds: Sequence[Second]
    lanes: Mapping[str, Sequence[tuple[float, str]]]
    steps: Sequence[tuple[float, str]]
    span: tuple[float, float]
    until: float
    wrong: str = ""
    every_s: float = 1.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """``lead`` is one sentence; ``facts`` label and value; ``notes`` whole sentences below them."""

    title: str
    lead: str
    well: bool
    facts: Sequence[tuple[str, str]]
    rollouts: Sequence[Rollout]
    notes: Sequence[str] = field(default_factory=tuple)


def of_verdict(verdict: Verdict, title: str, wrong: str = "") -> Rollout:
    """A rehearsed rollout."""
    ends = [one[-1][0] for one in verdict.time_line.values() if one]
    until = max([1.0, verdict.ended_s, len(verdict.seconds), *ends])
    latency = " / ".join(f"{one.p99_s * 1000:.0f}" for one in (verdict.before, verdict.during, verdict.after))
    facts = [
        ("requests", f"{verdict.sent:,}"),
        ("failed", f"{verdict.failed:,}"),
        ("lost", f"{verdict.unexcused:,}"),
        ("p99 before / during / after", f"{latency} ms"),
        ("took", duration(verdict.duration_s)),
        ("ended", verdict.ends),
    ]
    span = (verdict.begun_s, verdict.ended_s)
    note = "Failed requests that a fault explains are no lost ones." if verdict.failed > verdict.unexcused else ""
    return Rollout(title, facts, verdict.seconds, verdict.time_line, verdict.spoken, span, until, wrong, note=note)


def of_acts(acts: Sequence[Act], title: str, notes: Sequence[str], facts: Sequence[tuple[str, str]]) -> Page:
    """The page of a whole course."""
    lost, sent = sum(act.verdict.unexcused for act in acts), sum(act.verdict.sent for act in acts)
    well = bool(acts) and all(act.good for act in acts)
    bad = [act.name for act in acts if not act.good]
    lead = (
        f"{len(acts)} rollouts under load: {sent:,} requests sent, {lost:,} lost."
        if well
        else f"Not ready to release: {', '.join(bad) or 'nothing was seen'}."
    )
    return Page(title, lead, well, facts, [of_verdict(act.verdict, act.title, act.wrong) for act in acts], notes)


def render(page: Page) -> str:
    """The whole file."""
    mark = "well" if page.well else "bad"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head><body><main>",
        f'<h1>{escape(page.title)}</h1><p class="lead {mark}">{escape(page.lead)}</p>{_facts(page.facts)}',
        *(f"<p>{escape(note)}</p>" for note in page.notes),
        *(part for rollout in page.rollouts for part in _rollout(rollout)),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{cells}</dl>'


def _rollout(one: Rollout) -> Iterator[str]:
    mark = "bad" if one.wrong else "well"
    yield f'<section class="{mark}"><h2>{escape(one.title)}</h2>'
    if one.wrong:
        yield f'<p class="lead bad">{escape(one.wrong)}</p>'
    yield _facts(one.facts)
    yield '<div class="line">'
    unit = "a second" if one.every_s == 1 else f"in {duration(one.every_s)}"
    sent = [(row.at, row.sent - row.failed) for row in one.seconds]
    failed = [(row.at, row.failed) for row in one.seconds]
    top = max([1, *(row.sent for row in one.seconds)])
    yield _strip(f"requests {unit}, up to {top:,}", _bars(one, sent, top, "ok"))
    worst = max([0, *(row.failed for row in one.seconds)])
    label = f"failed {unit}, up to {worst:,}" if worst else f"failed {unit}: none"
    yield _strip(label, _bars(one, failed, max(1, worst), "failed"), "low")
    slow = max([0.001, *(row.p99_s for row in one.seconds)])
    yield _strip(
        f"latency, up to {slow * 1000:.0f} ms: p99 line, p50 dashed",
        _curve(one, [(row.at, row.p99_s) for row in one.seconds if row.sent > row.failed], slow, "p99")
        + _curve(one, [(row.at, row.p50_s) for row in one.seconds if row.sent > row.failed], slow, "p50"),
    )
    for name, line in one.lanes.items():
        yield _strip(name, _lane(one, line), "lane")
    if one.lanes:
        yield f'<p class="legend">{"".join(_legend(one))}</p>'
    yield _strip("the deployer's steps", _ticks(one), "lane")
    yield f'<div class="axis"><span>0 s</span><span>{duration(one.until / 2)}</span><span>{duration(one.until)}</span></div></div>'
    if one.note:
        yield f"<p>{escape(one.note)}</p>"
    if one.steps:
        yield f"<details><summary>{len(one.steps)} steps</summary><ol>"
        for at, text in one.steps[:STEPS_SHOWN]:
            yield f"<li><time>{at:.1f} s</time> {escape(text)}</li>"
        more = len(one.steps) - STEPS_SHOWN
        yield "</ol>" + (f"<p>{more} more are not shown.</p>" if more > 0 else "") + "</details>"
    yield "</section>"


def _strip(label: str, shapes: str, kind: str = "") -> str:
    return (
        f'<figure class="{kind}"><figcaption>{escape(label)}</figcaption>'
        f'<svg viewBox="0 0 {WIDE:g} {HIGH:g}" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">{shapes}</svg></figure>'
    )


def _x(one: Rollout, at: float) -> float:
    return round(max(0.0, min(1.0, at / one.until)) * WIDE, 2)


def _window(one: Rollout) -> str:
    """The time of the rollout itself, behind everything else."""
    left, right = _x(one, one.span[0]), _x(one, one.span[1])
    return f'<rect class="window" x="{left}" y="0" width="{max(1.0, right - left):g}" height="{HIGH:g}"/>'


def _bars(one: Rollout, rows: Sequence[tuple[float, int]], top: float, kind: str) -> str:
    shapes = [_window(one)]
    for at, count in rows:
        left, right = _x(one, at), _x(one, at + one.every_s * 0.9)
        tall = round(count / top * HIGH, 2)
        if tall:
            shapes.append(
                f'<rect class="{kind}" x="{left}" y="{HIGH - tall:g}" width="{max(0.5, right - left):g}" height="{tall:g}"/>'
            )
    return "".join(shapes)


def _curve(one: Rollout, rows: Sequence[tuple[float, float]], top: float, kind: str) -> str:
    points = " ".join(f"{_x(one, at + one.every_s / 2)},{HIGH - value / top * (HIGH - 4):.2f}" for at, value in rows)
    behind = _window(one) if kind == "p99" else ""
    return f'{behind}<polyline class="{kind}" points="{points}"/>' if points else behind


STATES: Sequence[tuple[str, str, str]] = (
    (SERVES, "serves", "serves"),
    (Lifecycle.PENDING, "starts", "starting"),
    (Lifecycle.ENTERING_STANDBY, "ends", "draining"),
    (Lifecycle.STANDBY, "aside", "standby: deploying"),
    (Lifecycle.IN_SERVICE, "checked", "in service, not healthy yet"),
    (GONE, "gone", "gone"),
)
"""Beginning of a state's words -> its class and what the legend says."""


def _state(words: str) -> tuple[str, str]:
    return next(((kind, said) for begins, kind, said in STATES if words.startswith(begins)), ("other", "otherwise"))


def _lane(one: Rollout, line: Sequence[tuple[float, str]]) -> str:
    shapes = []
    for number, (at, words) in enumerate(line):
        ends = line[number + 1][0] if number + 1 < len(line) else one.until
        left, right = _x(one, at), _x(one, ends)
        kind, _ = _state(words)
        shapes.append(
            f'<rect class="{kind}" x="{left}" y="0" width="{max(0.5, right - left):g}" height="{HIGH:g}">'
            f"<title>{escape(words)} from {at:.1f} s</title></rect>"
        )
    return "".join(shapes)


def _legend(one: Rollout) -> Iterator[str]:
    seen = dict.fromkeys(_state(words) for line in one.lanes.values() for _, words in line)
    for kind, said in seen:
        yield f'<span class="{kind}"></span>{escape(said)} '


def _ticks(one: Rollout) -> str:
    return _window(one) + "".join(
        f'<rect class="tick" x="{_x(one, at)}" y="0" width="1.5" height="{HIGH:g}"><title>{escape(text)}</title></rect>'
        for at, text in one.steps
    )


def as_data(acts: Sequence[Act], certificate: Mapping[str, Any] | None, notes: Sequence[str]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "good": bool(acts) and all(act.good for act in acts),
        "acts": [act.as_dict() for act in acts],
        "notes": list(notes),
        "certificate": certificate,
    }


STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--card:#f6f8fa;--line:#d0d7de;--ok:#2f81f7;--bad:#cf222e;
--well:#1a7f37;--wait:#bf8700;--aside:#8250df;--shade:#ddf4ff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--paper:#0d1117;--card:#161b22;--line:#30363d;--ok:#58a6ff;
--bad:#ff7b72;--well:#3fb950;--wait:#d29922;--aside:#bc8cff;--shade:#12283d}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:16px}h1{font-size:1.6rem;margin:.3em 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .5em;overflow-wrap:anywhere}.lead{font-size:1.1rem;font-weight:600}.lead.well{color:var(--well)}
.lead.bad{color:var(--bad)}section{border:1px solid var(--line);border-left:5px solid var(--well);border-radius:8px;background:var(--card);
padding:14px;margin:18px 0}section.bad{border-left-color:var(--bad)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:8px 16px;margin:0 0 12px}
dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-weight:600;overflow-wrap:anywhere}
figure{margin:0 0 8px}figcaption{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere}
figure svg{display:block;width:100%;height:64px;background:var(--paper);border:1px solid var(--line);border-radius:3px}
figure.low svg{height:32px}figure.lane svg{height:18px}
.window{fill:var(--shade)}rect.ok{fill:var(--ok)}rect.failed{fill:var(--bad)}polyline{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.p99{stroke:var(--wait)}.p50{stroke:var(--ok);stroke-dasharray:4 3}.serves{fill:var(--well);background:var(--well)}
.checked{fill:var(--wait);background:var(--wait)}.aside{fill:var(--aside);background:var(--aside)}.ends{fill:var(--bad);background:var(--bad)}
.starts{fill:var(--ok);background:var(--ok)}.gone{fill:none;background:var(--paper);outline:1px solid var(--line)}
.other{fill:var(--soft);background:var(--soft)}.tick{fill:var(--ink)}
.legend{font-size:.8rem;color:var(--soft);margin:0 0 8px}.legend span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .6em;border-radius:2px}
.axis{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft)}
details{margin-top:8px}summary{cursor:pointer}ol{padding-left:1.2em;font-size:.85rem}li{overflow-wrap:anywhere}time{color:var(--soft)}
@media print{details{display:none}}
"""
