"""The actions on lifecycle hooks."""

from __future__ import annotations

from typing import Any

from hermes_cfn.local.services.actions import Params
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.model import LAUNCHING, TERMINATING, Group, Member
from hermes_cfn.local.wire import ServiceError

_DEFAULTS = {"HeartbeatTimeout": 3600, "DefaultResult": "ABANDON"}


class HookActions:
    """Part of service ``autoscaling``."""

    engine: Engine

    def put_lifecycle_hook(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        self._put_hook(group, {**group.hooks.get(params["LifecycleHookName"], {}), **params})
        return {}

    def delete_lifecycle_hook(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        name = params["LifecycleHookName"]
        if name not in group.hooks:
            raise ServiceError("ValidationError", f"The lifecycle hook {name} does not exist for group {group.name}")
        del group.hooks[name]
        for member in list(group.members.values()):
            if member.hook == name:
                self.engine.complete(member, "CONTINUE")
        return {}

    def describe_lifecycle_hooks(self: Any, params: Params) -> Params:
        group = self._group(params["AutoScalingGroupName"])
        names = params.get("LifecycleHookNames") or list(group.hooks)
        return {"LifecycleHooks": [group.hooks[name] for name in names if name in group.hooks]}

    def describe_lifecycle_hook_types(self, _params: Params) -> Params:
        return {"LifecycleHookTypes": [LAUNCHING, TERMINATING]}

    def complete_lifecycle_action(self: Any, params: Params) -> Params:
        if params["LifecycleActionResult"] not in ("CONTINUE", "ABANDON"):
            raise ServiceError(
                "ValidationError", "Invalid Lifecycle Action Result. Valid values are CONTINUE and ABANDON."
            )
        _, member = self._waiting(params)
        self.engine.complete(member, params["LifecycleActionResult"])
        return {}

    def record_lifecycle_action_heartbeat(self: Any, params: Params) -> Params:
        group, member = self._waiting(params)
        self.engine.heartbeat(group, member)
        return {}

    def _waiting(self: Any, params: Params) -> tuple[Group, Member]:
        group = self._group(params["AutoScalingGroupName"])
        token, instance_id = params.get("LifecycleActionToken"), params.get("InstanceId")
        for member in group.members.values():
            if member.hook == params["LifecycleHookName"] and (
                member.token == token or member.instance_id == instance_id
            ):
                return group, member
        what = f"instance ID {instance_id}" if instance_id else f"token {token}"
        raise ServiceError("ValidationError", f"No active Lifecycle Action found with {what}")

    def _put_hook(self, group: Group, given: Params) -> None:
        transition = given.get("LifecycleTransition", "")
        if transition not in (LAUNCHING, TERMINATING):
            raise ServiceError("ValidationError", f"Invalid lifecycle transition {transition!r}.")
        if not 30 <= int(given.get("HeartbeatTimeout", 3600)) <= 7200:
            raise ServiceError("ValidationError", "HeartbeatTimeout must be between 30 and 7200 seconds")
        keys = ("LifecycleHookName", "LifecycleTransition", "NotificationTargetARN", "RoleARN", "NotificationMetadata",
                "HeartbeatTimeout", "DefaultResult")  # fmt: skip
        hook = {**_DEFAULTS, **{key: given[key] for key in keys if given.get(key) is not None}}
        hook["AutoScalingGroupName"] = group.name
        hook["GlobalTimeout"] = min(172800, 100 * int(hook["HeartbeatTimeout"]))
        group.hooks[hook["LifecycleHookName"]] = hook
