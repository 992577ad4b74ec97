"""The containers of a release beside the web process, and how each container is started; Amazon Linux 2023 has Python 3.9.

Called with a verb and the release's file: ``web`` and ``command`` print the web container's own options and words, each
ended by a null byte, and ``shared`` those of every container; ``start``, ``well``, ``stop``, ``restarted``, ``changed`` and ``states`` are about the others,
whose names and identities are kept in the state directory. What is wrong with a process is printed as its name.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

Release = dict[str, Any]

STATE = pathlib.Path(os.environ["STATE_DIR"])
APP = os.environ["HERMES_APP"]
KEPT = STATE / "processes.json"
FOUND = STATE / "process-restarts.json"
UNSETTLED_S = 300
"""So long after it was started again a process still counts as one that does not stay up."""


def docker(*words: str, timeout: float = 30) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(("docker", *words), capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", "no answer in time")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def read(path: Any) -> Any:
    path = pathlib.Path(path)
    return json.loads(path.read_text()) if path.exists() and path.stat().st_size else {}


def write(path: pathlib.Path, value: Any) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.replace(path)


def shared(release: Release) -> list[str]:
    """Options of ``docker run`` that hold for every container of the release."""
    given = release.get("container", {})
    found = ["--user", given["user"]] if given.get("user") else []
    found += [f"--ulimit={name}={value}" for name, value in sorted(given.get("ulimits", {}).items())]
    found += [f"--tmpfs={place}" for place in given.get("tmpfs", [])]
    found += [f"--shm-size={given['shm_mib']}m"] if given.get("shm_mib") else []
    return found + (["--init"] if given.get("init") else [])


def containers(release: Release) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name of the container, name of its process and what the release says of it, in order."""
    for process, said in sorted(release.get("processes", {}).items()):
        for number in range(1, said.get("count", 1) + 1):
            yield f"{APP}-{process}-{number}", process, said


def own_command(release: Release) -> list[str]:
    """The words of the web container, or none for those of its image."""
    return list(release.get("container", {}).get("command", []))


def web(release: Release) -> list[str]:
    """Options of the web container: what no process may use is its memory, where the settings name none."""
    claimed = sum(said["memory_mib"] for _, _, said in containers(release))
    found = shared(release)
    if claimed and os.environ["HERMES_MEMORY_MIB"] == "0":
        meminfo = pathlib.Path(os.environ.get("ROOT", "") + "/proc/meminfo")
        lines = meminfo.read_text().splitlines() if meminfo.exists() else []
        total = next((int(line.split()[1]) for line in lines if line.startswith("MemTotal:")), 1048576) // 1024
        found.append(f"--memory={max(64, total - total // 5 - claimed)}m")
    if release.get("container", {}).get("entrypoint"):
        found += ["--entrypoint", release["container"]["entrypoint"]]
    if release.get("processes"):
        found += ["--label", "hermes.process=web", "--log-opt", "labels=hermes.process"]
    return found


def start(release: Release, options: list[str]) -> str:
    """Starts every process. ``options`` are those that every container of this machine has, without a memory limit."""
    kept = {
        name: {"process": process, "stop_timeout_s": said["stop_timeout_s"], "id": ""}
        for name, process, said in containers(release)
    }
    write(KEPT, kept)
    FOUND.unlink(missing_ok=True)
    for name, process, said in containers(release):
        docker("rm", "--force", name)
        variables = [word for key, value in said.get("env", {}).items() for word in ("--env", f"{key}={value}")]
        words = (
            "run",
            "--detach",
            "--name",
            name,
            "--restart",
            "unless-stopped",
            "--env-file",
            os.environ["ENV_FILE"],
            *variables,
            "--label",
            f"hermes.release={release['id']}",
            "--label",
            f"hermes.process={process}",
            "--log-opt",
            "labels=hermes.process",
            "--stop-signal",
            said["stop_signal"],
            "--stop-timeout",
            str(said["stop_timeout_s"]),
            *options,
            *shared(release),
            f"--memory={said['memory_mib']}m",
            *(["--entrypoint", said["entrypoint"]] if said.get("entrypoint") else []),
            os.environ["IMAGE"],
            *said["command"],
        )
        done = docker(*words, timeout=120)
        if done.returncode:
            sys.stderr.write(done.stderr.strip() + "\n")
            return process
        kept[name]["id"] = done.stdout.strip().splitlines()[-1]
        write(KEPT, kept)
    return ""


def inspected(name: str) -> Any:
    done = docker("inspect", name)
    try:
        return json.loads(done.stdout)[0] if done.returncode == 0 else {}
    except (ValueError, IndexError):
        return {}


def listens(pid: int, port: int) -> bool:
    """Whether something listens on the port in that process's network (proc(5), "/proc/pid/net/tcp")."""
    for table in ("tcp", "tcp6"):
        words = ("nsenter", "--target", str(pid), "--net", "cat", f"/proc/net/{table}")
        try:
            said = subprocess.run(
                words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=10
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        for line in said.splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False


def look(name: str, said: dict[str, Any], since: float) -> Any:
    """True where the process is well, None where it is too early to say; the words are those of a process that is not."""
    seen = inspected(name)
    state = seen.get("State", {})
    if state.get("Status") != "running" or seen.get("RestartCount"):
        return "ended" if seen.get("RestartCount") or state.get("Status") in ("exited", "dead", "restarting") else None
    if said.get("health_command"):
        return docker("exec", name, *said["health_command"]).returncode == 0 or None
    if said.get("health_port"):
        return listens(state.get("Pid"), said["health_port"]) or None
    return time.monotonic() - since >= said["alive_s"] or None


def well(release: Release) -> Any:
    """Waits for each process; the name of the first that is not well in its time, and why."""
    since = time.monotonic()
    waiting = list(containers(release))
    while waiting:
        left = []
        for name, process, said in waiting:
            found = look(name, said, since)
            late = time.monotonic() - since > said["start_timeout_s"]
            if found == "ended" or (found is None and late):
                return process, found or "late", name
            if found is None:
                left.append((name, process, said))
        waiting = left
        if waiting:
            time.sleep(0.5)
    return None


def stop() -> None:
    """All at once, each within its own time; whatever is left of a process that a release no longer has goes too."""
    ends = [
        subprocess.Popen(
            ("docker", "stop", "--time", str(said["stop_timeout_s"]), name),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, said in read(KEPT).items()
    ]
    for end in ends:
        end.wait()
    for name in read(KEPT):
        docker("rm", "--force", name)
    KEPT.unlink(missing_ok=True)


def restarted() -> str:
    """The first process that ended by itself and was started again since it was deployed, or ""."""
    return next(
        (said["process"] for name, said in sorted(read(KEPT).items()) if inspected(name).get("RestartCount")), ""
    )


def changed() -> bool:
    """Whether another container stands where one was started; none at all is not that."""
    return any(said["id"] and inspected(name).get("Id", said["id"]) != said["id"] for name, said in read(KEPT).items())


def states() -> dict[str, str]:
    """Container to ``running``, ``restarting`` (it ended within the last minutes, however it is now) or Docker's word."""
    found, now = read(FOUND), int(time.time())
    told = {}
    for name in sorted(read(KEPT)):
        seen = inspected(name)
        count, before = seen.get("RestartCount") or 0, found.get(name, {"count": 0, "at": 0})
        if count != before["count"]:
            before = found[name] = {"count": count, "at": now}
        status = seen.get("State", {}).get("Status") or "missing"
        told[name[len(APP) + 1 :]] = (
            "restarting" if status == "running" and 0 <= now - before["at"] < UNSETTLED_S else status
        )
    if found:
        write(FOUND, found)
    return told


def main(verb: str, *words: str) -> int:
    release = read(words[0]) if words else {}
    if verb in ("web", "shared", "command"):
        wanted = {"web": web, "shared": shared, "command": own_command}[verb](release)
        sys.stdout.write("".join(f"{word}\0" for word in wanted))
    elif verb == "start":
        bad = start(release, list(words[1:]))
        say(bad)
        return 1 if bad else 0
    elif verb == "well":
        found = well(release)
        say(" ".join(found or ()))
        return 1 if found else 0
    elif verb == "stop":
        stop()
    elif verb == "restarted":
        say(restarted())
    elif verb == "changed":
        return 0 if changed() else 1
    elif verb == "states":
        say(json.dumps(states(), sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
