"""What a GitHub runner does with a workflow, as far as the workflows of ``init`` need it.

Steps with ``run`` are typed into bash as they stand.  Of the actions, ``checkout`` clones, ``setup-python``
does nothing, and ``configure-aws-credentials`` takes the role for real, from the embedded cloud's STS.
Programs that no step of ours may really start (docker, mix, sudo, gh, pip) are stand-ins on the path.
"""

import re
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hermes_cfn.local import control
from tests import owners

DOCKER = """#!/usr/bin/env python3
import os, subprocess, sys
words = sys.argv[1:]
if words[:2] == ["image", "inspect"]:
    print("arm64")
elif words[:1] == ["login"]:
    sys.stdin.read()
elif words[:1] == ["push"]:
    variables = [word for pair in os.environ.get("IMAGE_VARIABLES", "").split() for word in ("--variable", pair)]
    if os.environ.get("IMAGE_DIRECTORY"):
        variables += ["--directory", os.environ["IMAGE_DIRECTORY"]]
    subprocess.run(["hermes-cfn", "local", "image", words[1].rpartition(":")[2], *variables], check=True)
"""

GH = """#!/usr/bin/env python3
import json, os, pathlib, re, sys
kept = pathlib.Path(os.environ["GH_COMMENTS"])
comments = json.loads(kept.read_text()) if kept.exists() else []
words = sys.argv[1:]
assert words[0] == "api" and os.environ["GH_TOKEN"]
def body():
    (field,) = [word for word in words if word.startswith("body=@")]
    return pathlib.Path(field.removeprefix("body=@")).read_text()
if "--jq" in words:
    marker = re.search(r'startswith[(]"(.*?)"[)]', words[words.index("--jq") + 1])[1]
    print("\\n".join(str(number) for number, text in enumerate(comments) if text.startswith(marker)))
elif "PATCH" in words:
    comments[int(next(word for word in words if "/issues/comments/" in word).rpartition("/")[2])] = body()
else:
    assert "POST" in words and any(word.endswith("/comments") for word in words)
    comments.append(body())
kept.write_text(json.dumps(comments))
"""

REPOSITORY = "example/hermes"
NOTHING = "#!/bin/sh\nexit 0\n"


@dataclass
class Ended:
    """What became of a job: its result, its outputs, and every step that ran, by name, with its exit status and text."""

    result: str
    outputs: dict[str, str]
    steps: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Runner:
    """A runner for the checkout ``origin``; ``state`` is the embedded cloud's, ``variables`` those of the repository."""

    origin: Path
    place: Path
    env: dict[str, str]
    state: Path
    variables: dict[str, str] = field(default_factory=dict)
    jobs: int = 0

    def __post_init__(self) -> None:
        tools = self.place / "bin"
        tools.mkdir(parents=True)
        hermes = f'#!/bin/sh\nexec {sys.executable} -m hermes_cfn --local "$@"\n'
        pip = f'#!/bin/sh\n[ "$3" = pip ] || exec {sys.executable} "$@"\n'
        for name, text in {
            "hermes-cfn": hermes,
            "python": pip,
            "docker": DOCKER,
            "gh": GH,
            "mix": NOTHING,
            "sudo": NOTHING,
        }.items():
            tool = tools / name
            tool.write_text(text)
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        self.env = {**self.env, "PATH": f"{tools}:{self.env['PATH']}", "GH_COMMENTS": str(self.place / "comments.json")}

    def workflow(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.origin / f".github/workflows/{name}.yml").read_text())
        return found

    def run(
        self, workflow: str, github: dict[str, Any], only: tuple[str, ...] = (), interrupt: str = ""
    ) -> dict[str, Ended]:
        """Every job in its order; ``interrupt`` cancels at the step of that name, once it has begun to roll."""
        done: dict[str, Ended] = {}
        jobs = self.workflow(workflow)["jobs"]
        for name, job in jobs.items():
            if only and name not in only:
                continue
            needs = {
                need: done[need]
                for need in ([job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", []))
            }
            facts = {
                "github": github,
                "workflow": workflow,
                "vars": self.variables,
                "inputs": {},
                "needs": {need: {"result": ended.result, "outputs": ended.outputs} for need, ended in needs.items()},
            }
            wanted = job.get("if")
            if wanted is None:
                wanted = " && ".join(f"needs.{need}.result == 'success'" for need in needs) or "always()"
            elif "always()" not in wanted:
                wanted += "".join(f" && needs.{need}.result == 'success'" for need in needs)
            if not holds(wanted, facts):
                done[name] = Ended("skipped", {})
                continue
            done[name] = self._job(job, self.workflow(workflow).get("env", {}), facts, interrupt)
        return done

    def _job(self, job: dict[str, Any], env: dict[str, str], facts: dict[str, Any], interrupt: str) -> Ended:
        self.jobs += 1
        space = self.place / f"job-{self.jobs}"
        space.mkdir()
        ended = Ended("success", {})
        known = {**facts, "steps": {}, "job": {"status": "success"}}
        env = {**env, **job.get("env", {})}
        signed: dict[str, str] = {}
        for step in job["steps"]:
            known["job"]["status"] = ended.result
            if not holds(step.get("if", "job.status == 'success'"), known):
                continue
            name = step.get("name") or step["uses"].partition("@")[0]
            if "uses" in step:
                signed |= self._action(job, step, known, space)
                continue
            status, text, outputs = self._typed(step, known, space, {**env, **signed}, interrupt == name)
            ended.steps[name] = (status, text)
            if step.get("id"):
                known["steps"][step["id"]] = {"outputs": outputs}
            if status:
                ended.result = "failure"
        ended.outputs = {key: filled(text, known) for key, text in job.get("outputs", {}).items()}
        return ended

    def _action(self, job: dict[str, Any], step: dict[str, Any], known: dict[str, Any], space: Path) -> dict[str, str]:
        action, given = step["uses"].partition("@")[0], {k: filled(v, known) for k, v in step.get("with", {}).items()}
        if action == "actions/checkout":
            target = space / given.get("path", ".")
            ref = given.get("ref") or known["github"]["sha"]
            subprocess.run(["git", "clone", "-q", str(self.origin), str(target)], check=True)
            subprocess.run(["git", "-C", str(target), "checkout", "-q", ref], check=True)
        elif action == "aws-actions/configure-aws-credentials":
            keys = owners.on_a_runner(self.state, given["role-to-assume"], **claims(job, known))
            return {
                "AWS_ENDPOINT_URL": control.status(self.state).endpoint,
                "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"],
                "AWS_REGION": given["aws-region"],
            }
        else:
            assert action in {"actions/setup-python", "erlef/setup-beam"}, action
        return {}

    def _typed(
        self, step: dict[str, Any], known: dict[str, Any], space: Path, env: dict[str, str], interrupt: bool
    ) -> tuple[int, str, dict[str, str]]:
        script, outputs = space / ".step.sh", space / ".outputs"
        script.write_text(step["run"])
        outputs.write_text("")
        given = {key: filled(text, known) for key, text in {**env, **step.get("env", {})}.items()}
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(space / "summary.md"), "CI": "true"}
        context = {"GITHUB_REPOSITORY": REPOSITORY, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=space,
            env={**self.env, **given, **files, **context},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if interrupt and "leaves the load balancer" in line:
                process.send_signal(signal.SIGINT)
        status = process.wait(timeout=180)
        told = dict(line.partition("=")[::2] for line in outputs.read_text().splitlines())
        return status, "".join(lines), told


def claims(job: dict[str, Any], known: dict[str, Any]) -> dict[str, str]:
    """What GitHub writes into the token of a job: its environment, or else what began the run."""
    named = job.get("environment")
    environment = filled(named["name"] if isinstance(named, dict) else named, known) if named else ""
    event = known["github"].get("event_name", "push")
    what = (
        f"environment:{environment}"
        if environment
        else "pull_request"
        if event == "pull_request"
        else "ref:refs/heads/main"
    )
    ref = known["github"].get("ref", "refs/heads/main")
    workflow = f"{REPOSITORY}/.github/workflows/{known['workflow']}.yml@{ref}"
    told = {"repository": REPOSITORY, "ref": ref, "event_name": event, "job_workflow_ref": workflow}
    return {"sub": f"repo:{REPOSITORY}:{what}", **told}


def looked_up(path: str, known: dict[str, Any]) -> Any:
    """``needs.image.outputs.digest``; what is not there is empty, as on GitHub."""
    value: Any = known
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return value


def filled(text: Any, known: dict[str, Any]) -> str:
    """A value with each ``${{ a || b }}`` replaced."""

    def value(match: re.Match[str]) -> str:
        return str(next((found for path in match[1].split("||") if (found := looked_up(path.strip(), known))), ""))

    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


def holds(condition: str, known: dict[str, Any]) -> bool:
    """A condition of ``always()``, ``==``, ``!=``, ``&&``, ``||`` over contexts."""
    text = condition.replace("always()", "True").replace("&&", " and ").replace("||", " or ")
    text = re.sub(
        r"(?<!['\w])([a-z_]+(?:\.[A-Za-z_]+)+)(?!['\w])", lambda found: repr(looked_up(found[1], known)), text
    )
    return bool(eval(text, {"__builtins__": {}}))


def commit(repository: Path, message: str) -> str:
    """Everything that is there, committed; its hash."""
    git = ["git", "-C", str(repository), "-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", message], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()
