"""A real container engine runs the images that name one of its own, where this machine has Podman."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests.embedded.conftest import REGION, World

pytestmark = pytest.mark.long

NAME = "localhost/hermes-test:1"
SERVE = 'mkdir /www; echo "$WORD" >/www/index.html; echo serves; exec httpd -f -p 4000 -h /www'


class Podman:
    """An engine with a store of its own under ``directory``; ``works`` says whether a container can run here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        program, box = shutil.which("podman"), shutil.which("busybox")
        self.works = bool(program and box) and self._set_up(Path(str(box)))

    def _set_up(self, box: Path) -> bool:
        store = f'[storage]\ndriver = "vfs"\ngraphroot = "{self.directory}/graph"\nrunroot = "{self.directory}/run"\n'
        (self.directory / "storage.conf").write_text(store)
        layer = self.directory / "layer.tar"
        with tarfile.open(layer, "w") as tar:
            tar.add(box.resolve(), "bin/busybox")
            for word in ("sh", "httpd", "mkdir", "echo", "sleep", "tail", "cat"):
                link = tarfile.TarInfo(f"bin/{word}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for runtime in ("crun", "runc"):
            limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
            conf = f'[containers]\n{limits}\n[engine]\nruntime = "{runtime}"\n'
            (self.directory / "containers.conf").write_text(conf)
            if self.ask("import", str(layer), NAME).returncode == 0 and (
                self.ask("run", "--rm", "--publish", "127.0.0.1::4000", "--memory", "32m", NAME, "echo").returncode == 0
            ):
                return True
        return False

    @property
    def environment(self) -> dict[str, str]:
        conf = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        return {name: str(self.directory / file) for name, file in conf.items()}

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            ["podman", *words], env=environment, cwd=self.directory, capture_output=True, text=True, timeout=120
        )

    def process(self, name: str) -> str:
        return self.ask("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()

    def names(self) -> list[str]:
        return self.ask("ps", "--all", "--format", "{{.Names}}").stdout.split()


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    made = Podman(tmp_path_factory.mktemp("engine"))
    if not made.works:
        print("no container engine runs a container here: what one would run is not shown")
    yield made
    made.ask("rm", "--all", "--force")
    made.ask("rmi", "--all", "--force")


@contextlib.contextmanager
def cloud(podman, state, engine="podman"):
    """A cloud with the engine, an image in ECR that names the engine's own, and one instance."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in podman.environment.items():
            patch.setenv(name, value)
        world = World(state, control.start(state, Options(follow_parent=True, engine=engine)).endpoint)
    try:
        world.network()
        directory = state.parent / f"{state.name}-image"
        directory.mkdir()
        (directory / "image.json").write_text(json.dumps({"Image": NAME, "Cmd": ["sh", "-c", SERVE]}))
        world.names["image"] = control.push_image(state, "fleet", "real", directory)["reference"]
        made = world.client("ec2").run_instances(
            ImageId="ami-12c6146b", InstanceType="t4g.small", MinCount=1, MaxCount=1,
            SubnetId=world.names["subnets"][0], IamInstanceProfile={"Name": "fleet"},
        )  # fmt: skip
        world.names["instance"] = made["Instances"][0]["InstanceId"]
        ssm = world.client("ssm")
        world.until(lambda: ssm.describe_instance_information()["InstanceInformationList"])
        yield world
    finally:
        control.stop(state)


def command_lines() -> bytes:
    """Those of every process of this machine."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += path.read_bytes()
    return found


def run(world, *lines):
    pull = [
        f"aws ecr get-login-password --region {REGION} | docker login --username AWS --password-stdin "
        f"{world.names['image'].partition('/')[0]} >/dev/null",
        f"docker pull -q {world.names['image']} >/dev/null",
    ]
    return world.command(world.names["instance"], [*pull, *lines])


def test_an_image_of_the_engine_runs_in_it_and_nothing_is_left(podman, tmp_path):
    if not podman.works:
        return
    with cloud(podman, tmp_path / "state") as world:
        image = world.names["image"]
        done = run(
            world,
            f"docker run -d --name app --restart unless-stopped -p 4000:4000 --memory 64m -e WORD=real {image} >/dev/null",
            "for _ in $(seq 100); do curl -fs http://$HERMES_BIND:4000/ && break; sleep 0.1; done",
            "docker logs app", "docker exec app cat /proc/1/comm",
        )  # fmt: skip
        assert done["StandardOutputContent"].split() == ["real", "serves", "httpd"], done
        (name,) = podman.names()
        lines = command_lines()
        assert name.encode() in lines and b"WORD=real" not in lines
        first = podman.process(name)
        podman.ask("kill", name)
        world.until(lambda: podman.process(name) not in ("", "0", first))  # its restart policy started another
        stopped = run(
            world,
            "docker stop -t 2 app >/dev/null; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' app",
            f"docker run --name tight --memory 8m {image} sh -c 'tail /dev/zero'; echo $?",
        )["StandardOutputContent"].split()  # fmt: skip
        assert stopped == ["exited", "137", "137"], stopped  # a first process without a handler needs SIGKILL
        assert podman.names() == []
        run(world, f"docker run -d --name left {image} sleep 1000")
        world.until(podman.names)
    world.until(lambda: podman.names() == [])


def test_without_the_engine_such_an_image_is_refused_by_name(podman, tmp_path):
    with cloud(podman, tmp_path / "state", engine="") as world:
        done = run(world, f"docker run {world.names['image']}; echo $?")
        assert f"{NAME} needs a container engine" in done["StandardErrorContent"]


def test_a_cloud_that_is_killed_leaves_no_container(podman, tmp_path):
    if not podman.works:
        return
    with cloud(podman, tmp_path / "state") as world:
        run(world, f"docker run -d --name left {world.names['image']} sleep 1000")
        world.until(podman.names)
        os.kill(control.status(world.state).pid, signal.SIGKILL)
        world.until(lambda: podman.names() == [])
        with contextlib.suppress(OSError, http.client.HTTPException):
            control.reset(world.state)
