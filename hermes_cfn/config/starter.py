"""A first ``hermes.toml``: every switch with its default, its meaning and what it costs a month.

What a preset or an answer chooses is written; everything else stands there commented out, as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from hermes_cfn.config.meanings import SECTIONS, meaning
from hermes_cfn.config.settings import NAMED, Settings
from hermes_cfn.config.spelling import toml

Choices = Mapping[str, Mapping[str, Any]]
"""Section -> key -> value, as in the file."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A starting point: what it is for, what it gives up, and what it sets."""

    name: str
    what: str
    choices: Choices


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "lean",
            "one instance that never drops a request at a release, a NAT instance; a zone may take it down",
            {
                "network": {"egress": "nat-instance", "flow_logs": False},
                "compute": {"count": 1},
                "service": {"log_days": 7},
                "release": {"strategy": "surge"},
            },
        ),
        Preset("guide", "what the deployment guide describes: two instances, one NAT gateway", {}),
        Preset(
            "hardened",
            "three instances, a NAT gateway a zone, WAF, access logs, an audit trail and alarms",
            {
                "network": {"egress": "nat-gateway-per-zone", "flow_log_days": 90},
                "compute": {"count": 3},
                "service": {"access_logs": True, "waf": True, "log_days": 90},
                "release": {"strategy": "surge", "canary": 1, "canary_s": 300},
                "watch": {"enabled": True, "audit_trail": True},
            },
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting whose price is worth knowing: the value to compare with, and what it needs to be valid."""

    section: str
    key: str
    value: Any
    needs: Choices = field(default_factory=dict)

    def choices(self) -> dict[str, dict[str, Any]]:
        """The switch and what it needs, as choices."""
        return merged(self.needs, {self.section: {self.key: self.value}})


_OPEN: Choices = {"database": {"allow_list": False}}
_IPV6: Choices = {"database": {"allow_list": False, "addresses": ("ipv4", "ipv6")}}
_ZONE: Choices = {"edge": {"hosted_zone_id": "Z0123456789ABC"}}
_ASSETS: Choices = {"edge": {"assets": True}}
_FRONT: Choices = {"edge": {"assets": True}, "worldwide": {"cloudfront": True}}

SWITCHES: tuple[Switch, ...] = (
    *(Switch("compute", "instance_type", f"t4g.{size}") for size in ("micro", "small", "medium")),
    *(Switch("compute", "count", count) for count in (1, 2, 3)),
    Switch("compute", "detailed_monitoring", True),
    *(
        Switch("network", "egress", egress)
        for egress in ("nat-gateway", "nat-gateway-per-zone", "nat-gateway-regional", "nat-instance")
    ),
    Switch("network", "egress", "public-subnets", _OPEN),
    Switch("network", "egress", "ipv6", _IPV6),
    Switch("network", "flow_logs", False),
    Switch("network", "flow_logs", True),
    Switch("network", "interface_endpoints", ("ssm", "ssmmessages")),
    Switch("service", "access_logs", True),
    Switch("service", "waf", True),
    Switch("service", "cluster", True),
    Switch("account", "artifacts_encryption", "aws:kms"),
    Switch("watch", "enabled", True),
    Switch("watch", "audit_trail", True, {"watch": {"enabled": True}}),
    Switch("edge", "assets", True),
    Switch("edge", "dns", "alias", _ZONE),
    Switch("worldwide", "cloudfront", True, _ASSETS),
    Switch("worldwide", "waf", True, _FRONT),
)
"""What ``init`` prices: each against the file without it."""

Prices = Mapping[tuple[str, str], tuple[tuple[Any, Decimal], ...]]
"""(Section, key) -> values and the difference that each makes a month, USD."""

PLACEHOLDERS = {("certificate", "domain"), ("github", "repository")}
"""Keys whose default is nobody's: always written, so that they are seen."""


def merged(*parts: Choices) -> dict[str, dict[str, Any]]:
    """Choices laid over each other, the last one on top."""
    result: dict[str, dict[str, Any]] = {}
    for part in parts:
        for section, values in part.items():
            result[section] = {**result.get(section, {}), **values}
    return result


def settings(choices: Choices) -> Settings:
    """The settings that a file with these choices means.  Raises ConfigurationError."""
    from hermes_cfn.config.reading import parse

    return parse(bare(choices))


def bare(choices: Choices) -> str:
    """The choices as TOML, and nothing else."""
    lines: list[str] = []
    for section, values in choices.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


Origins = Mapping[tuple[str, str], str]
"""(Section, key) -> where a value was found."""


def text(
    choices: Choices,
    preset: str,
    prices: Prices | None = None,
    totals: Mapping[str, str] | None = None,
    origins: Origins | None = None,
    remarks: Iterable[str] = (),
) -> str:
    """``hermes.toml``.

    ``prices`` says what switches cost, ``totals`` what each preset costs a month, as people read it; ``origins``
    where values come from that were read elsewhere; ``remarks`` are lines at the end.
    """
    origins = origins or {}
    blocks = [_head(preset, totals or {})]
    for section, what in SECTIONS.items():
        lines = [f"# {what}", f"[{section}]"]
        default = getattr(Settings(), section)
        if section in NAMED and section not in choices:
            lines = [
                lines[0],
                f"# [{section}.NAME]",
                *(f"# {key}  # {meaning(section, key)}" for key in NAMED[section].model_fields),
            ]
        elif isinstance(default, BaseModel):
            defaults = default.model_dump(mode="python")
            for key in type(default).model_fields:
                lines += _key(
                    section,
                    key,
                    defaults[key],
                    choices.get(section, {}),
                    (prices or {}).get((section, key)),
                    origins.get((section, key), ""),
                )
        else:
            lines += [
                f"{key} = {toml(value)}" + (f"  # from {origins[section, key]}" if (section, key) in origins else "")
                for key, value in choices.get(section, {}).items()
            ]
        blocks.append("\n".join(lines))
    blocks.append(
        "# Another environment from the same file: only what differs.  hermes-cfn --env staging plan\n"
        "# [environments.staging.compute]\n# count = 1"
    )
    if told := [f"# {line}" for line in remarks]:
        blocks.append("\n".join(told))
    return "\n\n".join(blocks) + "\n"


def _head(preset: str, totals: Mapping[str, str]) -> str:
    lines = [
        "# What is to run; everything else is made from this file.  Lines that are commented out show the default.",
        f"# Preset: {preset}.",
    ]
    if totals:
        lines.append(
            "# A month at the usage stated below: " + ", ".join(f"{name} {sum_}" for name, sum_ in totals.items())
        )
    return "\n".join(lines)


def _key(
    section: str,
    key: str,
    default: Any,
    chosen: Mapping[str, Any],
    prices: tuple[tuple[Any, Decimal], ...] | None,
    origin: str = "",
) -> list[str]:
    written = key in chosen or (section, key) in PLACEHOLDERS
    if default is None and not written:
        return [f"# {key} = 0  # {meaning(section, key)}; not given"]
    line = f"{key} = {toml(chosen.get(key, default))}"
    note = meaning(section, key)
    if key in chosen and chosen[key] != default:
        note += f"{'; ' if note else ''}default {toml(default)}"
    if origin:
        note += f"{'; ' if note else ''}from {origin}"
    lines = [f"{'' if written else '# '}{line}{f'  # {note}' if note else ''}"]
    if prices:
        lines.append("#   a month: " + ", ".join(f"{toml(value)} {_signed(amount)}" for value, amount in prices))
    return lines


def _signed(amount: Decimal) -> str:
    from hermes_cfn.units import dollars, rounded

    return f"+{dollars(amount)}" if rounded(amount) > 0 else dollars(rounded(amount) + 0)
