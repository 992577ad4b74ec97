"""Kamal's ``config/deploy.yml`` (kamal-deploy.org, "Configuration"; versions 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.foreign import files, values
from hermes_cfn.foreign.model import Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, to, walk, wish

TOOL = "Kamal"
NAMES = ("config/deploy.yml", "config/deploy.yaml")


def _env(page: Page, path: str, value: Any) -> None:
    """``env`` is flat, or has ``clear``, ``secret`` and ``tags``."""
    if not isinstance(value, Mapping):
        page.variables(path, value)
        return
    if not {"clear", "secret", "tags"} & set(value):
        page.variables(path, value)
        return
    page.variables(f"{path}.clear", value.get("clear"))
    for one in value.get("secret") or ():
        name, _, _ = str(one).partition(":")
        page.keep_secret(f"{path}.secret", name)
    if value.get("tags"):
        page.leave(f"{path}.tags", "variables of single hosts are not offered", "[environments.NAME.env]")


def _servers(page: Page, path: str, value: Any) -> None:
    roles = {"web": value} if isinstance(value, list) else value if isinstance(value, Mapping) else {}
    first = "web" if "web" in roles else next(iter(roles), "web")
    for role, told in roles.items():
        here = f"{path}.{role}"
        hosts = told.get("hosts") if isinstance(told, Mapping) else told
        if role != first and isinstance(told, Mapping) and told.get("cmd"):
            page.process(here, str(role), told["cmd"])
            continue
        if role != first:
            page.wish(here, "worker")
            continue
        if isinstance(hosts, list) and hosts:
            page.take(here, "compute.count", len(hosts))
        if isinstance(told, Mapping):
            walk(ROLE, {key: one for key, one in told.items() if key != "hosts"}, page, here)


def _proxied(page: Page, path: str, value: Any) -> None:
    if isinstance(value, Mapping):
        walk(PROXY, value, page, path)


def _hosts(page: Page, path: str, value: Any) -> None:
    names = value if isinstance(value, list) else str(value).split(",")
    to("certificate.domain", values.domain)(page, path, names[0] if names else None)
    if len(names) > 1:
        page.wish(f"{path}, all but the first", "domains")


def _accessories(page: Page, path: str, value: Any) -> None:
    for name, told in value.items() if isinstance(value, Mapping) else ():
        image = str(told.get("image", name)) if isinstance(told, Mapping) else str(name)
        page.wish(f"{path}.{name}", backing(image) or "accessory")


BACKING: tuple[tuple[str, str], ...] = (
    ("postg", "postgres"),
    ("postgis", "postgres"),
    ("pgvector", "postgres"),
    ("timescale", "postgres"),
    ("mysql", "mysql"),
    ("maria", "mysql"),
    ("mongo", "mongodb"),
    ("redis", "redis"),
    ("valkey", "redis"),
    ("memcache", "memcached"),
    ("rabbit", "rabbitmq"),
    ("kafka", "kafka"),
    ("minio", "s3"),
    ("mail", "smtp"),
    ("nginx", "nginx"),
    ("traefik", "nginx"),
    ("caddy", "nginx"),
    ("haproxy", "nginx"),
)
"""A part of an image's or an add-on's name, and the wish that it is."""


def backing(image: str) -> str:
    """The wish of a service that stands beside the application, by its image; empty for one of its own."""
    last = image.lower().rpartition("/")[2].partition(":")[0]
    whole = image.lower().partition(":")[0]
    return next((wished for part, wished in BACKING if part in last or (part in whole and "/" not in whole)), "")


ROLE: Table = {
    "cmd": wish("command"),
    "env": _env,
    "options": wish("docker_options"),
    "proxy": _proxied,
    "labels": wish("labels"),
    "logging": wish("log_driver"),
    "asset_path": wish("static"),
    "stop_wait_time": to("application.stop_timeout_s", values.seconds),
    "traefik": needless,
}
PROXY: Table = {
    "host": _hosts,
    "hosts": _hosts,
    "app_port": to("application.port", values.port),
    "ssl": needless,
    "ssl_redirect": needless,
    "forward_headers": needless,
    "healthcheck.path": to("application.health_path", values.path),
    "healthcheck.interval": because("AWS checks every 5 to 300 s; 10 s here", "service.health_interval_s"),
    "healthcheck.timeout": because("here it is 5 s", "service.health_timeout_s"),
    "response_timeout": to("service.idle_timeout_s", values.seconds),
    "buffering": because("the load balancer of AWS does not buffer"),
    "path_prefix": wish("path"),
    "strip_path_prefix": wish("path"),
    "logging": because("of requests all is logged or nothing", "service.access_logs = true"),
    "run": needless,
}
TABLE: Table = {
    "service": to("application.name", values.name),
    "image": wish("image"),
    "output": needless,
    "hooks_output": needless,
    "otel": because("tracing is not offered", "[watch]"),
    "rollout": because("the rollout has words of its own", "release.strategy and release.batch"),
    "labels": wish("labels"),
    "volumes": wish("volume"),
    "servers": _servers,
    "env": _env,
    "proxy": _proxied,
    "registry": needless,
    "builder.arch": lambda page, path, value: (
        page.leave(path, "an image of two architectures is one of them here", "application.architecture")
        if isinstance(value, list) and len(value) > 1
        else to("application.architecture", values.architecture)(
            page, path, value[0] if isinstance(value, list) and value else value
        )
    ),
    "builder.multiarch": needless,
    "builder": wish("build"),
    "accessories": _accessories,
    "healthcheck.path": to("application.health_path", values.path),
    "healthcheck.port": to("application.port", values.port),
    "healthcheck": needless,
    "traefik": because("the load balancer of AWS takes its place"),
    "deploy_timeout": to("release.healthy_timeout_s", values.seconds),
    "drain_timeout": to("service.deregistration_delay_s", values.seconds),
    "stop_wait_time": to("application.stop_timeout_s", values.seconds),
    "readiness_delay": needless,
    "boot.limit": to(
        "release.batch", lambda value: value if isinstance(value, str) and "%" in value else values.whole(value)
    ),
    "boot": because("the rollout waits for health instead"),
    "asset_path": because("files of two releases at once are kept in a bucket", "edge.assets"),
    "ssh": wish("ssh"),
    "sshkit": needless,
    "logging": wish("log_driver"),
    "aliases": because("aliases are not offered", "hermes-cfn run -- COMMAND"),
    "hooks_path": because("its hooks are files", "release.before_migrate, after_deploy and on_failure"),
    "error_pages_path": wish("error_pages"),
    "secrets_path": because("its values are not read", "hermes-cfn secrets set NAME"),
    "require_destination": needless,
    "primary_role": needless,
    "allow_empty_roles": needless,
    "retain_containers": needless,
    "run_directory": needless,
    "minimum_version": needless,
    "x-*": needless,
}


def fits(document: Any) -> bool:
    """Whether a document is Kamal's: a service with an image, and servers or a registry."""
    return isinstance(document, Mapping) and {"service", "image"} <= set(document) and "servers" in document


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told."""
    clean, marks = files.without_erb(said)
    document = files.mapping(path, files.as_yaml(path, clean, "it is ERB, too" if marks else ""))
    page = Page(shown, made_by="it is ERB, and ERB is not run here")
    if marks:
        page.notes.append(f"{shown}: {marks} places are ERB; nothing of it was run, and what it would say is not taken")
    walk(TABLE, dict(sorted(document.items(), key=lambda pair: str(pair[0]) not in ("builder", "proxy"))), page)
    for other in sorted(path.parent.glob("deploy.*.y*ml")) if path.name.startswith("deploy.y") else ():
        page.leave(other.name, "destinations are environments here", "[environments.NAME], only what differs")
    return page.reading(TOOL, [shown])
