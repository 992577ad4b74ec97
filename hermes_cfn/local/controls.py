"""The control side of the endpoint: what no AWS interface offers (``/_hermes/<what>``).

``status``, ``stop``, ``clock {advance_s}``, ``images {repository, tag, directory?, env?,
architecture?, region?}``, ``faults {...}`` (see :meth:`Controls.faults`), ``permissions``,
``consistency {mode?, late?, latency_s?}``, ``identity-token {issuer, claims}``.  Asked by POST, with the token of ``cloud.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_cfn.local import fault_kinds
from hermes_cfn.local.consistency import MODES
from hermes_cfn.local.lags import Lag
from hermes_cfn.local.wire import DEFAULT_REGION, ServiceError

if TYPE_CHECKING:
    from hermes_cfn.local.cloud import Cloud

CONDITIONS = (
    *("registry", "capacity", "ssm-silent", "quota", "region-off", "member-account"),
    *("create-fails", "update-fails", "delete-fails", "validation-fails", "replaces", "holds"),
)


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
            "database": self.database,
            "permissions": self.permissions,
            "machine-image": self.machine_image,
            "consistency": self.consistency,
            "identity-token": self.identity_token,
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
            environment={"RELEASE": body["tag"], **(body.get("env") or {})},
            architecture=body.get("architecture", "arm64"),
        )

    def database(self, body: dict[str, Any]) -> dict[str, Any]:
        """Starts the external PostgreSQL if it does not run, and says how it behaves.

        ``rtt_ms`` is its distance, ``allow`` a list of public addresses (null: everybody),
        ``gone`` and ``full`` are faults.  Answers ``{url}``, with the password.
        """
        database = self._cloud.start_database()
        given = {key: body[key] for key in ("rtt_ms", "allow", "gone", "full", "extra_ms") if key in body}
        if given:
            database.behave(**given)
        return {"url": database.url}

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

    def machine_image(self, body: dict[str, Any]) -> dict[str, Any]:
        """A newer machine image is published under the public ``parameter``: ``{image}``."""
        now = self._cloud.clock.now()
        return {"image": self._cloud.moto.publish_image(body.get("region", DEFAULT_REGION), body["parameter"], now)}

    def consistency(self, body: dict[str, Any]) -> dict[str, Any]:
        """How consistent the cloud is, from now on: ``{mode, counts}``.

        ``mode`` is strong, default or worst; ``late`` maps ``service.Action`` to seconds of service time by which every
        read of it is late, in the mode default; ``latency_s`` is what every call takes longer, in seconds of real time.
        """
        if body.get("mode", MODES[0]) not in MODES:
            raise ServiceError("BadControl", f"modes are {', '.join(MODES)}")
        found = self._cloud.consistency
        found.mode = body.get("mode", found.mode)
        if "late" in body:
            found.rules = [Lag(calls, 1.0, 1e9, float(late_s), "asked for") for calls, late_s in body["late"].items()]
        found.latency_s = float(body.get("latency_s", found.latency_s))
        return {"mode": found.mode, "counts": dict(found.counts)}

    def identity_token(self, body: dict[str, Any]) -> dict[str, Any]:
        """A token of the identity provider ``issuer`` with ``claims`` (sub, aud, ...): ``{token}``."""
        return {"token": self._cloud.identities.token(str(body["issuer"]), dict(body.get("claims") or {}))}

    def permissions(self, _body: dict[str, Any]) -> dict[str, Any]:
        """What callers asked for under enforcement: ``{asked: [[principal, action, resource, why not]]}``."""
        asked = self._cloud.authorisation.asked
        return {"asked": sorted([*key, why] for key, why in asked.copy().items())}

    def faults(self, body: dict[str, Any]) -> dict[str, Any]:
        """Turns faults on and off; answers those that are on.

        ``{"clear": true}``; ``{"api": {service, action, kind, times, skip, probability, seconds}}``;
        ``{"set": name, "subject": "*", "value": message | null}`` with name registry (pulls
        fail with the message), capacity (subject a zone: launches fail with it), ssm-silent
        (subject an instance: commands are not taken), quota (subject a quota's code: its value), region-off (subject a
        region: the account has not switched it on), create-fails, update-fails and delete-fails (subject
        a logical ID: CloudFormation fails on it with the message), validation-fails (subject a logical ID: a
        change set that makes or changes it fails early, and its events say the message), replaces (subject a logical ID:
        CloudFormation replaces it whenever it changes, whatever its schema says), holds (subject a logical ID: its
        creation or update is not over until this is off again or rolled back); ``{"instance": id, "do": "kill" |
        "reboot" | "disk-full" | "disk-free"}``; ``{"instance": id, "application": {"health":
        503 | "hang" | null, "answer_s": seconds}}``; ``{"zone": name, "do": "gone" | "back"}``;
        ``{"kind": name, "instance": id, "release": tag, "lasts_s": seconds}`` with a name of :data:`hermes_cfn.local.fault_kinds.KINDS`.
        """
        with self._cloud.lock:
            if "kind" in body:
                fault_kinds.strike(
                    self._cloud, body["kind"], body.get("instance", ""), body.get("release", ""), body.get("lasts_s")
                )
                return self._cloud.faults.described()
            if body.get("clear"):
                fault_kinds.strike(self._cloud, "clear", "")
            if "api" in body:
                self._cloud.faults.add_api(body["api"])
            if "set" in body:
                if body["set"] not in CONDITIONS:
                    raise ServiceError("UnknownFault", f"conditions are {', '.join(CONDITIONS)}")
                self._cloud.faults.set(body["set"], body.get("subject", "*"), body.get("value"))
            if "instance" in body:
                self._instance(body)
            if "zone" in body:
                fault_kinds.zone(self._cloud, body["zone"], body["do"] == "gone")
            return self._cloud.faults.described()

    def _instance(self, body: dict[str, Any]) -> None:
        fleet, instance_id = self._cloud.fleet, body["instance"]
        instance = fleet.instances.get(instance_id)
        if instance is None:
            raise ServiceError("UnknownInstance", f"no instance {instance_id}", 404)
        if "application" in body:
            fleet.application_faults(body["application"], instance_id)
        match body.get("do"):
            case "kill":
                fleet.kill(instance_id)
                self._cloud.engine.died(instance_id)
            case "reboot":
                fleet.reboot(instance_id)
            case "disk-full" | "disk-free" if instance.host is not None:
                instance.host.order("disk-full", on=body["do"] == "disk-full")
            case None:
                return
            case _ if instance.host is not None:
                raise ServiceError("UnknownFault", f"an instance cannot {body['do']!r}")
