"""Route 53: which records a name has."""

from __future__ import annotations

from typing import Any

from hermes_cfn.aws.calls import Calls


class Zones:
    """Hosted zones; Route 53 has no regions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def records(self, zone: str, name: str) -> tuple[tuple[str, str], ...]:
        """(type, set identifier or nothing) of the records of exactly that name."""
        return tuple(
            (str(record["Type"]), str(record.get("SetIdentifier", ""))) for record in self._records(zone, name)
        )

    def targets(self, zone: str, name: str) -> frozenset[str]:
        """Where the records of exactly that name lead: names of aliases and CNAMEs, addresses."""
        found: set[str] = set()
        for record in self._records(zone, name):
            if record["Type"] in {"A", "AAAA", "CNAME"}:
                alias = record.get("AliasTarget", {}).get("DNSName")
                values = [alias] if alias else [one["Value"] for one in record.get("ResourceRecords", ())]
                found |= {str(value).rstrip(".").removeprefix("dualstack.").lower() for value in values}
        return frozenset(found)

    def of(self, domain: str) -> str | None:
        """The id of the public hosted zone that answers for ``domain``, the longest name that fits; None without one."""
        found = {
            str(zone["Name"]).rstrip("."): str(zone["Id"]).rpartition("/")[2]
            for zone in self._calls.pages("list_hosted_zones", "HostedZones")
            if not zone.get("Config", {}).get("PrivateZone")
        }
        fitting = [name for name in found if domain == name or domain.endswith(f".{name}")]
        return found[max(fitting, key=len)] if fitting else None

    def sets(self, zone: str, name: str) -> list[dict[str, Any]]:
        """The records of exactly that name that lead somewhere (A, AAAA, CNAME), as Route 53 writes them."""
        return [record for record in self._records(zone, name) if record["Type"] in {"A", "AAAA", "CNAME"}]

    def change(self, zone: str, changes: list[tuple[str, dict[str, Any]]], comment: str) -> None:
        """All of ``changes`` (CREATE, DELETE or UPSERT, and the record) at one moment, or none of them."""
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        self._calls.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Comment": comment, "Changes": batch})

    def _records(self, zone: str, name: str) -> list[dict[str, Any]]:
        found = self._calls.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name, MaxItems="20")
        return [record for record in found["ResourceRecordSets"] if str(record["Name"]).rstrip(".") == name]
