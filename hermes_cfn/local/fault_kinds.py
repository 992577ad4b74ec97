"""Faults by name, as rehearsals ask for them: each is one or more of what :mod:`.faults` can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cfn.local.options import IDLE_SHORT_S, OUTAGE_S
from hermes_cfn.local.wire import ServiceError

if TYPE_CHECKING:
    from hermes_cfn.local.cloud import Cloud

WHILE_S = 40.0
"""How long what passes by itself lasts, in seconds of service time."""

FAR_MS = 200.0
"""What an exchange takes longer with ``database-far``, in milliseconds."""

KINDS = (
    "instance-dies", "boots-slowly", "never-boots", "turns-unhealthy", "registry-throttles", "ssm-throttles",
    "registry-times-out", "ssm-times-out", "answer-lost", "zone-gone", "disk-full", "migration-fails", "database-gone",
    "ends-by-itself", "idle-short", "password-rotated", "database-slow", "database-far", "database-full", "database-outage", "clear",
)  # fmt: skip


def strike(cloud: Cloud, kind: str, instance_id: str, release: str = "", lasts_s: float | None = None) -> None:
    """Makes ``kind`` happen; ``instance_id`` may be empty, then the first that serves is taken.  What passes by itself
    does so after ``lasts_s`` seconds of service time, or its own.

    What concerns the application strikes containers of the image tagged ``release`` only, if given.

    Raises ServiceError ``UnknownFault``.
    """
    clock, faults, fleet = cloud.clock, cloud.faults, cloud.fleet
    only = {"only": release} if release else {}
    match kind:
        case "clear":
            faults.clear()
            fleet.application_faults({})
            for instance in fleet.instances.values():
                if instance.host is not None:
                    instance.host.order("disk-full", on=False)
            if cloud.database is not None:
                cloud.database.behave()
            cloud.engine.look_again()
        case "instance-dies":
            kill(cloud, _chosen(cloud, instance_id))
        case "boots-slowly":
            fleet.application_faults({"boot_s": clock.real(20), **only})
        case "never-boots":
            fleet.application_faults({"never_boots": True, **only})
        case "turns-unhealthy":
            fleet.application_faults({"unhealthy_after_s": clock.real(15), **only})
        case "ends-by-itself":
            fleet.application_faults({"ends_after_s": clock.real(30), **only})
        case "idle-short":
            fleet.application_faults({"idle_s": clock.real(IDLE_SHORT_S), **only})
        case "migration-fails":
            fleet.application_faults({"migration_fails": True, **only})
        case "registry-throttles":
            faults.set("registry", "*", "toomanyrequests: Rate exceeded")
            cloud.scheduler.after(lasts_s or WHILE_S, lambda: faults.set("registry", "*", None))
        case "registry-times-out":
            message = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
            faults.set("registry", "*", message)
            cloud.scheduler.after(lasts_s or WHILE_S, lambda: faults.set("registry", "*", None))
        case "ssm-times-out":
            faults.add_api({"service": "ssm", "action": "*", "kind": "timeout", "times": 3, "seconds": clock.real(20)})
        case "ssm-throttles":
            faults.add_api({"service": "ssm", "action": "*", "kind": "throttle", "times": 0})
            cloud.scheduler.after(lasts_s or WHILE_S, lambda: faults.remove_api("ssm"))
        case "answer-lost":
            lost = {"kind": "lost", "each": True, "people_only": True, "changes_only": True}
            faults.add_api({"service": "*", "action": "*", **lost})
        case "zone-gone":
            zone(cloud, fleet.instances[_chosen(cloud, instance_id)].zone, gone=True)
        case "disk-full":
            for instance in fleet.instances.values():
                if instance.host is not None and instance_id in ("", instance.instance_id):
                    instance.host.order("disk-full", on=True)
        case "database-outage":
            _database(cloud, "database-gone")
            fleet.application_faults({"health_needs_database": True})
            cloud.scheduler.after(lasts_s or OUTAGE_S, lambda: _database(cloud, "database-back"))
        case "database-gone" | "database-slow" | "database-far" | "database-full" | "password-rotated":
            _database(cloud, kind)
        case _:
            raise ServiceError("UnknownFault", f"kinds are {', '.join(KINDS)}")


def kill(cloud: Cloud, instance_id: str) -> None:
    """An instance dies as of a power cut."""
    cloud.fleet.kill(instance_id)
    cloud.engine.died(instance_id)


def zone(cloud: Cloud, name: str, gone: bool) -> None:
    """A zone is gone: its instances die, and nothing can be launched there until it is back."""
    if not gone:
        cloud.faults.set("capacity", name, None)
        cloud.engine.look_again()
        return
    cloud.faults.set(
        "capacity",
        name,
        f"We currently do not have sufficient capacity in the Availability Zone you requested ({name}). "
        "Our system will be working on provisioning additional capacity.",
    )
    for instance in list(cloud.fleet.instances.values()):
        if instance.zone == name and not instance.dead:
            kill(cloud, instance.instance_id)


def _database(cloud: Cloud, kind: str) -> None:
    if cloud.database is None:
        raise ServiceError("NoDatabase", "No external database runs here; start one first (control database).")
    match kind:
        case "database-gone":
            cloud.database.behave(gone=True)
        case "database-slow":
            cloud.database.behave(extra_ms=1000.0)
        case "database-far":
            cloud.database.behave(extra_ms=FAR_MS)
        case "password-rotated":
            cloud.database.behave(rotated=True)
        case "database-back":
            cloud.database.behave()
        case _:
            cloud.database.behave(full=True)


def _chosen(cloud: Cloud, instance_id: str) -> str:
    if instance_id in cloud.fleet.instances:
        return instance_id
    for instance in cloud.fleet.instances.values():
        if not instance.dead:
            return instance.instance_id
    raise ServiceError("UnknownInstance", "no instance runs", 404)
