"""Stands in for docker, aws, curl, systemctl and the others; its world is a JSON file, its calls a log."""

import fcntl
import json
import os
import pathlib
import sys
import time

WORLD = pathlib.Path(os.environ["STUB_WORLD"])


def main() -> int:
    name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
    if "--password-stdin" in arguments:
        sys.stdin.read()
    alone = (WORLD.parent / "alone").open("w")
    fcntl.flock(alone, fcntl.LOCK_EX)
    with (WORLD.parent / "calls").open("a") as log:
        log.write(" ".join([name, *arguments]).replace("\n", "\\n") + "\n")
    world = json.loads(WORLD.read_text())
    commands = {"aws": aws, "docker": docker, "curl": curl, "systemctl": systemctl, "systemd-run": systemd_run}
    status = commands.get(name, quiet)(arguments, world)
    whole = WORLD.with_suffix(f".{os.getpid()}")
    whole.write_text(json.dumps(world))
    whole.replace(WORLD)  # whoever is killed here leaves the world as it was
    alone.close()
    if name == "systemctl" and arguments[0] == "start":
        return begin(pathlib.Path(os.environ["HERMES_ROOT"], "etc/systemd/system", f"{arguments[1]}.service"))
    return status


def begin(unit) -> int:
    """What systemd runs of a unit of type oneshot, in its place."""
    text = unit.read_text() if unit.exists() else ""
    if "Type=oneshot" not in text:
        return 0
    command = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart="))
    return 1 if os.spawnv(os.P_WAIT, command, [command]) else 0


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def aws(arguments, world):
    verb = " ".join(arguments[:2])
    if world.get("refused", {}).get(verb, 0) > 0:
        world["refused"][verb] -= 1
        print("An error occurred (Throttling)", file=sys.stderr)
        return 254
    if verb == "ssm get-parameter":
        name, _, version = option(arguments, "--name").partition(":")
        versions = world["parameters"].get(name, [])
        wanted = int(version or len(versions))
        if not 0 < wanted <= len(versions):
            print("ParameterNotFound", file=sys.stderr)
            return 254
        print(json.dumps({"Parameter": {"Name": name, "Value": versions[wanted - 1], "Version": wanted}}))
    elif verb == "ssm put-parameter":
        world["parameters"].setdefault(option(arguments, "--name"), []).append(option(arguments, "--value"))
    elif verb == "ecr get-login-password":
        print("a-registry-login")
    elif verb == "autoscaling describe-auto-scaling-instances":
        print(json.dumps({"AutoScalingInstances": [{"LifecycleState": world["lifecycle"]}]}))
    elif verb == "autoscaling describe-auto-scaling-groups":
        print(world.get("suspended", 0))
    elif verb == "autoscaling exit-standby":
        world["lifecycle"] = "InService"
    return 0


def docker(arguments, world):
    verb = arguments[0]
    others = world.setdefault("others", {})
    if verb == "run" and option(arguments, "--name")[-1].isdigit():
        return beside(arguments, others, world)
    if verb in ("stop", "rm", "inspect", "logs", "exec") and (
        named := [one for one in arguments[1:] if one.startswith("hermes-") and one[-1].isdigit()]
    ):
        return other(verb, named[0], others, world)
    if verb == "pull":
        if arguments[1] in world.get("missing", []):
            print("Error response from daemon: manifest unknown: Requested image not found", file=sys.stderr)
            return 1
        if world.get("throttled", 0) > 0:
            world["throttled"] -= 1
            print("toomanyrequests: Rate exceeded", file=sys.stderr)
            return 1
        world["images"].append(arguments[1])
    elif verb == "image" and arguments[1] == "inspect":
        return 0 if arguments[2] in world["images"] else 1
    elif verb == "image" and arguments[1] == "ls":
        print("REPOSITORY TAG DIGEST IMAGE-ID")
        for image in world["images"]:
            repository, _, digest = image.partition("@")
            print(f"{repository} <none> {digest} 0123")
    elif verb == "image" and arguments[1] == "rm":
        world["images"].remove(arguments[2])
    elif verb == "run":
        image = next(word for word in arguments if "@sha256:" in word)
        if "--rm" in arguments:
            migrating = f"schema_version=41\nmigrating {world.get('migrating', '')}\nschema_version=42"
            print(world.get("migrated", migrating))
            return world.get("migrate_status", 0)
        world["started"] = world.get("started", 0) + 1
        env = pathlib.Path(option(arguments, "--env-file")).read_text()
        world["container"] = {"image": image, "env": env, "id": f"container-{world['started']}"}
        print(world["container"]["id"])
    elif verb in ("stop", "rm"):
        world["container"] = None
    elif verb == "inspect" and world.get("inspect") == "late":
        time.sleep(60)
    elif verb == "inspect" and world.get("inspect") == "missing":
        print(f"[]\nError: No such object: {arguments[1]}")
        return 1
    elif verb == "inspect":
        known = {"Id": world["container"]["id"]} if world.get("container") else {}
        print(
            json.dumps(
                [
                    {
                        **known,
                        "RestartCount": restarts(world),
                        "State": {"Status": "running", "ExitCode": 0},
                        "Config": {"Image": "x"},
                    }
                ]
            )
        )
    elif verb == "logs" and "lines" in world:
        print(world["lines"])
    elif verb == "logs":
        print(f"connected to {world.get('logged', '')}")
    return 0


def restarts(world):
    """``crashing``: an image whose containers end again and again."""
    crashing = (world.get("container") or {}).get("image") == world.get("crashing", "")
    return 3 if crashing else world.get("restarts", 0)


def beside(arguments, others, world):
    """A container beside the application's: ``broken`` names processes that cannot start."""
    name, process = (
        option(arguments, "--name"),
        next(one.partition("=")[2] for one in arguments if one.startswith("hermes.process=")),
    )
    if process in world.get("broken", []):
        print("exec: no such file", file=sys.stderr)
        return 127
    world["started"] = world.get("started", 0) + 1
    image = next(word for word in arguments if "@sha256:" in word)
    words = arguments[arguments.index(image) + 1 :]
    memory = [one for one in arguments if one.startswith("--memory=")][-1]
    others[name] = {
        "id": f"container-{world['started']}",
        "image": image,
        "words": words,
        "memory": memory,
        "restarts": 0,
        "process": process,
    }
    print(others[name]["id"])
    return 0


def other(verb, name, others, world):
    """``crashing`` names processes whose containers end again and again, ``sick`` those whose command says no."""
    if name not in others:
        return 1
    there = others[name]
    if verb == "rm":
        del others[name]
    elif verb == "exec":
        return int(there["process"] in world.get("sick", []))
    elif verb == "logs":
        print(f"{name} says {world.get('logged', 'hello')}")
    elif verb == "inspect":
        there["restarts"] += there["process"] in world.get("crashing", [])
        state = {"Status": "running", "ExitCode": 0, "Pid": 4242}
        print(
            json.dumps(
                [
                    {
                        "Id": there["id"],
                        "RestartCount": there["restarts"],
                        "State": state,
                        "Config": {"Image": there["image"]},
                    }
                ]
            )
        )
    return 0


def curl(arguments, world):
    url = arguments[-1]
    if "/latest/" in url:
        print("i-0123456789abcdef0" if url.endswith("instance-id") else "10.0.128.9", end="")
        return 0
    if "curl" in world:
        return world["curl"]
    container = world.get("container")
    healthy = container and container["image"] not in world.get("ill", [])
    if healthy and container["image"] == world.get("silent"):
        world["ill"] = [container["image"]]
    code = "200" if healthy else "503"
    print(f"HTTP/1.1 {code} Said\r\n\r\n{world.get('logged', '')}" if "-i" in arguments else code, end="")
    return 0 if container else 7


def systemctl(arguments, world):
    for unit in arguments[1:] or arguments:
        world.setdefault("units", {})[unit] = arguments[0]
    return 0


def systemd_run(arguments, world):
    """systemd keeps a transient unit that ran into a failure, and its name with it, unless it is to be collected."""
    unit = next(word.partition("=")[2] for word in arguments if word.startswith("--unit="))
    if unit in world.get("failed_units", []):
        print(f"Failed to start transient timer unit: Unit {unit}.service was already loaded", file=sys.stderr)
        return 1
    world.setdefault("transient", []).append({"unit": unit, "collected": "--collect" in arguments})
    return 0


def quiet(arguments, world):
    return 0


sys.exit(main())
