"""``hermes-cloud``: start, stop and find an embedded cloud from a shell.

What is for the shell goes to standard output, so that ``eval "$(hermes-cloud start)"`` suffices; no secret does.  The
administrator's access key is in a file of mode 0600 in the form of AWS's shared credentials, which goes with the cloud.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.local import control
from hermes_cfn.local.options import Addresses, Options

REGION = "us-east-1"
IN_THE_WAY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
"""Variables that AWS's tools heed before the file of credentials."""


def exports(state: Path, region: str) -> list[str]:
    """Lines for a POSIX shell, by which AWS's tools and SDKs call the cloud in ``state`` as its administrator.

    Raises HermesError ``local-not-running`` and ``local-state-damaged``.
    """
    shown = {
        "AWS_ENDPOINT_URL": control.variables(state, region)["AWS_ENDPOINT_URL"],
        "AWS_SHARED_CREDENTIALS_FILE": str(control.credentials_file(state)),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    return [f"unset {' '.join(IN_THE_WAY)}", *(f"export {name}={shlex.quote(text)}" for name, text in shown.items())]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hermes-cloud", description="An emulator of AWS on this machine's loopback address."
    )
    parser.add_argument(
        "--state", type=Path, default=control.default_state(), help="where it lives (HERMES_STATE, or .hermes)"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="start|stop|endpoint|status")
    start = verbs.add_parser(
        "start", help='start it, unless it runs, and print what a shell needs: eval "$(hermes-cloud start)"'
    )
    start.add_argument("--port", type=_port, default=0, help="of 127.0.0.1; any free one if not given")
    start.add_argument("--speed", type=_positive, help="how much faster than AWS waits pass (20)")
    start.add_argument(
        "--real-time", action="store_true", help="CloudFormation takes the time that people have measured"
    )
    start.add_argument("--enforce", action="store_true", help="check IAM permissions: a caller that may not, cannot")
    start.add_argument(
        "--own-ports", action="store_true", help="instances get a port each instead of an address (macOS)"
    )
    start.add_argument("--database", action="store_true", help="start a PostgreSQL outside AWS at once")
    start.add_argument("--no-processes", action="store_true", help="instances exist in the books only")
    start.add_argument("--consistency", choices=("strong", "default", "worst"), help="how late answers are")
    start.add_argument("--reset", action="store_true", help="start afresh; what it held is lost")
    stop = verbs.add_parser("stop", help="stop it and everything that it started")
    stop.add_argument("--reset", action="store_true", help="also clear a damaged or stale directory")
    endpoint = verbs.add_parser("endpoint", help="print what a shell needs, of the one that runs")
    endpoint.add_argument("--url", action="store_true", help="print the address alone")
    for verb in (start, endpoint):
        verb.add_argument("--region", default=REGION, help=f"that AWS's tools call by default ({REGION})")
    status = verbs.add_parser("status", help="what runs, and where; exit code 1 if nothing does")
    status.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give a number above 0, at most 1000")
    return number


def _options(given: argparse.Namespace) -> Options:
    options = Options(
        port=given.port,
        real_time=given.real_time,
        enforce=given.enforce,
        database=given.database,
        processes=not given.no_processes,
        addresses=Addresses.OWN_PORT if given.own_ports else Addresses.AUTO,
    )
    if given.speed:
        options = replace(options, speed=given.speed)
    return replace(options, consistency=given.consistency) if given.consistency else options


def _status(found: control.Status, form: str) -> str:
    if form == "json":
        return json.dumps(found.as_dict(), indent=2)
    if not found.running:
        return "no embedded cloud runs here; next: hermes-cloud start"
    lines = [f"endpoint   {found.endpoint}   process {found.pid}   service time {found.now}"]
    for name, addresses in found.load_balancers.items():
        lines += [f"balancer   {address} (port {port} of {name})" for port, address in addresses.items()]
    lines += [f"instance   {address}   {instance}" for instance, address in found.instances.items()]
    return "\n".join(lines)


def _run(given: argparse.Namespace) -> tuple[str, ExitCode]:
    state: Path = given.state
    if given.verb == "stop":
        if given.reset:
            control.reset(state)
            return "stopped and cleared", ExitCode.OK
        return ("stopped" if control.stop(state) else "nothing runs here"), ExitCode.OK
    if given.verb == "status":
        found = control.status(state)
        return _status(found, given.format), ExitCode.OK if found.running else ExitCode.FAILED
    if given.verb == "start":
        if given.reset:
            control.reset(state)
        control.start(state, _options(given))
    elif given.url:
        return control.variables(state, given.region)["AWS_ENDPOINT_URL"], ExitCode.OK
    return "\n".join(exports(state, given.region)), ExitCode.OK


def main(arguments: Sequence[str] | None = None) -> int:
    """One verb; what it has to say goes to standard output, findings go to standard error.  Returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        text, code = _run(given)
    except HermesError as problem:
        sys.stderr.writelines(f"error: {finding}\n" for finding in problem.findings)
        return problem.exit_code
    except OSError as problem:
        sys.stderr.write(f"error: {given.state}: {problem}; next: give --state a directory that can be written\n")
        return ExitCode.FAILED
    sys.stdout.write(text + "\n")
    return code
