"""Docker Compose (docs.docker.com/reference/compose-file)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign import files, machines, values
from hermes_cfn.foreign.kamal import backing
from hermes_cfn.foreign.model import Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, to, walk, wish
from hermes_cfn.foreign.values import MADE, Unfit

TOOL = "Docker Compose"
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
WEB = ("web", "app", "application", "server", "api", "backend", "site", "www", "frontend")
"""Names that people give the service that answers requests, the likeliest first."""

_VARIABLE = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_]\w*)(?:(?P<sign>:?[-?+])(?P<word>[^{}]*))?\}|\$(?P<bare>[A-Za-z_]\w*)"
)


def interpolated(value: Any) -> Any:
    """The value with the defaults of its variables; one without a default is not known here.

    (Compose file reference, "Interpolation".)
    """

    def word(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return found["word"] if found["sign"] in (":-", "-") else MADE

    if isinstance(value, str):
        return _VARIABLE.sub(word, value)
    if isinstance(value, list):
        return [interpolated(one) for one in value]
    if isinstance(value, Mapping):
        return {key: interpolated(one) for key, one in value.items()}
    return value


def _ports(page: Page, path: str, value: Any) -> None:
    rows = value if isinstance(value, list) else []
    ports = [one.get("target") if isinstance(one, Mapping) else one for one in rows]
    if not ports:
        return
    to("application.port", values.port)(page, path, ports[0])
    if len(ports) > 1:
        page.wish(f"{path}, all but the first", "ports")


def _replicas(page: Page, path: str, value: Any) -> None:
    if value != 0:
        to("compute.count", values.whole)(page, path, value)


def _limits(page: Page, path: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        return
    try:
        memory = values.mib(value["memory"]) if "memory" in value else 0
        vcpu = float(values.text(value["cpus"])) if "cpus" in value else 1.0
    except (Unfit, ValueError):
        page.leave(path, "it is no size that is known here", "compute.instance_type")
        return
    machines.choose(page, path, vcpu, memory)


SERVICE: Table = {
    "image": wish("image"),
    "build": wish("build"),
    "ports": _ports,
    "expose": lambda page, path, value: (
        None if any(one.key == "port" for one in page.taken) else _ports(page, path, value)
    ),
    "environment": lambda page, path, value: page.variables(path, value),
    "env_file": because("files of variables are not read", "lines of [env]; hermes-cfn secrets set NAME"),
    "command": wish("command"),
    "entrypoint": wish("command"),
    "healthcheck.test": to("application.health_path", values.checked_path),
    "healthcheck.interval": to("service.health_interval_s", lambda value: min(300, max(5, values.seconds(value)))),
    "healthcheck.start_period": to("application.start_timeout_s", lambda value: max(30, values.seconds(value))),
    "healthcheck": needless,
    "deploy.replicas": _replicas,
    "scale": _replicas,
    "deploy.resources.limits": _limits,
    "deploy.resources": needless,
    "deploy.update_config.parallelism": to("release.batch", values.whole),
    "deploy": needless,
    "mem_limit": lambda page, path, value: _limits(page, path, {"memory": value}),
    "mem_reservation": needless,
    "memswap_limit": needless,
    "cpus": needless,
    "stop_grace_period": to("application.stop_timeout_s", values.seconds),
    "stop_signal": to("application.stop_signal", values.text),
    "platform": to("application.architecture", values.architecture),
    "read_only": to("application.read_only", values.switch),
    "volumes": wish("volume"),
    "tmpfs": wish("tmpfs"),
    "secrets": lambda page, path, value: page.leave(
        path, "secrets are variables here, no files", "hermes-cfn secrets set NAME"
    ),
    "configs": because("files are not put into a container", "COPY in the Dockerfile"),
    "labels": wish("labels"),
    "extends": because("what it brings is not read", "name the other file with --from and compare"),
    "profiles": because("a service that only starts when asked for is not offered"),
    "depends_on": needless,
    "restart": needless,
    "container_name": needless,
    "hostname": needless,
    "networks": needless,
    "init": needless,
    "tty": needless,
    "stdin_open": needless,
    "pull_policy": needless,
    "links": needless,
    "logging": because("what the container prints goes to CloudWatch Logs", "service.log_days"),
    "develop": needless,
    "user": wish("user"),
    "x-*": needless,
}
DOCUMENT: Table = {
    "version": needless,
    "name": to("application.name", values.name),
    "services": needless,
    "networks": needless,
    "volumes": needless,
    "secrets": needless,
    "configs": needless,
    "include": because("what it brings is not read", "name the other file with --from and compare"),
    "x-*": needless,
}


def fits(document: Any) -> bool:
    """Whether a document is Compose's."""
    services = document.get("services") if isinstance(document, Mapping) else None
    return isinstance(services, Mapping) and any(isinstance(one, Mapping) for one in services.values())


def chosen(services: Mapping[str, Mapping[str, Any]]) -> str:
    """The service that answers requests, by build, ports and name; empty where none can be it."""
    own = {name: one for name, one in services.items() if not backing(str(one.get("image", ""))) or "build" in one}

    def points(name: str) -> tuple[int, int, int, int]:
        one = services[name]
        likely = next((len(WEB) - n for n, word in enumerate(WEB) if word in name.lower()), 0)
        return (0 if one.get("profiles") else 1, 1 if "ports" in one else 0, 1 if "build" in one else 0, likely)

    seen = [name for name in own if "ports" in own[name] or "expose" in own[name]]
    seen = seen or [name for name in own if "build" in own[name]] or (list(own) if len(own) == 1 else [])
    return max(seen, key=points, default="")


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told.  Raises HermesError ``from-no-web``."""
    document = files.mapping(path, interpolated(files.as_yaml(path, said)))
    raw = document.get("services")
    services = (
        {str(name): one for name, one in raw.items() if isinstance(one, Mapping)} if isinstance(raw, Mapping) else {}
    )
    web = chosen(services)
    if not web:
        raise HermesError(
            Finding(
                "from-no-web",
                str(path),
                "no service of it has ports and is an application",
                why="one application that answers requests is what is deployed here",
                next="give it `ports`, or write hermes.toml with hermes-cfn init",
            ),
            exit_code=ExitCode.REFUSED,
        )
    page = Page(shown, made_by="it comes from a variable that is not set here")
    if re.search(r"(?m)^[^#\n]*(?:\s&\w|<<:|:\s+\*\w)", said):
        page.notes.append(f"{shown}: anchors and merges are taken as YAML means them")
    walk(DOCUMENT, document, page)
    walk(SERVICE, services[web], page, f"services.{web}")
    for name, one in services.items():
        if name == web:
            continue
        where = f"services.{name}"
        if one.get("profiles"):
            page.leave(where, "it only starts when its profile is asked for", "another deployment, or hermes-cfn run")
        elif _same(one, services[web]) and one.get("command"):
            page.process(where, name, one["command"])
        else:
            page.wish(
                where,
                backing(str(one.get("image", ""))) or backing(name) or ("worker" if "ports" not in one else "services"),
            )
    if "name" not in document:
        page.take("", "application.name", _folder(path, web))
    return page.reading(TOOL, [shown])


def _same(one: Mapping[Any, Any], web: Mapping[Any, Any]) -> bool:
    """Whether it runs the image of the service that answers requests, and asks for no requests itself."""
    own = [(key, web[key]) for key in ("image", "build") if web.get(key)]
    return bool(own) and "ports" not in one and all(one.get(key) == value for key, value in own)


def _folder(path: Path, otherwise: str) -> str:
    """Compose's own default of a project's name: the folder's."""
    for said in (path.resolve().parent.name, otherwise, "application"):
        try:
            return values.name(said)
        except Unfit:
            continue
    return "application"
