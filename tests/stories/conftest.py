"""An embedded cloud with one deployment, for the stories of day two."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn.local import control
from hermes_cfn.local.options import INTERNAL, Options
from tests import owners

ROOT = Path(__file__).parents[2]
PLAIN = Options(follow_parent=True)
SECRETS = ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL")


class Cloud:
    """A cloud, a directory with a ``hermes.toml``, and a way to type verbs there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        own = {"HERMES_STATE": str(self.state), "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(directory)}
        self.env = {**os.environ, **own}

    def deploy(self, configuration: str | None = "", options: Options = PLAIN) -> None:
        """The first deployment; ``configuration`` None leaves the file that is there."""
        if configuration is not None:
            (self.directory / "hermes.toml").write_text(configuration)
        control.start(self.state, options)
        self.type("bootstrap")
        for tag in ("v1", "v2"):
            self.type(f"local image {tag}")
        for name in SECRETS:
            value = control.database(self.state) if name == "DATABASE_URL" else f"story-{name.lower()}-{'x' * 64}"
            self.type(f"secrets set {name}", given=f"{value}\n")
        self.type("deploy --image v1 --yes")

    def sign_in(self, role: str) -> None:
        """From now on verbs are typed by whoever has that role of the environment; "" is the administrator."""
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            self.env.pop(name, None)
        if role:
            arn = f"arn:aws:iam::123456789012:role/hermes-production-{role}"
            keys = owners.signed_in(self.state, arn)
            self.env |= {
                "AWS_ENDPOINT_URL": control.status(self.state).endpoint,
                "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"],
            }

    def stop(self) -> None:
        control.reset(self.state)

    def type(self, words: str | list[str], given: str = "", codes: tuple[int, ...] = (0,)) -> str:
        """What ``hermes-cfn --local WORDS`` prints; it must end with one of ``codes``."""
        done = self.typed(words, given)
        assert done.returncode in codes, f"$ hermes-cfn {words}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def typed(self, words: str | list[str], given: str = "") -> subprocess.CompletedProcess[str]:
        """``hermes-cfn --local WORDS``, however it ends."""
        return subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "--local", *(words.split() if isinstance(words, str) else words)],
            cwd=self.directory,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def killed_at(self, words: str, line: str) -> None:
        """Type a verb, and kill it when it tells of ``line``."""
        run = subprocess.Popen(
            [sys.executable, "-m", "hermes_cfn", "--local", *words.split()],
            cwd=self.directory,
            env={**self.env, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        with run.stdout as lines:
            for said in lines:
                if line in said:
                    run.send_signal(signal.SIGKILL)
                    break
        assert run.wait() == -signal.SIGKILL

    def json(self, words: str, codes: tuple[int, ...] = (0,)):
        return json.loads(self.type(f"{words} --format json", codes=codes))

    def client(self, service: str):
        """For a test that looks at what a verb has done: as of now, however late the cloud is for everybody else."""
        return owners.client(self.state, service, user_agent_extra=INTERNAL)

    def fault(self, **body) -> None:
        """What the cloud's control side is asked."""
        control.ask(self.state, "faults", body)


@pytest.fixture(scope="session")
def new_cloud():
    """For a story that needs a cloud of its own kind."""
    return Cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        made.deploy()
        yield made
    finally:
        made.stop()
