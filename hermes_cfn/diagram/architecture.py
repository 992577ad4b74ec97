"""The way of a request through the deployment, as a picture: each part a box, with its price a month.

Made from the Deployment, its settings and the amounts of its bill.  Every amount of the bill stands in exactly one box,
so that the boxes add up to the bill.  One column, narrow enough for a phone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from html import escape
from typing import Any

from hermes_cfn.config import Settings
from hermes_cfn.deployment import Deployment
from hermes_cfn.units import CENT, dollars, rounded

Place = tuple[str, str]
"""Stack key and logical ID."""

WIDTH, MARGIN, LINE, GAP, PAD = 460, 16, 16, 26, 12
LETTERS = 60
"""So many letters of 12 px fit into a box."""

STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 12px; max-width: 100%; height: auto; }
.page { fill: #ffffff; } .box { fill: #f6f8fa; stroke: #8c959f; } .vpc { fill: none; stroke: #8c959f; stroke-dasharray: 5 4; }
.zone { fill: #ddf4ff; stroke: #54aeff; } .else { fill: none; stroke: #8c959f; }
.head { font-size: 13px; font-weight: 600; } .price { font-size: 13px; font-weight: 600; text-anchor: end; }
text { fill: #1f2328; } .soft { fill: #59636e; } .wire { fill: none; stroke: #0969da; stroke-width: 1.6; } marker path { fill: #0969da; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } .box { fill: #161b22; stroke: #656d76; } .zone { fill: #0c2d6b; stroke: #388bfd; } .vpc, .else { stroke: #656d76; }
text { fill: #f0f6fc; } .soft { fill: #9198a1; } .wire { stroke: #58a6ff; } marker path { fill: #58a6ff; } }
"""


@dataclass(frozen=True, slots=True)
class Prices:
    """USD a month by resource, and the bill's total; ``note`` says how old the prices are."""

    amounts: Mapping[Place, Decimal]
    total: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A box: its title, what it says below, the resources that it stands for, and their USD a month.

    ``monthly`` None: nobody knows the price, or it is not on this bill.  ``zones`` are drawn inside, name and words.
    """

    key: str
    title: str
    lines: tuple[str, ...] = ()
    members: tuple[Place, ...] = ()
    monthly: Decimal | None = None
    inside: bool = False
    zones: tuple[tuple[str, str], ...] = ()
    beside: bool = False
    known: bool = True


ROLES: Mapping[str, tuple[str, ...]] = {
    "dns": ("AWS::Route53::",),
    "edge": ("AWS::CloudFront::", "AWS::WAFv2::"),
    "balancer": ("AWS::ElasticLoadBalancingV2::",),
    "nat": ("AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::VPCEndpoint"),
    "instances": ("AWS::AutoScaling::", "AWS::EC2::LaunchTemplate"),
}
"""Box -> the types of resources that it stands for; the NAT instances of the network stack belong to ``nat``."""


def parts(settings: Settings, deployment: Deployment, prices: Prices | None) -> tuple[Part, ...]:
    """The boxes, in the order of a request's way; what is not on it comes last, in one box.

    The amounts of all boxes together are the bill's total to the cent.
    """
    roles: dict[str, list[Place]] = {key: [] for key in (*ROLES, "extras", "rest")}
    types: dict[Place, str] = {}
    own = {spec.key for spec in deployment if spec.key not in STANDARD}
    for spec in deployment:
        for name, resource in spec.template["Resources"].items():
            kind = str(resource["Type"])
            types[spec.key, name] = kind
            roles[_role(spec.key, kind, spec.key in own)].append((spec.key, name))
    boxes = [_users(settings)]
    boxes += [_dns(roles["dns"])] if roles["dns"] else []
    boxes += [_edge(roles["edge"], types)] if roles["edge"] else []
    boxes.append(_balancer(settings, roles["balancer"], types))
    boxes.append(_instances(settings, deployment, roles["instances"]))
    boxes += [_nat(settings, roles["nat"], types, deployment)]
    boxes += list(_extras(deployment, own, types))
    boxes.append(_database(settings, types))
    boxes.append(_rest(roles["rest"], types, prices))
    return tuple(_priced(boxes, prices))


STANDARD = frozenset({"foundation", "network", "certificate", "service", "worldwide", "edge", "watch"})
"""The keys of the stacks that are not a user's own."""


def _role(stack: str, kind: str, own: bool) -> str:
    if own:
        return "extras"
    if stack == "network" and kind.startswith(ROLES["instances"]):
        return "nat"
    return next((role for role, heads in ROLES.items() if kind.startswith(heads)), "rest")


def _users(settings: Settings) -> Part:
    hosts = [settings.certificate.domain, *settings.ingress.hosts]
    return Part("users", "Users", (f"HTTPS to {_listed(hosts)}",), known=False)


def _dns(members: list[Place]) -> Part:
    return Part("dns", "Route 53", ("names that point to the load balancer",), tuple(members))


def _edge(members: list[Place], types: Mapping[Place, str]) -> Part:
    kinds = {types[one] for one in members}
    has = [
        word
        for kind, word in (("AWS::CloudFront::Distribution", "CloudFront"), ("AWS::WAFv2::WebACL", "WAF"))
        if kind in kinds
    ]
    return Part("edge", " and ".join(has) or "Edge", ("worldwide, in front of files and requests",), tuple(members))


def _balancer(settings: Settings, members: list[Place], types: Mapping[Place, str]) -> Part:
    here = any(types[one] == "AWS::ElasticLoadBalancingV2::LoadBalancer" for one in members)
    lines = [f"takes HTTPS in {_zones(settings)}, asks {settings.application.health_path}"]
    rules = sum(types[one] == "AWS::ElasticLoadBalancingV2::ListenerRule" for one in members)
    if settings.routes:
        lines.append(f"routes: {_listed(sorted(settings.routes))}")
    elif rules:
        lines.append(f"{rules} rule{'s' if rules > 1 else ''} of its own")
    if not here:
        shared = settings.environment.shares
        lines.insert(0, f"that of {shared}, on its bill" if shared else "one that is there already, not on this bill")
    return Part("balancer", "Load balancer", tuple(lines), tuple(members), inside=True, known=here)


def _instances(settings: Settings, deployment: Deployment, members: list[Place]) -> Part:
    compute, scaling = settings.compute, settings.scaling
    count = f"{scaling.least} to {scaling.most}" if scaling.on else str(compute.count)
    group = f"{count} × {compute.instance_type}"
    lines = [f"in private subnets; {group}, {compute.volume_gib} GiB of disk each"]
    beside = [f"{one.count} × {name}" if one.count > 1 else name for name, one in sorted(settings.processes.items())]
    lines.append("each runs: web" + (f", {', '.join(beside)}" if beside else ""))
    zones = settings.network.zones
    least = scaling.least if scaling.on else compute.count
    shown = [(zone, _in_zone(n, least, len(zones))) for n, zone in enumerate(zones)]
    if settings.network.vpc_id:
        shown = []
    return Part(
        "instances", "Instances (Auto Scaling group)", tuple(lines), tuple(members), inside=True, zones=tuple(shown)
    )


def _in_zone(n: int, instances: int, zones: int) -> str:
    here = instances // zones + (n < instances % zones)
    return f"{here} instance{'' if here == 1 else 's'}" if here else "room"


def _nat(settings: Settings, members: list[Place], types: Mapping[Place, str], deployment: Deployment) -> Part:
    gateways = sum(types[one] == "AWS::EC2::NatGateway" for one in members)
    groups = sum(types[one] == "AWS::AutoScaling::AutoScalingGroup" for one in members)
    if gateways or groups:
        what = "NAT gateway" if gateways else "NAT instance"
        many = gateways or groups
        title = f"{many} × {what}" if many > 1 else what
        out = ", ".join(("443", str(settings.database.port), *settings.network.outbound))
        return Part("nat", title, (f"the way out; open: {out}",), tuple(members), inside=True)
    words = "no NAT" if "network" in deployment.keys else "the network's own way out, not on this bill"
    return Part("nat", "Way out", (words,), tuple(members), inside=True, known=bool(members))


def _extras(deployment: Deployment, own: Iterable[str], types: Mapping[Place, str]) -> Iterator[Part]:
    for spec in deployment:
        if spec.key in own:
            kinds = Counter(_short(resource["Type"]) for resource in spec.template["Resources"].values())
            members = tuple((spec.key, name) for name in spec.template["Resources"])
            yield Part(
                spec.key,
                f"extras: {spec.key.removeprefix('extra-')}",
                (_listed([_many(n, kind) for kind, n in kinds.items()]),),
                members,
                beside=True,
            )


def _database(settings: Settings, types: Mapping[Place, str]) -> Part:
    if any(kind in ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster") for kind in types.values()):
        words = "in a stack of your own, above"
    else:
        words = "elsewhere, over TLS: not on this bill"
    return Part("database", f"PostgreSQL, port {settings.database.port}", (words,), beside=True, known=False)


REST = 5
"""So many kinds of what is not on the way are named with their amount."""


def _rest(members: list[Place], types: Mapping[Place, str], prices: Prices | None) -> Part:
    sums: dict[str, Decimal] = {}
    for one in members if prices else ():
        assert prices is not None
        sums[_short(types[one])] = sums.get(_short(types[one]), Decimal(0)) + prices.amounts.get(one, Decimal(0))
    paid = sorted(
        ((amount, kind) for kind, amount in sums.items() if amount >= CENT / 2), key=lambda one: (-one[0], one[1])
    )
    named = [f"{kind} {dollars(amount)}" for amount, kind in paid[:REST]]
    more = len(paid) - len(named)
    free = len(members) - sum(prices.amounts.get(one, Decimal(0)) > 0 for one in members) if prices else len(members)
    lines = [", ".join(named) + (f", {more} more" if more > 0 else "")] if named else []
    lines.append(f"and {free} resources that cost nothing: roles, subnets, rules" if prices else f"{free} resources")
    return Part("rest", "Also there, beside the way", tuple(lines), tuple(members))


def _priced(boxes: list[Part], prices: Prices | None) -> Iterator[Part]:
    """Each box with its amount, rounded so that the boxes add up to the rounded total (largest remainder)."""
    if prices is None:
        yield from boxes
        return
    exact = [sum((prices.amounts.get(one, Decimal(0)) for one in box.members), Decimal(0)) for box in boxes]
    exact[-1] += prices.total - sum(exact, Decimal(0))
    down = [amount.quantize(CENT, rounding="ROUND_FLOOR") for amount in exact]
    missing = int((rounded(prices.total) - sum(down, Decimal(0))) / CENT)
    for at in sorted(range(len(boxes)), key=lambda n: (down[n] - exact[n], n))[:missing]:
        down[at] += CENT
    for box, amount in zip(boxes, down, strict=True):
        shown = amount if box.known or amount else None
        yield replace(box, monthly=shown)


def svg(settings: Settings, deployment: Deployment, prices: Prices | None) -> str:
    """The picture of one environment, as an SVG document; without ``prices`` no box has one, and it says so."""
    boxes = parts(settings, deployment, prices)
    drawn, height = _placed(settings, boxes)
    name = f"{deployment.application} {deployment.environment} in {deployment.region}"
    total = f"{dollars(prices.total)} a month" if prices else "no prices of this region here: hermes-cfn prices refresh"
    told = "; ".join(f"{box.title}: {' '.join(box.lines)}" + _amount(box) for box in boxes)
    footer = [f"Together {total}." if prices else total.capitalize(), prices.note if prices else ""]
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 54}" width="{WIDTH}" height="{height + 54}"'
        f' role="img" aria-labelledby="title told"><title id="title">{escape(name)}: the way of a request</title>'
        f'<desc id="told">{escape(told)}; together {escape(total)}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 Z"/></marker></defs>',
        f'<rect class="page" width="{WIDTH}" height="{height + 54}"/>',
        *drawn,
        f'<text class="head" id="total" x="{MARGIN}" y="{height + 18}">{escape(footer[0])}</text>',
        *(f'<text class="soft" x="{MARGIN}" y="{height + 38}">{escape(one)}</text>' for one in footer[1:] if one),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _amount(box: Part) -> str:
    return f" {dollars(box.monthly)} a month" if box.monthly is not None else ""


def _placed(settings: Settings, boxes: tuple[Part, ...]) -> tuple[list[str], int]:
    """Every box below the one before it, an arrow in between; the VPC around what is inside."""
    out: list[str] = []
    y, above, opened = MARGIN, 0, 0
    network = settings.network
    name = network.vpc_id or (f"of {settings.environment.shares}" if settings.environment.shares else network.cidr)
    for n, box in enumerate(boxes):
        if box.inside and not (n and boxes[n - 1].inside):
            opened, y = y, y + 28
        lines = [part for line in box.lines for part in _wrapped(line)]
        high = 30 + LINE * len(lines) + (46 if box.zones else 0)
        if above and box.key != "rest":
            out.append(f'<path class="wire" d="M{WIDTH // 2} {above} V{y - 2}" marker-end="url(#tip)"/>')
        out += _box(box, y, high, lines)
        above = y + high
        y = above + GAP
        if box.inside and not boxes[n + 1].inside:
            bottom = above + 10
            out.insert(
                0, f'<rect class="vpc" x="6" y="{opened}" width="{WIDTH - 12}" height="{bottom - opened}" rx="8"/>'
            )
            out.append(
                f'<text class="soft" x="{MARGIN}" y="{opened + 17}">{escape(f"VPC {name}, {settings.region}")}</text>'
            )
            y = bottom + GAP
    return out, y - GAP + 8


def _box(box: Part, y: int, high: int, lines: list[str]) -> Iterator[str]:
    x, wide = MARGIN, WIDTH - 2 * MARGIN
    kind = "box" if box.known else "else"
    yield f'<g id="{escape(box.key)}"><rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="6"/>'
    yield f'<text class="head" x="{x + PAD}" y="{y + 20}">{escape(box.title)}</text>'
    if box.monthly is not None:
        yield f'<text class="price" x="{x + wide - PAD}" y="{y + 20}">{dollars(box.monthly)}</text>'
    for n, line in enumerate(lines):
        yield f'<text x="{x + PAD}" y="{y + 38 + LINE * n}">{escape(line)}</text>'
    each = (wide - PAD) // max(len(box.zones), 1)
    for n, (zone, words) in enumerate(box.zones):
        left, top = x + PAD + n * each, y + high - 46
        yield f'<rect class="zone" x="{left}" y="{top}" width="{each - PAD}" height="38" rx="4"/>'
        yield f'<text x="{left + 6}" y="{top + 16}">{escape(zone if each > 100 else zone[-2:])}</text>'
        yield f'<text class="soft" x="{left + 6}" y="{top + 31}">{escape(words if each > 80 else words.split()[0])}</text>'
    yield "</g>"


def _wrapped(line: str) -> Iterator[str]:
    """``line`` in pieces that a box has room for, broken between words; a word longer than a box is cut."""
    now = ""
    for word in line.split():
        word = word if len(word) <= LETTERS else word[: LETTERS - 1] + "…"
        if now and len(now) + 1 + len(word) > LETTERS:
            yield now
            now = word
        else:
            now = f"{now} {word}".strip()
    yield now


def _zones(settings: Settings) -> str:
    subnets = settings.network.public_subnets
    return f"{len(subnets)} subnets" if subnets else f"{len(settings.network.zones)} zones"


def _short(kind: Any) -> str:
    return str(kind).removeprefix("AWS::").replace("::", " ")


def _many(count: int, kind: str) -> str:
    return f"{count} × {kind}" if count > 1 else kind


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
