"""CloudWatch: which of an environment's alarms fire."""

from __future__ import annotations

from hermes_cfn.aws.calls import Calls


class CloudWatch:
    """Alarms of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def firing(self, prefix: str) -> tuple[str, ...]:
        """Names of the alarms under a prefix that are in state ALARM."""
        found = self._calls.pages("describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix, StateValue="ALARM")
        return tuple(sorted(alarm["AlarmName"] for alarm in found))
