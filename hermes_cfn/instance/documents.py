"""The shell files as SSM documents and user data, and the calls that the deployer makes.

Stacks render :func:`document` and :func:`user_data`; the deployer sends :func:`call`.  Systems
Manager pastes parameters into the shell as text, so each has an anchored pattern (AWS, "SSM
document schema features and examples": ``allowedPattern``).
"""

from __future__ import annotations

import base64
import bz2
import json
import re
import shlex
import textwrap
from collections.abc import Container, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from hermes_cfn.config import Settings
from hermes_cfn.config.container import Container as Options
from hermes_cfn.instance.report import shell
from hermes_cfn.names import Names

TASKS = ("prepare", "deploy", "confirm", "migrate", "rollback", "diagnose", "run")
"""Every document; ``run`` is the operator's."""

PRINTING = ("migrate", "run")
"""Documents that print what a program of somebody else said; diagnose masks all that it tells."""

TRYING = ("prepare", "rollback")
"""Documents that try the database of a release before anything is touched."""

RESULT_KEYS = ("task", "operation", "outcome")
"""Keys of the JSON object that every document prints last."""

DATABASE_URL = "DATABASE_URL"
"""The secret whose value is tried before it is taken."""

PATIENCE_S = 900
"""Seconds for which an instance tries again while its registry, Systems Manager or the database of a new URL refuses."""

PROVE_S = 120
"""Seconds after a deployment in which a container that ends by itself is told of, however often it is looked at healthy."""

REFUSED = 75
"""Exit status of a document whose token is older than the last one seen."""

USER_DATA_LIMIT = 16 * 1024
"""Bytes of user data before base64 (AWS, EC2 user guide: 16 KB in raw form)."""

PATTERNS: Mapping[str, tuple[str, str]] = {
    "OperationId": ("^[a-z0-9][a-z0-9-]{7,63}$", "what this run is called; a repeated one does nothing"),
    "Token": ("^[0-9]{1,18}$", "the fencing token of the lock"),
    "GoalVersion": ("^[0-9]{1,9}$", "the version of the goal parameter to work with"),
    "Command": ("^[A-Za-z0-9+/]+={0,2}$", "a shell command, base64"),
}
"""Patterns that Systems Manager and its agent both take: the agent compiles them with Go's RE2, which refuses to repeat
anything more than 1,000 times (amazon-ssm-agent, allowedregexparamvalidator.go; github.com/google/re2/wiki/Syntax)."""

COMMAND_LIMIT = 8192
"""Characters of base64 that a command may have: a step's text is limited to 64 KB with the document's own."""

_VARIABLES = {"OperationId": "OPERATION", "Token": "TOKEN", "GoalVersion": "GOAL_VERSION", "Command": "COMMAND"}
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "diagnose": ("OperationId",),
    "run": ("OperationId", "Token", "GoalVersion", "Command"),
}
_ON_DISK = ("library", "start", "return", "watch", "leave")


def parameters(task: str) -> tuple[str, ...]:
    """Names of the parameters of the document for ``task``."""
    return _PARAMETERS.get(task, ("OperationId", "Token", "GoalVersion"))


def call(task: str, operation: str, token: int, goal_version: int, command: str = "") -> dict[str, list[str]]:
    """``Parameters`` for SendCommand."""
    given = {
        "OperationId": operation,
        "Token": str(token),
        "GoalVersion": str(goal_version),
        "Command": base64.b64encode(command.encode()).decode(),
    }
    return {name: [given[name]] for name in parameters(task)}


def parts_of(settings: Settings) -> frozenset[str]:
    """The parts of the scripts that not everybody needs and these settings use; the words after ``%if`` there."""
    return frozenset({"containers"}) if settings.processes or settings.container != Options() else frozenset()


def document(task: str, settings: Settings) -> dict[str, Any]:
    """The SSM document of ``task``, schema version 2.2."""
    own = parts_of(settings)
    given = [f"{_VARIABLES[name]}='{{{{ {name} }}}}'" for name in parameters(task)]
    parts = ["#!/bin/bash", variables(settings), f"export TASK={task}", *given, _library(settings)]
    if own and task != "diagnose":
        place = "$HOME_DIR/lib/processes.py"
        parts.append(
            f'mkdir -p "$HOME_DIR/lib"\ncat >"{place}.new" <<\'PYTHON\'\n{python("processes")}\nPYTHON\n'
            f'mv "{place}.new" "{place}"'
        )
    if task in PRINTING:
        parts.append(script("mask"))
    if task == "migrate":
        parts.append(_migration(settings))
    if task == "diagnose":
        parts.append(f"export HERMES_PERIOD_S={max(1, settings.release.canary_s // 3)}")
        parts.append(f"export HERMES_DOMAIN={shlex.quote(settings.certificate.domain)}")
    else:
        parts += [shell(own), script("guard", own)]
    if task in TRYING:
        parts.append(script("trial"))
    if task == "deploy":
        if settings.release.steady_s:
            own |= {"steady"}
            parts.append(script("steady", own))
        parts.append(script("prove", own))
    parts.append(script(task, own))
    return {
        "schemaVersion": "2.2",
        "description": f"{settings.application.name} in {settings.environment.name}: {task}",
        "parameters": {
            name: {
                "type": "String",
                "description": PATTERNS[name][1],
                "allowedPattern": PATTERNS[name][0],
                **({"maxChars": COMMAND_LIMIT} if name == "Command" else {}),
            }
            for name in parameters(task)
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": task,
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {"timeoutSeconds": "1800", "runCommand": "\n".join(parts).splitlines()},
            }
        ],
    }


def user_data(settings: Settings) -> str:
    """What an instance runs at first boot, at most :data:`USER_DATA_LIMIT` bytes."""
    own = parts_of(settings)
    texts = {name: _library(settings) if name == "library" else script(name, own) for name in (*_ON_DISK, "boot")}
    programs = {"processes.py": python("processes")} if own else {}
    used = set(re.findall(r"\w+", " ".join([*texts.values(), *programs.values()])))
    on_disk = {f"{name}.sh": texts[name] for name in _ON_DISK} | programs
    said = {"settings.sh": variables(settings, used)}
    parts = [
        "#!/bin/bash",
        'LIB="${HERMES_ROOT:-}/opt/hermes/lib"',
        'mkdir -p "$LIB"',
        *(f"cat >\"$LIB/{name}\" <<'END'\n{text}\nEND" for name, text in (said if own else said | on_disk).items()),
        *([_packed(on_disk)] if own else []),
        '. "$LIB/settings.sh"',
        '. "$LIB/library.sh"',
        texts["boot"],
    ]
    return _flush("\n".join(parts)) + "\n"


def _library(settings: Settings) -> str:
    """What all scripts share; with [access] every environment of a container has the way to the application's role.

    Where the file has several environments, images of each are run: which names they have is the role's to say, so that one
    more environment leaves the instances of the others as they are.
    """
    text = script("library", parts_of(settings))
    if not settings.alone:
        text = text.replace("$HERMES_APP@sha256", "$HERMES_APP(/[a-z0-9-]+)?@sha256")
    if not settings.access.granted:
        return text
    access = 'access() { fetch "$HERMES_ACCESS" "$STATE_DIR/access.py" && python3 "$STATE_DIR/access.py" "$1"; }'
    return text.replace("environment() {", f"{access}\nenvironment() {{").replace(
        'done >>"$2.new" && mv', 'done >>"$2.new" && access "$2.new" && mv'
    )


def _packed(texts: Mapping[str, str]) -> str:
    """Shell that writes the files to ``$LIB``, where they would not fit as they are.

    bzip2, because its bytes are the same whichever version of the library makes them: user data that differed would
    replace every instance.
    """
    whole = json.dumps(texts, sort_keys=True).encode()
    lines = "\n".join(textwrap.wrap(base64.b64encode(bz2.compress(whole, 9)).decode(), 120))
    program = (
        "import base64, bz2, json, pathlib, sys\n"
        "for name, text in json.loads(bz2.decompress(base64.b64decode(sys.stdin.read()))).items():\n"
        "    pathlib.Path(sys.argv[1], name).write_text(text + chr(10))"
    )
    return f"# {', '.join(sorted(texts))}\npython3 -c '\n{program}\n' \"$LIB\" <<'END'\n{lines}\nEND"


def _flush(text: str) -> str:
    """Shell text without indentation, which would not fit; that of Python between quotes stays."""
    found, python = [], False
    for line in text.splitlines():
        found.append(line if python else line.lstrip())
        python = not line.startswith("'") if python else line.endswith("-c '")
    return "\n".join(found)


def variables(settings: Settings, used: Container[str] | None = None) -> str:
    """The settings as exported shell assignments, one a line; only those of ``used``, if that is given."""
    names = Names.of(settings)
    application = settings.application
    values: dict[str, object] = {
        "HERMES_APP": application.name,
        "HERMES_PORT": application.port,
        "HERMES_HEALTH_PATH": application.health_path,
        "HERMES_HEALTH_CODES": ",".join(str(code) for code in application.health_codes),
        "HERMES_REGION": settings.account.region,
        "AWS_USE_DUALSTACK_ENDPOINT": "true" if settings.network.egress == "ipv6" else "false",
        "HERMES_GOAL": names.goal_parameter,
        "HERMES_STABLE": names.stable_parameter,
        "HERMES_SECRETS": names.secrets_path,
        "HERMES_REPORTS": names.instance_reports_path,
        "HERMES_GROUP": names.auto_scaling_group,
        "HERMES_HOOK": names.launch_hook,
        "HERMES_LOG_GROUP": names.log_group,
        "HERMES_STOP_SIGNAL": application.stop_signal,
        "HERMES_STOP_TIMEOUT": application.stop_timeout_s,
        "HERMES_START_TIMEOUT": application.start_timeout_s,
        "HERMES_RETURN_S": settings.release.return_after_s,
        "HERMES_WATCH_S": application.start_timeout_s + application.stop_timeout_s + 60,
        "HERMES_WATCH_EVERY_S": 15,
        "HERMES_TELL_S": 300,
        "HERMES_MEMORY_MIB": application.memory_mib,
        "HERMES_DISK_MIB": 1024,
        "HERMES_PATIENCE_S": PATIENCE_S,
        "HERMES_PROVE_S": PROVE_S,
        "HERMES_READ_ONLY": "yes" if application.read_only else "no",
        "HERMES_CLUSTER_PORT": settings.service.cluster_port if settings.service.cluster else 0,
        "HERMES_CLUSTER_NAME": names.cluster_name,
        "HERMES_CLUSTER_SERVICE": names.cluster_parameter,
    }
    if settings.access.granted:
        values["HERMES_ACCESS"] = names.access_parameter
    if settings.release.steady_s:
        values["HERMES_STEADY_S"] = settings.release.steady_s
    chosen = {name: value for name, value in values.items() if used is None or name in used}
    return " \\\n".join(["export", *(f"{name}={shlex.quote(str(value))}" for name, value in chosen.items())])


def _migration(settings: Settings) -> str:
    words = " ".join(shlex.quote(word) for word in settings.application.migrate)
    return f"MIGRATE=({words})\nMIGRATE_MIB={settings.application.migrate_memory_mib}"


_CHOICE = re.compile(r"^%if (\w+)\n(.*?)(?:^%else\n(.*?))?^%end\n", re.MULTILINE | re.DOTALL)


@cache
def script(name: str, own: frozenset[str] = frozenset()) -> str:
    """A shell file of ``scripts/`` without its blank lines and lines of comment.

    ``%include X`` is ``X.py``; what stands between ``%if PART`` and ``%else`` or ``%end`` is there where ``own`` has the part.
    """
    text = _CHOICE.sub(lambda found: found[2] if found[1] in own else found[3] or "", _file(f"{name}.sh"))
    text = re.sub(r"^%include (\w+)$", lambda found: python(found[1]), text, flags=re.MULTILINE)
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("# "))


@cache
def python(name: str) -> str:
    """A Python file of ``scripts/`` without its docstring and its blank lines."""
    text = _file(f"{name}.py").split('"""', 2)[2]
    return "\n".join(line for line in text.splitlines() if line.strip())


def trial(settings: Settings) -> str:
    """A shell command that tries the candidate of DATABASE_URL and prints what it finds as JSON.

    The URL goes from Systems Manager to the process's environment, and is in no command line.
    """
    place = shlex.quote(Names.of(settings).candidate(DATABASE_URL))
    program = f"{python('database')}\nimport json\nprint(json.dumps(database(os.environ['URL'])))"
    return (
        f"URL=$(aws ssm get-parameter --name {place} --with-decryption --output json |"
        ' python3 -c \'import json, sys; print(json.load(sys.stdin)["Parameter"]["Value"])\')'
        f" python3 - <<'PYTHON'\n{program}\nPYTHON"
    )


def _file(name: str) -> str:
    return files("hermes_cfn.instance").joinpath(f"scripts/{name}").read_text(encoding="utf-8")
