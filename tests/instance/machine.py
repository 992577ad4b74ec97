"""A machine for the scripts: a root of its own, and stubs in front of the real commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from hermes_cfn.config import parse
from hermes_cfn.instance import documents
from hermes_cfn.instance.release import Release
from hermes_cfn.names import Names

STUBBED = ("aws", "docker", "curl", "systemctl", "systemd-run", "dnf", "logger", "amazon-cloudwatch-agent-ctl")
SETTINGS = parse("[application]\nstart_timeout_s = 5\nsecrets = ['SECRET_KEY_BASE']\n[release]\nreturn_after_s = 60\n")
CANARY = "canary-3f9a7c-secret"
REPOSITORY = "123456789012.dkr.ecr.eu-south-2.amazonaws.com/hermes"


def release(number, **more):
    image = f"{REPOSITORY}@sha256:{number:064x}"
    return Release(f"r{number}", image, f"v{number}", {"PORT": "4000"}, {"SECRET_KEY_BASE": 1}, **more)


class Machine:
    def __init__(self, directory: Path, settings=SETTINGS):
        self.root, self.world_file, self.settings = directory / "root", directory / "world.json", settings
        self.names = Names.of(settings)
        self.directory, stubs = directory, directory / "stubs"
        stubs.mkdir()
        for name in STUBBED:
            (stubs / name).write_text(
                f"#!{Path(sys.executable).resolve()} -IS\n" + Path(__file__).with_name("stub.py").read_text()
            )
            (stubs / name).chmod(0o755)
        # The machine's own Python, and not a version manager's, which looks for one first.
        (stubs / "python3").write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -SE "$@"\n')
        (stubs / "python3").chmod(0o755)
        (stubs / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.1\n")
        (stubs / "sleep").chmod(0o755)
        self.environment = {
            "PATH": f"{stubs}:{os.environ['PATH']}",
            "HERMES_ROOT": str(self.root),
            "HERMES_BIND": "127.0.0.1",
            "STUB_WORLD": str(self.world_file),
        }
        self.set(
            parameters={
                self.names.goal_parameter: [release(1).to_json()],
                self.names.stable_parameter: [release(1).to_json()],
                self.names.secret("SECRET_KEY_BASE"): [CANARY],
            },
            images=[],
            container=None,
            lifecycle="InService",
        )
        self.operation = 0

    @property
    def world(self):
        return json.loads(self.world_file.read_text())

    def set(self, **changes):
        before = self.world if self.world_file.exists() else {}
        self.world_file.write_text(json.dumps({**before, **changes}))

    def goal(self, new) -> int:
        """The version of the goal parameter that is written."""
        parameters = self.world["parameters"]
        parameters[self.names.goal_parameter].append(new.to_json())
        self.set(parameters=parameters)
        return len(parameters[self.names.goal_parameter])

    def script(self, text, *arguments):
        return subprocess.run(
            ["bash", "-c", text, "script", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def program(self, name, *arguments):
        return subprocess.run(
            [str(self.root / "opt/hermes/bin" / name), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def boot(self):
        return self.script(documents.user_data(self.settings))

    def deploy(self, version, **more):
        """The deploy document, for a machine that was taken out of service."""
        self.set(lifecycle="Standby")
        return self.send("deploy", version, **more)

    def send(self, task, version=1, token=1, operation=None, command="", hurry=("", "")):
        """Run a document as Systems Manager does: parameters pasted in; gives status, last line and text.

        ``hurry`` replaces one text by another in the script.
        """
        self.operation += 1
        given = documents.call(task, operation or f"operation-{self.operation}", token, version, command)
        text = "\n".join(documents.document(task, self.settings)["mainSteps"][0]["inputs"]["runCommand"])
        for name, (value,) in given.items():
            text = text.replace(f"{{{{ {name} }}}}", value)
        done = self.script(text.replace(*hurry) if hurry[0] else text)
        last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "{}"
        return done.returncode, json.loads(last), done.stdout + done.stderr

    @property
    def report(self):
        return json.loads(self.world["parameters"][self.names.instance_report("i-0123456789abcdef0")][-1])

    @property
    def running(self):
        container = self.world["container"]
        return container and container["image"]

    @property
    def calls(self):
        return (self.directory / "calls").read_text().splitlines()

    def failed(self):
        """systemd ran the newest transient unit, and that failed: unless it is collected, its name stays taken."""
        newest = self.world["transient"][-1]
        if not newest["collected"]:
            self.set(failed_units=[*self.world.get("failed_units", []), newest["unit"]])

    def reboot(self):
        self.set(container=None)
        return self.program("hermes-start")

    def clear(self):
        shutil.rmtree(self.root, ignore_errors=True)
