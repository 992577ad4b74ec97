"""Route 53: which records a name has."""

from __future__ import annotations

from hermes_cfn.aws.calls import Calls


class Zones:
    """Hosted zones; Route 53 has no regions."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def records(self, zone: str, name: str) -> tuple[tuple[str, str], ...]:
        """(type, set identifier or nothing) of the records of exactly that name."""
        found = self._calls.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name, MaxItems="20")
        return tuple(
            (str(record["Type"]), str(record.get("SetIdentifier", "")))
            for record in found["ResourceRecordSets"]
            if str(record["Name"]).rstrip(".") == name
        )
