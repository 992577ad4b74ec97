"""The control side of the endpoint: what no AWS interface offers (``/_hermes/<what>``).

``status``, ``stop``, ``clock {advance_s}``, ``images {repository, tag, directory?, env?,
architecture?, region?}``, ``faults {...}`` (see :meth:`Controls.faults`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_cfn.local.wire import DEFAULT_REGION, ServiceError

if TYPE_CHECKING:
    from hermes_cfn.local.cloud import Cloud

CONDITIONS = ("registry", "capacity", "ssm-silent")


class Controls:
    """Answers requests to the control side."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def handle(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises ServiceError ``UnknownControl`` (404) for what does not exist."""
        actions = {
            "status": self.status,
            "stop": self.stop,
            "clock": self.clock,
            "images": self.images,
            "faults": self.faults,
            "instances": self.instances,
        }
        if what not in actions:
            raise ServiceError("UnknownControl", f"The embedded cloud has no control {what!r}.", 404)
        return actions[what](body)

    def status(self, _body: dict[str, Any]) -> dict[str, Any]:
        return self._cloud.status()

    def stop(self, _body: dict[str, Any]) -> dict[str, Any]:
        self._cloud.end()
        return {}

    def clock(self, body: dict[str, Any]) -> dict[str, Any]:
        """Service time, moved ahead by ``advance_s``."""
        return {"now": self._cloud.clock.advance(float(body.get("advance_s", 0))).isoformat()}

    def images(self, body: dict[str, Any]) -> dict[str, Any]:
        """Builds an image and pushes it: ``{digest, uri, reference}``."""
        return self._cloud.fleet.push(
            body.get("region", DEFAULT_REGION),
            body["repository"],
            [body["tag"]],
            directory=Path(body["directory"]) if body.get("directory") else None,
            environment=body.get("env") or {},
            architecture=body.get("architecture", "arm64"),
        )

    def instances(self, _body: dict[str, Any]) -> dict[str, Any]:
        """What runs on each instance, for people who look for a reason."""
        return {
            one.instance_id: {
                "address": one.address, "zone": one.zone, "dead": one.dead, "booted": one.booted,
                "boot_status": one.boot_status, "boot_output": one.boot_output,
                "directory": str(one.host.directory) if one.host else "",
            }
            for one in self._cloud.fleet.instances.values()
        }  # fmt: skip

    def faults(self, body: dict[str, Any]) -> dict[str, Any]:
        """Turns faults on and off; answers those that are on.

        ``{"clear": true}``; ``{"api": {service, action, kind, times, skip, probability, seconds}}``;
        ``{"set": name, "subject": "*", "value": message | null}`` with name registry (pulls
        fail with the message), capacity (subject a zone: launches fail with it), ssm-silent
        (subject an instance: commands are not taken); ``{"instance": id, "do": "kill" |
        "reboot" | "disk-full" | "disk-free"}``; ``{"instance": id, "application": {"health":
        503 | "hang" | null, "answer_s": seconds}}``; ``{"zone": name, "do": "gone" | "back"}``.
        """
        with self._cloud.lock:
            if body.get("clear"):
                self._cloud.faults.clear()
            if "api" in body:
                self._cloud.faults.add_api(body["api"])
            if "set" in body:
                if body["set"] not in CONDITIONS:
                    raise ServiceError("UnknownFault", f"conditions are {', '.join(CONDITIONS)}")
                self._cloud.faults.set(body["set"], body.get("subject", "*"), body.get("value"))
            if "instance" in body:
                self._instance(body)
            if "zone" in body:
                self._zone(body["zone"], body["do"])
            return self._cloud.faults.described()

    def _instance(self, body: dict[str, Any]) -> None:
        fleet, instance_id = self._cloud.fleet, body["instance"]
        instance = fleet.instances.get(instance_id)
        if instance is None:
            raise ServiceError("UnknownInstance", f"no instance {instance_id}", 404)
        if "application" in body and instance.host is not None:
            path = instance.host.directory / "root" / "run" / "faults.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(body["application"]))
        match body.get("do"):
            case "kill":
                fleet.kill(instance_id)
                self._cloud.engine.died(instance_id)
            case "reboot" if instance.host is not None:
                instance.host.order("reboot")
            case "disk-full" | "disk-free" if instance.host is not None:
                instance.host.order("disk-full", on=body["do"] == "disk-full")
            case None:
                return
            case _ if instance.host is not None:
                raise ServiceError("UnknownFault", f"an instance cannot {body['do']!r}")

    def _zone(self, zone: str, do: str) -> None:
        """A zone is gone: its instances die, and nothing can be launched there until it is back."""
        if do == "back":
            self._cloud.faults.set("capacity", zone, None)
            return
        message = (
            f"We currently do not have sufficient capacity in the Availability Zone you requested ({zone}). "
            "Our system will be working on provisioning additional capacity."
        )
        self._cloud.faults.set("capacity", zone, message)
        for instance in list(self._cloud.fleet.instances.values()):
            if instance.zone == zone and not instance.dead:
                self._cloud.fleet.kill(instance.instance_id)
                self._cloud.engine.died(instance.instance_id)
