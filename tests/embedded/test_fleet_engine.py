"""A real container engine runs the images that name one of its own, where this machine has Podman or a Docker daemon."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tarfile
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.fleet import standin
from hermes_cfn.local.fleet.shims import interpreter
from hermes_cfn.local.options import Options
from tests.embedded.conftest import REGION, World

pytestmark = pytest.mark.long

BOX, STANDIN = "localhost/hermes-test:1", "localhost/hermes-standin:1"
SERVE = 'mkdir /www; echo "$WORD" >/www/index.html; echo serves; exec httpd -f -p 4000 -h /www'
CREDENTIALS = """
import os, urllib.request
at = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] + "/latest/"
put = urllib.request.Request(at + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = {"X-aws-ec2-metadata-token": urllib.request.urlopen(put).read().decode()}
at += "meta-data/iam/security-credentials/"
ask = lambda url: urllib.request.urlopen(urllib.request.Request(url, headers=token)).read().decode()
print(ask(at + ask(at)))
"""


class Engine:
    """A container engine; ``works`` says whether a container can run here.  Podman gets a store of its own."""

    def __init__(self, program: str, directory: Path) -> None:
        self.program, self.directory = program, directory
        self.environment = {}
        box = shutil.which("busybox")
        self.works = bool(shutil.which(program) and box) and self._set_up(Path(str(box)))

    def _set_up(self, box: Path) -> bool:
        layer = self.directory / "layer.tar"
        with tarfile.open(layer, "w") as tar:
            directory = tarfile.TarInfo(
                "bin"
            )  # one that nobody names is not everybody's: nothing is found without capabilities
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
            tar.add(box.resolve(), "bin/busybox")
            for word in ("sh", "httpd", "mkdir", "echo", "sleep", "tail", "cat"):
                link = tarfile.TarInfo(f"bin/{word}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for runtime in ("crun", "runc") if self.program == "podman" else ("its own",):
            if self.program == "podman":
                self._configure(runtime)
            if self.ask("import", str(layer), BOX).returncode == 0 and (
                self.ask("run", "--rm", "--publish", "127.0.0.1::4000", "--memory", "32m", BOX, "echo").returncode == 0
            ):
                return True
        return False

    def _configure(self, runtime: str) -> None:
        store = f'[storage]\ndriver = "vfs"\ngraphroot = "{self.directory}/graph"\nrunroot = "{self.directory}/run"\n'
        limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
        conf = f'[containers]\n{limits}\n[engine]\nruntime = "{runtime}"\n'
        for name, text in {"CONTAINERS_STORAGE_CONF": store, "CONTAINERS_CONF": conf}.items():
            path = self.directory / f"{name.lower()}.toml"
            path.write_text(text)
            self.environment[name] = str(path)

    def standin(self) -> None:
        """An image of the stand-in application and the Python that runs here."""
        layer = self.directory / "standin.tar"
        python, library = interpreter(), Path(sysconfig.get_path("stdlib"))
        programs = [python, *library.glob("lib-dynload/*.so")]
        linked = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
        with tarfile.open(layer, "w") as tar:
            for file in {str(python), *re.findall(r"(/\S+\.so\S*) \(", linked)}:
                tar.add(os.path.realpath(file), file)
            left_out = ("site-packages", "test", "__pycache__", "ensurepip", "idlelib", "lib2to3", "turtledemo")
            tar.add(library, str(library), filter=lambda one: None if Path(one.name).name in left_out else one)
            for file in Path(standin.__file__).parent.glob("*.py"):
                tar.add(file, file.name)
        assert self.ask("import", str(layer), STANDIN).returncode == 0

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            [self.program, *words], env=environment, cwd=self.directory, capture_output=True, text=True, timeout=120
        )

    def process(self, name: str) -> str:
        return self.ask("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()

    def names(self) -> list[str]:
        return self.ask("ps", "--all", "--filter", "name=hermes-i-", "--format", "{{.Names}}").stdout.split()

    def clean(self) -> None:
        for name in self.names():
            self.ask("rm", "--force", name)
        self.ask("rmi", "--force", BOX, STANDIN)


@pytest.fixture(scope="module", params=["podman", "docker"])
def engine(request, tmp_path_factory):
    made = Engine(request.param, tmp_path_factory.mktemp(request.param))
    if not made.works:
        print(f"{request.param} runs no container here: what it would run is not shown")
    yield made
    if made.works:
        made.clean()


@contextlib.contextmanager
def cloud(engine, state, program=None, hops=1):
    """A cloud with the engine, an image in ECR that names the engine's own, and one instance."""
    options = Options(follow_parent=True, engine=engine.program if program is None else program)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.environment.items():
            patch.setenv(name, value)
        world = World(state, control.start(state, options).endpoint)
    try:
        world.network()
        for name, given in {
            "image": {"Image": BOX, "Cmd": ["sh", "-c", SERVE]},
            "standin": {"Image": STANDIN, "Cmd": [str(interpreter()), "-S", "-E", "/app.py", "serve"]},
        }.items():
            directory = state.parent / f"{state.name}-{name}"
            directory.mkdir()
            (directory / "image.json").write_text(json.dumps(given))
            world.names[name] = control.push_image(state, "fleet", name, directory)["reference"]
        made = world.client("ec2").run_instances(
            ImageId="ami-12c6146b", InstanceType="t4g.small", MinCount=1, MaxCount=1,
            SubnetId=world.names["subnets"][0], IamInstanceProfile={"Name": "fleet"},
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": hops},
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


AN_ENGINE_IS_NOT_HURRIED_S = 3600
"""Service time, which passes many times as fast as an engine works."""


def run(world, *lines, image="image"):
    pull = [
        f"aws ecr get-login-password --region {REGION} | docker login --username AWS --password-stdin "
        f"{world.names[image].partition('/')[0]} >/dev/null",
        f"docker pull -q {world.names[image]} >/dev/null",
    ]
    return world.command(world.names["instance"], [*pull, *lines], timeout_s=AN_ENGINE_IS_NOT_HURRIED_S)


def test_an_image_of_the_engine_runs_in_it_and_nothing_is_left(engine, tmp_path):
    if not engine.works:
        return
    with cloud(engine, tmp_path / "state") as world:
        image = world.names["image"]
        done = run(
            world,
            f"docker run -d --name app --restart unless-stopped -p 4000:4000 --memory 64m -e WORD=real {image} >/dev/null",
            "for _ in $(seq 100); do curl -fs http://$HERMES_BIND:4000/ && break; sleep 0.1; done",
            "docker logs app", "docker exec app cat /proc/1/comm",
        )  # fmt: skip
        assert done["StandardOutputContent"].split() == ["real", "serves", "httpd"], done
        (name,) = engine.names()
        lines = command_lines()
        assert name.encode() in lines and b"WORD=real" not in lines
        first = engine.process(name)
        engine.ask("kill", name)
        world.until(lambda: engine.process(name) not in ("", "0", first))  # its restart policy started another
        stopped = run(
            world,
            "docker stop -t 2 app >/dev/null; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' app",
            f"docker run --rm --read-only --tmpfs /tmp --cap-drop ALL {image} sh -c 'echo x >/tmp/f && echo y >/f || echo refused'",
            f"docker run --name tight --memory 8m {image} sh -c 'tail /dev/zero'; echo $?",
        )  # fmt: skip
        # 137 the first time because a first process without a handler needs SIGKILL, the second because of its memory
        assert stopped["StandardOutputContent"].split() == ["exited", "137", "refused", "137"], str(stopped)
        assert engine.names() == []
        run(world, f"docker run -d --name left {image} sleep 1000")
        world.until(engine.names)
    world.until(lambda: engine.names() == [])


@pytest.mark.parametrize("hops", [1, 2])
def test_a_container_reaches_the_database_and_the_metadata_if_the_hop_limit_lets_it(engine, tmp_path, hops):
    if not engine.works:
        return
    engine.standin()
    with cloud(engine, tmp_path / "state", hops=hops) as world:
        url = control.database(world.state)
        (tmp_path / "credentials.py").write_text(CREDENTIALS)
        given = f"-e LISTEN_4000=0.0.0.0:4000 -e HEALTH_NEEDS_DATABASE=yes -e DATABASE_URL='{url}'"
        health = "curl -s -o /dev/null -w '%{http_code} ' http://$HERMES_BIND:4000/health"
        said = run(
            world,
            f"docker run -d --name app -p 4000:4000 {given} {world.names['standin']} >/dev/null",
            f"for _ in $(seq 200); do {health} | grep 200 && break; sleep 0.1; done",
            f'docker exec app {interpreter()} -S -c "$(cat {tmp_path}/credentials.py)"',
            'pid=$(docker inspect -f "{{.State.Pid}}" app); nsenter --target $pid --net cat /proc/net/tcp',
            image="standin",
        )
        healthy, _, rest = said["StandardOutputContent"].partition(" ")
        assert healthy == "200", (said, world.command(world.names["instance"], ["docker logs app"]))
        assert "00000000:0FA0 00000000:0000 0A" in rest, said
        role = '"Type": "AWS-HMAC"' in rest
        assert role == (hops > 1), said
        assert ("KeyError: 'AWS_EC2_METADATA_SERVICE_ENDPOINT'" in said["StandardErrorContent"]) == (hops == 1), said
        control.database(world.state, gone=True)
        gone = world.command(world.names["instance"], [f"until {health} | grep 503; do sleep 0.1; done"])
        assert gone["StandardOutputContent"].split() == ["503"], gone


def test_without_the_engine_such_an_image_is_refused_by_name(engine, tmp_path):
    with cloud(engine, tmp_path / "state", program="") as world:
        done = run(world, f"docker run {world.names['image']}; echo $?")
        assert f"{BOX} needs a container engine" in done["StandardErrorContent"]


def test_a_cloud_that_is_killed_leaves_no_container(engine, tmp_path):
    if not engine.works:
        return
    with cloud(engine, tmp_path / "state") as world:
        run(world, f"docker run -d --name left {world.names['image']} sleep 1000")
        world.until(engine.names)
        os.kill(control.status(world.state).pid, signal.SIGKILL)
        world.until(lambda: engine.names() == [])
        with contextlib.suppress(OSError, http.client.HTTPException):
            control.reset(world.state)
