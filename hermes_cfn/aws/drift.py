"""CloudFormation: asking whether somebody changed a stack's resources by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hermes_cfn.aws.calls import Calls
from hermes_cfn.clock import Clock, patience
from hermes_cfn.plan.drift import Drifted

AT_MOST_S = 300.0


class Drift:
    """Drift detection of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def detect(self, stack: str, clock: Clock) -> tuple[str, str]:
        """``IN_SYNC`` or ``DRIFTED``, and why some resources could not be looked at.

        ``UNKNOWN`` when AWS has no answer within :data:`AT_MOST_S` seconds.
        """
        detection = self._calls.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
        waited = 0.0
        while waited < AT_MOST_S:
            found = self._calls.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                failed = found["DetectionStatus"] == "DETECTION_FAILED"
                why = str(found.get("DetectionStatusReason", "CloudFormation says nothing more")) if failed else ""
                return str(found.get("StackDriftStatus", "UNKNOWN")), why
            pause = patience(waited)
            clock.sleep(pause)
            waited += pause
        return "UNKNOWN", f"no answer within {AT_MOST_S:.0f} s"

    def resources(self, stack: str) -> Sequence[tuple[str, str]]:
        """Logical ids that differ, and what differs."""
        found = self._calls.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
        )["StackResourceDrifts"]
        return [
            (
                item["LogicalResourceId"],
                "; ".join(
                    f"{change['PropertyPath']}: {change.get('ExpectedValue')} → {change.get('ActualValue')}"
                    for change in item.get("PropertyDifferences", ())
                )
                or item["StackResourceDriftStatus"],
            )
            for item in found
        ]

    def properties(self, key: str, stack: str) -> list[Drifted]:
        """The same property by property; ``key`` is the stack's in the deployment."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            answer = self._calls.describe_stack_resource_drifts(
                StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **token
            )
            found += answer["StackResourceDrifts"]
            token = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
            if not token:
                break
        return [
            one
            for item in found
            for one in (
                [
                    Drifted(
                        key,
                        item["LogicalResourceId"],
                        item["ResourceType"],
                        change["PropertyPath"],
                        str(change.get("ExpectedValue", "")),
                        str(change.get("ActualValue", "")),
                    )
                    for change in item.get("PropertyDifferences", ())
                ]
                or [Drifted(key, item["LogicalResourceId"], item["ResourceType"])]
            )
        ]
