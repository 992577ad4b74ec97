"""The ``docker`` command of an instance, as far as scripts need it; the rest is refused.

Options and output follow Docker's CLI reference (docs.docker.com/reference/cli/docker).
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hermes_cfn.local.fleet.agent.containers import Container, Wanted, memory_bytes, read_env_file
from hermes_cfn.local.fleet.agent.images import Image, Images, split_reference
from hermes_cfn.local.fleet.agent.logs import Collector
from hermes_cfn.local.fleet.agent.machine import Machine, Refused, unknown

Output = tuple[str, str, int]

_RUN_FLAGS = {
    "-d": "detach",
    "--detach": "detach",
    "--rm": "rm",
    "--read-only": "--read-only",
    "--init": "--init",
    "-i": "",
    "-t": "",
    "-it": "",
}
_RUN_VALUES = {
    "--name": "name", "--restart": "restart", "--publish": "publish", "-p": "publish", "--env": "env", "-e": "env",
    "--env-file": "env-file", "--label": "label", "-l": "label", "--stop-signal": "stop-signal", "--stop-timeout": "stop-timeout",
    "--memory": "memory", "-m": "memory", "--memory-swap": "--memory-swap", "--log-driver": "log-driver", "--log-opt": "log-opt",
    "--security-opt": "--security-opt", "--cap-drop": "--cap-drop", "--cap-add": "--cap-add", "--tmpfs": "--tmpfs",
    "--user": "--user", "-u": "--user", "--hostname": "--hostname", "--entrypoint": "entrypoint", "--cpus": "--cpus",
    "--pids-limit": "--pids-limit", "--ulimit": "--ulimit", "--platform": "", "--pull": "", "--add-host": "--add-host",
    "--workdir": "--workdir", "-w": "--workdir", "--shm-size": "--shm-size",
}  # fmt: skip
"""What ``docker run`` takes: a name of ours, or an option that means something to a container engine alone."""


class Docker:
    """The engine of one instance."""

    def __init__(self, machine: Machine, collector: Collector) -> None:
        self._machine = machine
        self._collector = collector
        self.images = Images(machine.path("/var/lib/docker/images.json"))
        self.containers: dict[str, Container] = {}
        self._logged_in: dict[str, str] = {}
        self._pulls: dict[str, asyncio.Lock] = {}
        self._down = False

    async def run_command(self, arguments: list[str], given: str, directory: Path) -> Output:
        """Runs one ``docker`` command in ``directory``; ``given`` is its standard input."""
        if not arguments:
            raise unknown("docker", "an empty command")
        if self._down:
            raise Refused(
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
            )
        verb, rest = arguments[0], arguments[1:]
        if verb in ("container", "image") and rest:
            verb, rest = (rest[0] if verb == "container" else f"image {rest[0]}"), rest[1:]
        actions = {
            "login": self._login, "pull": self._pull, "image pull": self._pull, "run": self._run, "stop": self._stop,
            "start": self._start, "restart": self._restart, "kill": self._kill, "rm": self._remove, "wait": self._wait,
            "inspect": self._inspect, "image inspect": self._inspect_image, "logs": self._logs, "ps": self._list,
            "ls": self._list, "images": self._list_images, "image ls": self._list_images, "rmi": self._remove_image,
            "image rm": self._remove_image, "image prune": self._prune, "exec": self._execute, "info": self._info,
            "version": self._info, "--version": self._info,
        }  # fmt: skip
        if verb not in actions:
            raise unknown("docker", verb)
        if verb == "run":
            rest = _located(rest, directory)
        return await actions[verb](rest, given)

    async def follow(self, runs: bool) -> None:
        """systemd stops or starts the daemon; its containers end with it, and come back by their restart policy."""
        if not runs:
            self._down = True
            for container in [one for one in self.containers.values() if one.running]:
                await container.stop()
                container.stopped_by_hand = False
        elif self._down:
            self._down = False
            await self.boot()

    def in_network(self, arguments: list[str]) -> str:
        """``nsenter --target PID --net cat /proc/net/tcp`` (or ``tcp6``, where nobody listens) of a container."""
        found = [one for one in self.containers.values() if one.pid and arguments[1:2] == [str(one.pid)]]
        tables = ("/proc/net/tcp", "/proc/net/tcp6")
        if arguments[:1] != ["--target"] or arguments[2:4] != ["--net", "cat"] or arguments[-1] not in tables:
            raise unknown("nsenter", shlex.join(arguments))
        if not found:
            raise Refused(f"nsenter: cannot open /proc/{arguments[1]}/ns/net: No such file or directory")
        return found[0].sockets(arguments[-1])

    async def boot(self) -> None:
        """After a reboot: containers whose restart policy says so start again."""
        for container in self.containers.values():
            policy = container.wanted.restart
            if policy == "always" or (policy == "unless-stopped" and not container.stopped_by_hand):
                await container.start()

    async def _login(self, arguments: list[str], given: str) -> Output:
        _, values, words = options(arguments, {"--password-stdin": ""}, {"--username": "user", "-u": "user"})
        if values.get("user") != ["AWS"] or not given.strip():
            raise Refused("Error response from daemon: login attempt failed with status: 401 Unauthorized")
        self._logged_in[words[0]] = given.strip()
        return "Login Succeeded\n", "", 0

    async def _pull(self, arguments: list[str], _given: str) -> Output:
        _, _, words = options(arguments, {"--quiet": "", "-q": ""}, {"--platform": ""})
        image = await self._fetch(words[0])
        return f"Digest: {image.digest}\nStatus: Downloaded newer image for {words[0]}\n{words[0]}\n", "", 0

    async def _fetch(self, reference: str) -> Image:
        repository, tag, digest = split_reference(reference)
        token = self._logged_in.get(repository.partition("/")[0], "")
        async with self._pulls.setdefault(reference, asyncio.Lock()):
            if self._machine.disk_full:
                raise Refused("failed to register layer: write /usr/bin/app: no space left on device")
            found = await self._machine.ask("pull", repository=repository, tag=tag, digest=digest, token=token)
            image = Image.of(repository, str(found["digest"]), Path(found["directory"]))
            if image.real:
                await self._have(image.real)
            return self.images.add(image, tag)

    async def _have(self, name: str) -> None:
        """An image that only a container engine can run needs one that has it, or can pull it."""
        engine = self._machine.engine
        if engine is None:
            raise Refused(f"docker: {name} needs a container engine (hermes-cfn local start --engine podman)", 125)
        if (await engine.ask("image", "inspect", name))[0]:
            status, _, why = await engine.ask("pull", "--quiet", name)
            if status:
                raise Refused(why.strip() or f"docker: {name} cannot be pulled", status)

    async def _run(self, arguments: list[str], _given: str) -> Output:
        flags, values, words = options(arguments, _RUN_FLAGS, _RUN_VALUES, stop_at_word=True)
        if not words:
            raise Refused("docker: 'docker run' requires at least 1 argument", 125)
        wanted = await self._wanted(flags, values, words)
        if wanted.name in self.containers:
            other = self.containers[wanted.name]
            raise Refused(
                f'docker: Error response from daemon: Conflict. The container name "/{wanted.name}" is already in use by '
                f'container "{other.id}".', 125)  # fmt: skip
        self._check_ports(wanted)
        for port, _ in wanted.publish:
            await self._machine.publish(port)
        container = Container(wanted, self._machine, self._collector)
        self.containers[wanted.name] = container
        await container.start()
        if "detach" in flags:
            return f"{container.id}\n", "", 0
        await container.ended.wait()
        out, err = container.logs(None)
        if wanted.remove:
            self._forget(container)
        return out, err, container.exit_code

    async def _wanted(self, flags: set[str], values: dict[str, list[str]], words: list[str]) -> Wanted:
        reference = words[0]
        image = self.images.find(reference) or await self._fetch(reference)
        environment: dict[str, str] = {}
        for file in values.get("env-file", []):
            environment.update(read_env_file(Path(file)))
        for item in values.get("env", []):
            name, equals, value = item.partition("=")
            environment[name] = value if equals else ""
        entry = [] if image.real else values.get("entrypoint") or image.configuration.get("Entrypoint") or []
        command = [*entry, *(words[1:] or image.configuration.get("Cmd") or [])]
        if not entry and words[1:]:
            command = words[1:]
        pairs = [item.partition("=") for item in values.get("label", [])]
        stop_signal = (values.get("stop-signal") or [image.configuration.get("StopSignal") or "SIGTERM"])[-1]
        return Wanted(
            name=(values.get("name") or [f"container{len(self.containers)}"])[-1],
            image=image,
            reference=reference,
            command=command,
            environment=environment,
            publish=[_published(item) for item in values.get("publish", [])],
            restart=(values.get("restart") or ["no"])[-1],
            stop_signal=stop_signal,
            stop_timeout=int((values.get("stop-timeout") or ["10"])[-1]),
            memory=memory_bytes((values.get("memory") or ["0"])[-1]),
            labels={name: value for name, _, value in pairs},
            remove="rm" in flags,
            entrypoint=(
                values.get("entrypoint") or (image.configuration.get("Entrypoint") if image.real else None) or [""]
            )[-1],
            log_options=dict(item.split("=", 1) for item in values.get("log-opt", [])),
            log_driver=(values.get("log-driver") or ["json-file"])[-1],
            engine_words=(
                *sorted(flag for flag in flags if flag.startswith("--")),
                *(f"{name}={value}" for name, given in values.items() if name.startswith("--") for value in given),
            ),
        )

    def _check_ports(self, wanted: Wanted) -> None:
        taken = {port for other in self.containers.values() if other.running for port, _ in other.wanted.publish}
        for port, _ in wanted.publish:
            if port in taken:
                raise Refused(
                    "docker: Error response from daemon: driver failed programming external connectivity: "
                    f"Bind for 0.0.0.0:{port} failed: port is already allocated", 125)  # fmt: skip

    async def _stop(self, arguments: list[str], _given: str) -> Output:
        seconds = {"--time": "time", "-t": "time", "--timeout": "time", "--signal": "signal", "-s": "signal"}
        _, values, words = options(arguments, {}, seconds)
        for word in words:
            await self._container(word).stop(float(values["time"][-1]) if "time" in values else None)
            self._dispose(word)
        return "".join(f"{word}\n" for word in words), "", 0

    async def _start(self, arguments: list[str], _given: str) -> Output:
        for word in arguments:
            container = self._container(word)
            if not container.running:
                await container.start()
        return "".join(f"{word}\n" for word in arguments), "", 0

    async def _restart(self, arguments: list[str], given: str) -> Output:
        _, _, words = options(arguments, {}, {"--time": "", "-t": ""})
        for word in words:
            await self._container(word).stop()
        return await self._start(words, given)

    async def _kill(self, arguments: list[str], _given: str) -> Output:
        _, values, words = options(arguments, {}, {"--signal": "signal", "-s": "signal"})
        for word in words:
            self._container(word).stopped_by_hand = True
            self._container(word).signal((values.get("signal") or ["KILL"])[-1])
        return "".join(f"{word}\n" for word in words), "", 0

    async def _remove(self, arguments: list[str], _given: str) -> Output:
        flags, _, words = options(
            arguments, {"-f": "force", "--force": "force", "-v": "", "--volumes": "", "-fv": "force"}, {}
        )
        for word in words:
            container = self._container(word)
            if container.running and "force" not in flags:
                raise Refused(
                    f'Error response from daemon: cannot remove container "/{word}": container is running: '
                    "stop the container before removing or force remove")  # fmt: skip
            await container.stop(0)
            self._forget(container)
        return "".join(f"{word}\n" for word in words), "", 0

    def _dispose(self, name: str) -> None:
        container = self.containers.get(name)
        if container is not None and container.wanted.remove:
            self._forget(container)

    def _forget(self, container: Container) -> None:
        self.containers.pop(container.wanted.name, None)
        container.log_path.unlink(missing_ok=True)

    async def _wait(self, arguments: list[str], _given: str) -> Output:
        container = self._container(arguments[0])
        await container.ended.wait()
        return f"{container.exit_code}\n", "", 0

    async def _inspect(self, arguments: list[str], given: str) -> Output:
        _, values, words = options(arguments, {}, {"--format": "format", "-f": "format", "--type": ""})
        found = [self.containers[word] for word in words if word in self.containers]
        if len(found) < len(words):
            return await self._inspect_image(arguments, given)
        return _shown([container.inspected() for container in found], values), "", 0

    async def _inspect_image(self, arguments: list[str], _given: str) -> Output:
        _, values, words = options(arguments, {}, {"--format": "format", "-f": "format"})
        found = [(word, self.images.find(word)) for word in words]
        missing = [word for word, image in found if image is None]
        if missing:
            raise Refused(f"Error: No such image: {missing[0]}", 1, "[]\n")
        return _shown([image.inspected() for _, image in found if image], values), "", 0

    async def _logs(self, arguments: list[str], _given: str) -> Output:
        flags = {"--timestamps": "", "-t": ""}
        _, values, words = options(arguments, flags, {"--tail": "tail", "-n": "tail", "--since": "since"})
        tail, since = (values.get("tail") or ["all"])[-1], (values.get("since") or [""])[-1]
        within = float(since.removesuffix("s")) / self._machine.speed if since else None
        out, err = self._container(words[0]).logs(None if tail == "all" else int(tail), within)
        return out, err, 0

    async def _list(self, arguments: list[str], _given: str) -> Output:
        flags = {"-a": "all", "--all": "all", "-q": "quiet", "--quiet": "quiet", "-aq": "both", "--no-trunc": ""}
        chosen, values, _ = options(arguments, flags, {"--filter": "filter", "-f": "filter", "--format": "format"})
        shown = [c for c in self.containers.values() if c.running or chosen & {"all", "both"}]
        for condition in values.get("filter", []):
            key, _, value = condition.partition("=")
            if key not in ("name", "status", "label"):
                raise unknown("docker ps", f"--filter {condition}")
            shown = [c for c in shown if _matches(c, key, value)]
        if chosen & {"quiet", "both"}:
            return "".join(f"{c.id[:12]}\n" for c in shown), "", 0
        rows = [
            {
                "ID": c.id[:12],
                "Image": c.wanted.reference,
                "Names": c.wanted.name,
                "State": c.status,
                "Status": c.status,
            }
            for c in shown
        ]
        if "format" in values:
            return "".join(_go(values["format"][-1], row) + "\n" for row in rows), "", 0
        lines = [
            "CONTAINER ID   IMAGE   STATUS   NAMES",
            *("   ".join((r["ID"], r["Image"], r["State"], r["Names"])) for r in rows),
        ]
        return "\n".join(lines) + "\n", "", 0

    async def _list_images(self, arguments: list[str], _given: str) -> Output:
        flags = {"--no-trunc": "long", "--digests": "digests", "-q": "quiet", "--quiet": "quiet", "-a": "", "--all": ""}
        chosen, values, words = options(arguments, flags, {"--filter": "", "--format": "format"})
        found = self.images.all(words[0] if words else "")
        if "quiet" in chosen:
            return "".join(f"{image.digest}\n" for image in found), "", 0
        rows = [
            {"Repository": i.repository, "Tag": tag, "Digest": i.digest, "ID": i.digest}
            for i in found for tag in sorted(i.tags) or ["<none>"]
        ]  # fmt: skip
        if "format" in values:
            return "".join(_go(values["format"][-1], row) + "\n" for row in rows), "", 0
        columns = ["Repository", "Tag", *(["Digest"] if "digests" in chosen else []), "ID"]
        heads = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "ID": "IMAGE_ID"}
        table = [[heads[column] for column in columns], *([row[column] for column in columns] for row in rows)]
        return "".join("   ".join(row) + "\n" for row in table), "", 0

    async def _remove_image(self, arguments: list[str], _given: str) -> Output:
        _, _, words = options(arguments, {"-f": "", "--force": ""}, {})
        for word in words:
            image = self.images.find(word)
            if image is None:
                raise Refused(f"Error response from daemon: No such image: {word}")
            if any(c.wanted.image.digest == image.digest for c in self.containers.values()):
                raise Refused(f"Error response from daemon: conflict: unable to delete {word}: image is being used")
            self.images.remove(image)
        return "".join(f"Untagged: {word}\n" for word in words), "", 0

    async def _prune(self, arguments: list[str], _given: str) -> Output:
        chosen, _, _ = options(
            arguments, {"-a": "all", "--all": "all", "-f": "", "--force": "", "-af": "all"}, {"--filter": ""}
        )
        used = {container.wanted.image.digest for container in self.containers.values()}
        for image in self.images.all():
            if image.digest not in used and ("all" in chosen or not image.tags):
                self.images.remove(image)
        return "Total reclaimed space: 0B\n", "", 0

    async def _execute(self, arguments: list[str], _given: str) -> Output:
        flags = {"-i": "", "-t": "", "-it": ""}
        _, values, words = options(arguments, flags, {"--env": "env", "-e": "env", "--user": ""}, stop_at_word=True)
        container = self._container(words[0])
        if not container.running:
            raise Refused(f"Error response from daemon: container {container.id} is not running")
        given = dict(item.split("=", 1) for item in values.get("env", []))
        if container.engine is not None:
            more = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
            status, said, wrong = await container.engine.ask("exec", *more, container.real_name, *words[1:])
            return said, wrong, status
        environment = {**container._environment(), **given}
        process = await self._machine.processes.start(
            words[1:], environment, container.wanted.image.directory, asyncio.subprocess.PIPE, asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        self._machine.processes.ended(process)
        return out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), process.returncode or 0

    async def _info(self, _arguments: list[str], _given: str) -> Output:
        return "Docker version 25.0.8, build 0bab007\n", "", 0

    def _container(self, name: str) -> Container:
        for container in self.containers.values():
            if name == container.wanted.name or (len(name) >= 12 and container.id.startswith(name)):
                return container
        raise Refused(f"Error response from daemon: No such container: {name}")


def options(
    arguments: Sequence[str], flags: dict[str, str], values: dict[str, str], stop_at_word: bool = False
) -> tuple[set[str], dict[str, list[str]], list[str]]:
    """Flags, values and words of a command line; Refused (125) for an option nobody knows."""
    chosen: set[str] = set()
    found: dict[str, list[str]] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            words.append(word)
            if stop_at_word:
                return chosen, found, words + rest
        elif name in flags:
            chosen.add(flags[name])
        elif name in values and (equals or rest):
            found.setdefault(values[name], []).append(value if equals else rest.pop(0))
        else:
            raise Refused(f"unknown flag: {shlex.quote(word)} (the embedded cloud's docker does not know it)", 125)
    return chosen, found, words


def _located(arguments: list[str], directory: Path) -> list[str]:
    """The command line with the path of every ``--env-file`` made absolute."""
    found = list(arguments)
    for index, word in enumerate(arguments):
        if word == "--env-file" and index + 1 < len(found):
            found[index + 1] = str(directory / found[index + 1])
        elif word.startswith("--env-file="):
            found[index] = f"--env-file={directory / word.partition('=')[2]}"
    return found


def _published(text: str) -> tuple[int, int]:
    parts = text.removesuffix("/tcp").split(":")
    if len(parts) < 2 or not parts[-1].isdigit() or not parts[-2].isdigit():
        raise Refused(f"docker: the embedded cloud cannot publish {text!r}; write [address:]port:port", 125)
    return int(parts[-2]), int(parts[-1])


def _matches(container: Container, key: str, value: str) -> bool:
    if key == "name":
        return re.search(value, container.wanted.name) is not None
    if key == "label":
        name, equals, wanted = value.partition("=")
        return name in container.wanted.labels and (not equals or container.wanted.labels[name] == wanted)
    return container.status == value


def _shown(found: list[dict[str, Any]], values: dict[str, list[str]]) -> str:
    if "format" in values:
        return "".join(_go(values["format"][-1], item) + "\n" for item in found)
    return json.dumps(found, indent=4) + "\n"


def _go(template: str, value: dict[str, Any]) -> str:
    """Go templates with paths and ``json``: ``{{.State.ExitCode}}``, ``{{json .State}}``."""

    def one(match: re.Match[str]) -> str:
        expression = match.group(1).strip()
        as_json = expression.startswith("json ")
        current: Any = value
        indexed = re.fullmatch(r'index (\.[\w.]+) "?([\w.-]+)"?', expression)
        path = indexed.group(1) if indexed else expression.removeprefix("json ").strip()
        for part in [part for part in path.split(".") if part]:
            if not isinstance(current, dict) or part not in current:
                raise unknown("docker --format", expression)
            current = current[part]
        if indexed:
            key = indexed.group(2)
            current = current[int(key)] if isinstance(current, list) else current.get(key, "")
        if as_json:
            return json.dumps(current)
        return str(current).lower() if isinstance(current, bool) else str(current)

    return re.sub(r"\{\{([^}]*)\}\}", one, template)
