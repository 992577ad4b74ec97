"""What Terraform or OpenTofu built, by its state: what may be kept, what is made beside it, what hands over.

Reads the state of format 4 and the output of ``terraform show -json``.  A state holds passwords in clear: of each
resource only the attributes that :data:`ATTRIBUTES` names are looked at, and nothing of it is stored.
https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign.model import Left, Taken

ATTRIBUTES = ("id", "arn", "name", "zone_id", "type", "key_name", "instance_type", "map_public_ip_on_launch", "vpc_id", "subnet_id", "gateway_id", "domain_name", "status", "availability_zone", "private_zone", "nat_gateway_id", "route_table_id", "port", "internal")  # fmt: skip
"""What is read of a resource; none of them is a secret of any resource type of the AWS provider."""

MOST_BYTES = 50_000_000


class Way(StrEnum):
    """What becomes of a resource."""

    KEEP = "keep"
    IMPORT = "import"
    CUT_OVER = "cut over"
    BESIDE = "beside"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Old:
    """A resource of the state: ``address`` as Terraform writes it, and what becomes of it in words."""

    address: str
    type: str
    attributes: Mapping[str, Any]
    way: Way
    words: str
    nearest: str = ""

    @property
    def id(self) -> str:
        """Its id, or its name; empty where the state has neither."""
        return str(self.attributes.get("id") or self.attributes.get("name") or "")


@dataclass(frozen=True, slots=True)
class State:
    """The resources of a state, settings that keep what can be kept, and what else a reader should know."""

    file: str
    resources: tuple[Old, ...]
    taken: tuple[Taken, ...] = ()
    left: tuple[Left, ...] = ()

    def of(self, *ways: Way) -> tuple[Old, ...]:
        """Those that go one of ``ways``."""
        return tuple(one for one in self.resources if one.way in ways)

    def removal(self) -> Iterator[str]:
        """What its own tool is to be told once the old one is not needed: what is kept stays in its state."""
        for one in self.of(Way.CUT_OVER):
            yield f"terraform state rm '{one.address}'"
        targets = " ".join(f"-target='{one.address}'" for one in self.of(Way.BESIDE))
        if targets:
            yield f"terraform plan -destroy {targets} -out=old.tfplan"
            yield "terraform apply old.tfplan"


def read(path: Path) -> State:
    """The state in ``path``.  Raises HermesError ``state-unreadable``, ``state-unknown`` or ``state-encrypted``."""
    content = _content(path)
    if not isinstance(content, Mapping):
        raise _unknown(path, "it is no JSON object")
    if "encrypted_data" in content:
        raise _refused("state-encrypted", path, "the state is encrypted", "tofu show -json > state.json, and that file")
    if "values" in content or "format_version" in content:
        found = list(_shown(content.get("values") or {}))
    elif content.get("version") == 4:
        found = list(_stated(content.get("resources") or []))
    else:
        raise _unknown(path, f"its version is {content.get('version', 'not said')}, and 4 is read")
    made = tuple(_old(*one) for one in found)
    return State(str(path), made, *_kept(made))


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _unknown(path, f"it is larger than {MOST_BYTES // 10**6} MB")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise _refused(
            "state-unreadable", path, error.strerror or "cannot be read", "terraform state pull > state.json"
        ) from None
    except (ValueError, RecursionError):
        raise _unknown(path, "it is not JSON") from None


def _refused(code: str, path: Path, what: str, instead: str) -> HermesError:
    return HermesError(Finding(code, str(path), what, next=instead), exit_code=ExitCode.USAGE)


def _unknown(path: Path, what: str) -> HermesError:
    return _refused(
        "state-unknown", path, what, "terraform state pull > state.json, or terraform show -json > state.json"
    )


Found = tuple[str, str, Mapping[str, Any]]


def _stated(given: Any) -> Iterator[Found]:
    """Address, type and attributes of every managed resource of a state file."""
    for one in _list(given):
        if not isinstance(one, Mapping) or one.get("mode") != "managed":
            continue
        base = f"{one['module']}." if isinstance(one.get("module"), str) else ""
        for instance in _list(one.get("instances")):
            attributes = instance.get("attributes") if isinstance(instance, Mapping) else None
            index = instance.get("index_key") if isinstance(instance, Mapping) else None
            key = "" if index is None else f"[{json.dumps(index)}]"
            yield (
                f"{base}{one.get('type')}.{one.get('name')}{key}",
                str(one.get("type")),
                attributes if isinstance(attributes, Mapping) else {},
            )


def _shown(values: Any) -> Iterator[Found]:
    """The same of ``terraform show -json``."""
    modules = [values.get("root_module")] if isinstance(values, Mapping) else []
    while modules:
        module = modules.pop(0)
        if not isinstance(module, Mapping):
            continue
        for one in _list(module.get("resources")):
            if isinstance(one, Mapping) and one.get("mode") == "managed":
                values = one.get("values")
                yield str(one.get("address")), str(one.get("type")), values if isinstance(values, Mapping) else {}
        modules += _list(module.get("child_modules"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@cache
def table() -> Mapping[str, Mapping[str, str]]:
    """Terraform's type -> way, words and nearest setting."""
    text = resources.files(__package__).joinpath("terraform.csv").read_text(encoding="utf-8")
    return {row["type"]: row for row in csv.DictReader(text.splitlines())}


def _old(address: str, kind: str, attributes: Mapping[str, Any]) -> Old:
    row = table().get(kind)
    kept = {name: attributes[name] for name in ATTRIBUTES if isinstance(attributes.get(name), str | bool | int)}
    for route in _list(attributes.get("route")) if kind == "aws_route_table" else ():
        if isinstance(route, Mapping) and str(route.get("gateway_id", "")).startswith("igw-"):
            kept["gateway_id"] = str(route["gateway_id"])
    if row is None:
        return Old(address, kind, kept, Way.UNKNOWN, "stays as it is, with its own tool")
    return Old(address, kind, kept, Way(row["way"]), row["words"], row["nearest"])


def _kept(made: tuple[Old, ...]) -> tuple[tuple[Taken, ...], tuple[Left, ...]]:
    """The settings that keep what can be kept, where there is one of it; where there are several, somebody must choose."""
    taken: list[Taken] = []
    left: list[Left] = []
    vpcs = _of(made, "aws_vpc")
    single = {
        "certificate.arn": [one for one in _of(made, "aws_acm_certificate") if one.attributes.get("status", "ISSUED") == "ISSUED"],
        "edge.hosted_zone_id": [one for one in _of(made, "aws_route53_zone") if not one.attributes.get("private_zone")],
        "compute.key_name": _of(made, "aws_key_pair"),
        "network.vpc_id": vpcs,
    }  # fmt: skip
    for setting, found in single.items():
        section, _, key = setting.partition(".")
        if len(found) == 1:
            attribute = {"certificate.arn": "arn", "compute.key_name": "key_name", "edge.hosted_zone_id": "zone_id"}
            one = found[0]
            value = str(one.attributes.get(attribute.get(setting, "id")) or one.id)
            taken.append(Taken(section, key, value, one.address))
        elif found:
            left.append(Left(", ".join(one.address for one in found), f"there are {len(found)}: choose one", setting))
    if len(vpcs) == 1:
        taken += list(_subnets(made, vpcs[0]))
    records = [one for one in _of(made, "aws_route53_record") if one.attributes.get("type") in ("A", "CNAME")]
    if (
        records
        and not any(one.section == "edge" for one in taken)
        and len({one.attributes.get("zone_id") for one in records}) == 1
    ):
        taken.append(Taken("edge", "hosted_zone_id", str(records[0].attributes.get("zone_id")), records[0].address))
    if any(one.section == "edge" for one in taken):
        origin = records[0].address if records else "the zone"
        taken += [Taken("edge", "dns", "weighted", origin), Taken("edge", "weight", 0, origin)]
    return tuple(taken), tuple(left)


def _of(made: tuple[Old, ...], kind: str) -> list[Old]:
    return [one for one in made if one.type == kind]


def _subnets(made: tuple[Old, ...], vpc: Old) -> Iterator[Taken]:
    """Public is what gives out addresses by itself, or whose route table leads to an internet gateway."""
    gateways = {one.id for one in _of(made, "aws_internet_gateway")}
    open_tables = {
        one.id if one.type == "aws_route_table" else str(one.attributes.get("route_table_id"))
        for one in (*_of(made, "aws_route"), *_of(made, "aws_route_table"))
        if str(one.attributes.get("gateway_id")) in gateways or str(one.attributes.get("gateway_id")).startswith("igw-")
    }
    beside = {
        str(one.attributes.get("subnet_id"))
        for one in _of(made, "aws_route_table_association")
        if str(one.attributes.get("route_table_id")) in open_tables
    }
    mine = [one for one in _of(made, "aws_subnet") if one.attributes.get("vpc_id", vpc.id) == vpc.id]
    for key, wanted in (("public_subnets", True), ("private_subnets", False)):
        chosen = [
            one for one in mine if (bool(one.attributes.get("map_public_ip_on_launch")) or one.id in beside) is wanted
        ]
        if chosen:
            yield Taken("network", key, tuple(one.id for one in chosen), ", ".join(one.address for one in chosen))
    zones = tuple(
        dict.fromkeys(
            str(one.attributes["availability_zone"]) for one in mine if one.attributes.get("availability_zone")
        )
    )
    if zones:
        yield Taken("network", "zones", zones, "its subnets")
        yield Taken("account", "region", zones[0].rstrip("abcdefgh"), "the zones of its subnets")


def priced(state: State) -> Mapping[str, Mapping[str, Any]]:
    """The resources of a state that cost by the hour, as CloudFormation writes them; what is paid by use is left out."""
    found: dict[str, Mapping[str, Any]] = {}
    for n, one in enumerate(state.resources):
        kind, properties = _PRICED.get(one.type, ("", {}))
        if one.type in ("aws_instance", "aws_launch_template") and not one.attributes.get("instance_type"):
            continue
        if one.type == "aws_instance":
            properties = {"InstanceType": str(one.attributes["instance_type"])}
        if kind:
            found[f"R{n}"] = {"Type": kind, "Properties": properties}
    return found


_PRICED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "aws_instance": ("AWS::EC2::Instance", {}),
    "aws_lb": ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"Type": "application", "Scheme": "internet-facing"}),
    "aws_alb": ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"Type": "application", "Scheme": "internet-facing"}),
    "aws_nat_gateway": ("AWS::EC2::NatGateway", {}),
    "aws_eip": ("AWS::EC2::EIP", {}),
}
