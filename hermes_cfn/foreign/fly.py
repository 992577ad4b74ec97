"""Fly.io's ``fly.toml`` (fly.io/docs/reference/configuration)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.foreign import files, machines, values
from hermes_cfn.foreign.model import FlyMachines, Home, Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, to, variables, walk, wish
from hermes_cfn.foreign.values import Unfit

TOOL = "Fly.io"
NAMES = ("fly.toml",)

NEAREST: Mapping[str, tuple[str, ...]] = {
    "eu-central-1": (
        "ams",
        "fra",
        "otp",
        "waw",
    ),
    "eu-north-1": ("arn",),
    "us-east-1": (
        "atl",
        "bog",
        "bos",
        "ewr",
        "iad",
        "mia",
    ),
    "ap-south-1": ("bom",),
    "eu-west-3": ("cdg",),
    "us-west-2": (
        "den",
        "sea",
    ),
    "us-east-2": (
        "dfw",
        "ord",
        "qro",
    ),
    "sa-east-1": (
        "eze",
        "gig",
        "gru",
        "scl",
    ),
    "us-west-1": (
        "gdl",
        "lax",
        "phx",
        "sjc",
    ),
    "ap-east-1": ("hkg",),
    "af-south-1": ("jnb",),
    "eu-west-2": ("lhr",),
    "eu-south-2": ("mad",),
    "ap-northeast-1": ("nrt",),
    "ap-southeast-1": ("sin",),
    "ap-southeast-2": ("syd",),
    "ca-central-1": (
        "yul",
        "yyz",
    ),
}
"""AWS's region, and the regions of Fly.io (its reference/regions) that are nearest to it."""

REGIONS: Mapping[str, str] = {mine: region for region, theirs in NEAREST.items() for mine in theirs}


def _region(page: Page, path: str, value: Any) -> None:
    known = REGIONS.get(str(value))
    if known is None:
        page.leave(path, "it is no region of Fly.io that is known here", "write account.region yourself")
    else:
        page.take(path, "account.region", known)


def _service(page: Page, path: str, value: Any) -> None:
    """``http_service``, or the first of ``services`` that speaks HTTP."""
    rows = value if isinstance(value, list) else [value]
    rows = [one for one in rows if isinstance(one, Mapping)]
    web = next((one for one in rows if _speaks_http(one)), rows[0] if rows else {})
    for number, one in enumerate(rows):
        where = path if len(rows) == 1 else f"{path}[{number}]"
        if one is not web:
            page.wish(where, "ports")
            continue
        walk(SERVICE, one, page, where)


def _speaks_http(service: Mapping[str, Any]) -> bool:
    ports = service.get("ports")
    handlers = [one.get("handlers") for one in ports if isinstance(one, Mapping)] if isinstance(ports, list) else []
    return "http_checks" in service or any(isinstance(one, list) and "http" in one for one in handlers)


def _checks(page: Page, path: str, value: Any) -> None:
    rows = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    first = next((one for one in rows if isinstance(one, Mapping) and "path" in one), None)
    if first is not None:
        walk(CHECK, first, page, path)


def _interval(page: Page, path: str, value: Any) -> None:
    """Fly.io's numbers are milliseconds; AWS checks every 5 to 300 s."""
    try:
        told = round(value / 1000) if isinstance(value, int) and value >= 1000 else values.seconds(value)
        page.take(path, "service.health_interval_s", min(300, max(5, told)))
    except (Unfit, TypeError) as unfit:
        page.leave(path, f"it {unfit}", "service.health_interval_s")


def _least(page: Page, path: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        page.take(path, "compute.count", max(1, value))
        if value == 0:
            page.leave(path, "machines that stop when nobody asks are not offered", "hermes-cfn sleep and wake")


def _machines(page: Page, path: str, value: Any) -> None:
    rows = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]
    for number in range(len(rows)):
        if number:
            page.leave(f"{path}[{number}]", "all instances are of one type", "compute.instance_type")
    if rows:
        vcpu, memory, _ = _size(rows[0])
        machines.choose(page, path, vcpu, memory)


def _size(vm: Mapping[str, Any]) -> tuple[int, int, bool]:
    """vCPUs, MiB, whether shared, of a ``[[vm]]``; a size's name says what is not said (fly.io/docs/about/pricing)."""
    name = str(vm.get("size", "shared-cpu-1x"))
    found = re.fullmatch(r"(shared-cpu|performance)-([0-9]{1,2})x", name)
    shared = vm.get("cpu_kind", "shared" if not found or found[1] == "shared-cpu" else "performance") == "shared"
    try:
        vcpu = values.whole(vm["cpus"]) if "cpus" in vm else int(found[2]) if found else 1
    except Unfit:
        vcpu = 1
    try:
        memory = values.mib(vm["memory"]) if "memory" in vm else values.whole(vm.get("memory_mb", 0))
    except Unfit:
        memory = 0
    return vcpu, memory or vcpu * (256 if shared else 2048), shared


def _processes(page: Page, path: str, value: Any) -> None:
    for name, command in value.items() if isinstance(value, Mapping) else ():
        if name in ("app", "web"):
            page.wish(f"{path}.{name}", "command")
        else:
            page.process(f"{path}.{name}", str(name), command)


CHECK: Table = {
    "path": to("application.health_path", values.path),
    "interval": _interval,
    "timeout": needless,
    "grace_period": to("application.start_timeout_s", lambda value: max(30, values.seconds(value))),
    "method": needless,
    "protocol": needless,
    "port": needless,
    "type": needless,
    "restart_limit": needless,
    "tls_skip_verify": needless,
    "tls_server_name": needless,
    "headers": because("health checks here send no headers of their own"),
}
SERVICE: Table = {
    "internal_port": to("application.port", values.port),
    "protocol": needless,
    "force_https": needless,
    "auto_stop_machines": because("machines that stop by themselves are not offered", "hermes-cfn sleep and wake"),
    "auto_start_machines": needless,
    "min_machines_running": _least,
    "processes": needless,
    "concurrency": because("a limit of requests by instance is not offered; the load balancer takes turns"),
    "ports": needless,
    "checks": _checks,
    "http_checks": _checks,
    "tcp_checks": needless,
    "machine_checks": because("checks on a machine apart are not offered", "release.canary"),
    "script_checks": because("checks by a script are not offered", "application.health_path"),
    "tls_options": because("its words are OpenSSL's", "service.tls_policy"),
    "http_options.idle_timeout": to("service.idle_timeout_s", values.seconds),
    "http_options": wish("headers"),
}
TABLE: Table = {
    "app": to("application.name", values.name),
    "app_name": to("application.name", values.name),
    "primary_region": _region,
    "kill_signal": to("application.stop_signal", values.text),
    "kill_timeout": to("application.stop_timeout_s", values.seconds),
    "env": variables,
    "build": wish("build"),
    "deploy.release_command": to("application.migrate", values.words),
    "deploy.strategy": lambda page, path, value: page.take(
        path, "release.strategy", "surge" if value in ("bluegreen", "canary") else "in-place"
    ),
    "deploy.release_command_timeout": needless,
    "deploy.wait_timeout": to("release.healthy_timeout_s", values.seconds),
    "deploy.max_unavailable": because("it is a number of instances here", "release.batch"),
    "deploy": because("it is not known of a deployment here"),
    "http_service": _service,
    "services": _service,
    "vm": _machines,
    "compute": _machines,
    "processes": _processes,
    "mounts": wish("volume"),
    "mount": wish("volume"),
    "statics": because("files beside the application come from a bucket", "edge.assets"),
    "checks": _checks,
    "metrics": because("metrics of the application's own are not collected", "watch.enabled for AWS's"),
    "files": because("files are not put into a container", "COPY in the Dockerfile, or a secret"),
    "restart": needless,
    "swap_size_mb": because("swap is not offered", "a larger compute.instance_type"),
    "console_command": because("it is typed when needed", "hermes-cfn run -- COMMAND"),
    "experimental": because("it is of Fly.io alone"),
    "host_dedication_id": needless,
}


def fits(document: Any) -> bool:
    """Whether TOML is Fly.io's."""
    told = {"http_service", "services", "primary_region", "vm", "build", "deploy", "env", "mounts", "processes"}
    return (
        isinstance(document, Mapping) and ("app" in document or "app_name" in document) and bool(told & set(document))
    )


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told."""
    document = files.as_toml(path, said)
    page = Page(shown)
    page.otherwise("application.architecture", "x86_64", "machines of Fly.io are x86_64")
    walk(TABLE, document, page)
    region = str(document.get("primary_region", ""))
    vm = document.get("vm")
    first = vm[0] if isinstance(vm, list) and vm and isinstance(vm[0], Mapping) else {}
    vcpu, memory, shared = _size(first)
    count = next((one.value for one in page.taken if one.key == "count"), 1)
    words = f"{count} x {'shared' if shared else 'performance'} {vcpu} vCPU, {memory} MiB"
    home = Home(words, REGIONS.get(region, ""), fly=FlyMachines(region, vcpu, memory, count, shared))
    return page.reading(TOOL, [shown], home)
