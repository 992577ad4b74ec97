"""The stacks as a picture: a column for each wave of the deployment, a box for each stack, an arrow for each feed.

Made from the Deployment alone.  The SVG carries its own colours for light and dark pages, and says in
its title and description what it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from hermes_cfn.deployment import Deployment, FromOutput, StackSpec
from hermes_cfn.names import output_name

BOX_WIDTH = 270
LINE = 17
GAP_X, GAP_Y = 165, 34
MARGIN = 28
HEAD = 46

STYLE = """
svg { font-family: system-ui, sans-serif; font-size: 12px; }
.page { fill: #ffffff; } .box { fill: #f6f8fa; stroke: #8c959f; } .head { font-size: 15px; font-weight: 600; }
text { fill: #1f2328; } .soft { fill: #59636e; } .wire { fill: none; stroke: #0969da; stroke-width: 1.4; }
.follows { stroke: #8c959f; stroke-dasharray: 4 4; } .told { fill: #0550ae; font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; } marker path { fill: #0969da; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } .box { fill: #161b22; stroke: #656d76; } text { fill: #f0f6fc; } .soft { fill: #9198a1; }
.wire { stroke: #58a6ff; } .follows { stroke: #656d76; } .told { fill: #79c0ff; stroke: #0d1117; } marker path { fill: #58a6ff; } }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a stack stands, in pixels from the upper left, and what is written in it."""

    spec: StackSpec
    x: int
    y: int
    lines: tuple[str, ...]

    @property
    def height(self) -> int:
        return HEAD + LINE * len(self.lines) + 10

    @property
    def middle(self) -> int:
        return self.y + self.height // 2


def svg(deployment: Deployment) -> str:
    """The picture of one environment, as an SVG document."""
    boxes = _boxes(deployment)
    width = max(box.x for box in boxes.values()) + BOX_WIDTH + MARGIN
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    title = f"{deployment.application} {deployment.environment}: {len(boxes)} stacks"
    told = "; ".join(
        f"{spec.key} in {spec.region} follows {', '.join(sorted(spec.precursors)) or 'nothing'}" for spec in deployment
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-labelledby="title told"><title id="title">{escape(title)}</title><desc id="told">{escape(told)}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 Z"/></marker></defs>',
        f'<rect class="page" width="{width}" height="{height}"/>',
        *_wires(deployment, boxes),
        *(line for box in boxes.values() for line in _drawn(box, deployment.region)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _boxes(deployment: Deployment) -> Mapping[str, Box]:
    found: dict[str, Box] = {}
    for column, wave in enumerate(deployment.waves()):
        y = MARGIN
        for spec in wave:
            box = Box(spec, MARGIN + column * (BOX_WIDTH + GAP_X), y, tuple(_contents(spec)))
            found[spec.key] = box
            y += box.height + GAP_Y
    return found


def _contents(spec: StackSpec) -> Iterable[str]:
    """What is in it, by kind, the most frequent of a service together."""
    kinds = Counter(
        resource["Type"].removeprefix("AWS::").replace("::", " ") for resource in spec.template["Resources"].values()
    )
    for kind, count in kinds.items():
        yield f"{count} × {kind}" if count > 1 else kind


def _drawn(box: Box, home: str) -> Iterable[str]:
    spec = box.spec
    x, y = box.x + 12, box.y + 21
    yield f'<g id="{escape(spec.key)}"><rect class="box" x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{box.height}" rx="6"/>'
    yield f'<text class="head" x="{x}" y="{y}">{escape(spec.key)}</text>'
    place = spec.region if spec.region != home else f"{spec.name}"
    yield f'<text class="soft" x="{x}" y="{y + 16}">{escape(place)}</text>'
    for number, line in enumerate(box.lines):
        yield f'<text x="{x}" y="{box.y + HEAD + 10 + LINE * number}">{escape(line)}</text>'
    yield "</g>"


def _wires(deployment: Deployment, boxes: Mapping[str, Box]) -> Iterable[str]:
    """An arrow from each stack that feeds to the one that is fed; dashed where one only comes after.

    What everything follows is drawn only to stacks that nothing else feeds.
    """
    told: dict[str, list[str]] = {}
    for spec in deployment:
        fed: dict[str, list[str]] = {}
        for source in spec.parameters.values():
            if isinstance(source, FromOutput):
                fed.setdefault(source.stack, []).append(output_name(source.output))
        for key in sorted(fed or spec.precursors):
            outputs = fed.get(key, [])
            told.setdefault(key, []).extend(name for name in outputs if name not in told.get(key, []))
            yield _wire(boxes[key], boxes[spec.key], outputs)
    for key, outputs in told.items():
        box = boxes[key]
        for number, name in enumerate(outputs):
            yield f'<text class="told" x="{box.x + BOX_WIDTH + 8}" y="{box.middle + 16 + 13 * number}">{escape(name)}</text>'


def _wire(start: Box, end: Box, outputs: list[str]) -> str:
    x0, y0, x1, y1 = start.x + BOX_WIDTH, start.middle, end.x, end.middle
    bend = (x0 + x1) // 2
    kind = "wire" if outputs else "wire follows"
    feeds = f"{start.spec.key} feeds {end.spec.key}: {', '.join(outputs)}"
    told = feeds if outputs else f"{end.spec.key} follows {start.spec.key}"
    path = f"M{x0} {y0} C{bend} {y0} {bend} {y1} {x1 - 2} {y1}"
    return f'<path class="{kind}" d="{path}" marker-end="url(#tip)"><title>{escape(told)}</title></path>'
