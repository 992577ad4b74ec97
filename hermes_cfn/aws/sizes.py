"""Auto Scaling: the size of a group, set from outside a rollout."""

from __future__ import annotations

from hermes_cfn.aws.calls import Calls


class Sizes:
    """Sizes of the groups of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def put(self, group: str, minimum: int, desired: int, maximum: int) -> None:
        """Absolute, so that twice is once (Auto Scaling API, UpdateAutoScalingGroup)."""
        self._calls.update_auto_scaling_group(
            AutoScalingGroupName=group, MinSize=minimum, DesiredCapacity=desired, MaxSize=maximum
        )
