"""Start, stop and ask an embedded cloud: all that the product sees of it.

A cloud lives in ``<state>/cloud``; ``state`` is ``.hermes`` or what ``HERMES_STATE`` says, so
that several can run side by side.  Everything is done through that directory and HTTP.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.local.options import Options
from hermes_cfn.local.owner import PRIVATE_FILE, AccessKey, Owner, check_private, make_private, write_private

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 10.0
_RESET = "python -m hermes_cfn local stop --reset"

SERVERS = (f"{__package__}.server", "hermes_cloud.server")
"""The modules that are a cloud's process: of this package, as in the repository, or of the distribution hermes-cfn-cloud."""


@dataclass(frozen=True)
class Status:
    """What runs: ``load_balancers`` maps DNS name to scheme to ``address:port``, ``instances``
    instance ID to ``address:port`` of its application; ``now`` is service time (ISO 8601).
    """

    running: bool
    endpoint: str = ""
    pid: int = 0
    now: str = ""
    addresses: str = ""
    speed: float = 0.0
    load_balancers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    instances: Mapping[str, str] = field(default_factory=dict)
    database: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def default_state() -> Path:
    """``HERMES_STATE``, or ``.hermes`` in the working directory."""
    return Path(os.environ.get("HERMES_STATE") or ".hermes")


def server() -> str:
    """The module that is a cloud's process.  Raises HermesError ``local-not-installed`` where no distribution brought it."""
    for name in SERVERS:
        if _is_here(name) and _is_here("moto"):
            return name
    raise HermesError(
        Finding(
            "local-not-installed",
            "hermes-cfn-cloud",
            "the embedded cloud is not installed here",
            "it is a distribution of its own, so that an installation for production holds no emulator of AWS",
            next="pip install 'hermes-cfn[local]'",
        ),
        exit_code=ExitCode.REFUSED,
    )


def _is_here(module: str) -> bool:
    """Whether ``module`` could be imported; nothing is imported but the packages that it is in."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def start(state: Path, options: Options | None = None) -> Status:
    """Starts a cloud in ``state``, or answers the status of the one that runs there.

    Raises HermesError ``local-state-damaged`` for a half-written or stale directory, ``local-not-installed``,
    ``local-port-taken`` and ``local-did-not-start``.
    """
    found = status(state)
    if found.running:
        return found
    module = server()
    directory = _directory(state)
    _private(directory, make_private)
    return _launch(module, state, directory, options or Options())


def stop(state: Path) -> bool:
    """Stops the cloud in ``state`` and everything it started; False if none runs."""
    known = _read(state)
    if known is None:
        return False
    pid = int(known["pid"])
    if _runs(known):
        os.kill(pid, signal.SIGTERM)
        if not _wait(lambda: not _directory(state).exists() and not _exists(pid), STOP_TIMEOUT_S):
            os.kill(pid, signal.SIGKILL)
    _clear(state)
    return True


def reset(state: Path) -> None:
    """Stops what runs in ``state``, if it can be found, and removes every trace of it."""
    try:
        stop(state)
    except HermesError:
        _clear(state)


def status(state: Path) -> Status:
    """The status of the cloud in ``state``; not running if there is none.

    Raises HermesError ``local-state-damaged`` if the directory cannot be read, ``local-died`` if its process has ended
    without cleaning up, and ``local-busy`` if it runs and did not answer in time.
    """
    known = _read(state)
    if known is None:
        return Status(running=False)
    pid = int(known["pid"])
    answer = _answer(known)
    if answer is None:
        raise HermesError(
            Finding(
                "local-died",
                str(_directory(state)),
                f"the embedded cloud (process {pid}) has ended without cleaning up",
                "what it held is lost, and its directory is stale",
                next=f"start afresh with --reset, or run: {_RESET}",
            )
        )
    return _status(answer)


def administrator(state: Path) -> AccessKey:
    """The access key of the administrator of the cloud in ``state``: its ID and its secret.

    Raises HermesError ``local-not-running`` and ``local-state-damaged``.
    """
    return Owner.of(_running(state)).access_key


def variables(state: Path, region: str) -> dict[str, str]:
    """The environment by which AWS's own tools and SDKs call the cloud in ``state`` as its administrator."""
    known = _running(state)
    key = Owner.of(known).access_key
    return {
        "AWS_ENDPOINT_URL": str(known["endpoint"]), "AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SESSION_TOKEN": "", "AWS_REGION": region,
    }  # fmt: skip


def credentials_file(state: Path) -> Path:
    """The administrator's access key in the form of AWS's shared credentials: a file of mode 0600 that goes with the cloud.

    Raises HermesError ``local-not-running`` and ``local-state-damaged``.
    """
    key = Owner.of(_running(state)).access_key
    path = (_directory(state) / "credentials").resolve()
    write_private(path, f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n")
    return path


def identity_token(state: Path, issuer: str, **claims: Any) -> str:
    """A token of the identity provider ``issuer`` with ``claims``, as its owner alone can have one: for AssumeRoleWithWebIdentity."""
    return str(ask(state, "identity-token", {"issuer": issuer, "claims": claims})["token"])


def push_image(
    state: Path,
    repository: str,
    tag: str,
    directory: Path | None = None,
    env: Mapping[str, str] | None = None,
    architecture: str = "arm64",
    region: str = "",
) -> dict[str, str]:
    """Builds an image and pushes it to ECR's ``repository``: its ``digest``, ``uri``, ``reference``.

    ``directory`` holds a program named ``run`` (or an ``image.json`` with Docker's keys); without
    one the stand-in application is taken, which answers ``env["RELEASE"]``, or else the tag.
    """
    body: dict[str, Any] = {"repository": repository, "tag": tag, "env": dict(env or {}), "architecture": architecture}
    if directory is not None:
        body["directory"] = str(directory.resolve())
    if region:
        body["region"] = region
    return {key: str(value) for key, value in ask(state, "images", body).items()}


def database(state: Path, **behaviour: Any) -> str:
    """The URL, with password, of the external database, which is started if it does not run.

    ``behaviour``: ``rtt_ms`` its distance in milliseconds, ``allow`` the public addresses that
    may connect (None: all), ``gone``, ``full``, ``extra_ms`` (faults).
    """
    return str(ask(state, "database", behaviour)["url"])


def fault(state: Path, kind: str, instance: str = "", release: str = "", lasts_s: float | None = None) -> None:
    """Makes a fault happen, to ``instance`` where it concerns one; ``clear`` ends all that last, and what passes by itself
    does so after ``lasts_s`` seconds of service time.

    With ``release`` only containers of the image of that tag are concerned.

    Raises HermesError ``local-refused`` for a kind that does not exist.
    """
    ask(state, "faults", {"kind": kind, "instance": instance, "release": release, "lasts_s": lasts_s})


def ask(state: Path, what: str, body: Mapping[str, Any] | None = None, timeout_s: float = 60.0) -> dict[str, Any]:
    """One request to the control side of the cloud in ``state``, with a JSON ``body``.

    Raises HermesError ``local-refused`` with the cloud's own words, ``local-silent`` and ``local-not-running``.
    """
    return _ask(_running(state), what, body, timeout_s)


def _ask(
    known: Mapping[str, Any], what: str, body: Mapping[str, Any] | None = None, timeout_s: float = 60.0
) -> dict[str, Any]:
    endpoint = str(known["endpoint"])
    request = urllib.request.Request(  # noqa: S310 - the address that the cloud's own file of mode 0600 names
        f"{endpoint}/_hermes/{what}",
        data=json.dumps(body or {}).encode(),
        headers={"Authorization": f"Bearer {known['token']}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            result: dict[str, Any] = json.load(answer)
            return result
    except urllib.error.HTTPError as problem:
        message = problem.read().decode("utf-8", "replace")
        raise HermesError(Finding("local-refused", f"{endpoint}/_hermes/{what}", message)) from None
    except (OSError, ValueError) as problem:
        if isinstance(getattr(problem, "reason", problem), TimeoutError):
            raise HermesError(
                Finding(
                    "local-busy",
                    endpoint,
                    f"the embedded cloud runs (process {known['pid']}), and has not answered for {timeout_s:g} s",
                    "it may have much to do, or hang; nothing of it was stopped or removed",
                    next=f"run this again; if it goes on, start afresh: {_RESET}",
                )
            ) from None
        raise HermesError(
            Finding("local-silent", endpoint, f"the embedded cloud does not answer: {problem}", next=_RESET)
        ) from None


def _running(state: Path) -> dict[str, Any]:
    known = _read(state)
    if known is None:
        raise HermesError(Finding("local-not-running", str(_directory(state)), "no embedded cloud runs here"))
    return known


def _launch(module: str, state: Path, directory: Path, options: Options) -> Status:
    command = [sys.executable, "-m", module]
    command += ["--directory", str(directory.resolve()), "--options", options.to_json()]
    pipe: tuple[int, int] | None = os.pipe() if options.follow_parent else None
    if pipe:
        command += ["--parent-pipe", str(pipe[0])]
        _held.append(pipe[1])
    log = directory.parent / "cloud.log"
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE), "wb") as output:
        log.chmod(PRIVATE_FILE)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(pipe[0],) if pipe else (),
        )
    if pipe:
        os.close(pipe[0])
    ready = directory / "cloud.json"
    _wait(lambda: ready.exists() or process.poll() is not None, START_TIMEOUT_S)
    if not ready.exists():
        process.kill()
        process.wait()
        _clear(state, keep_log=True)
        raise _did_not_start(log, options)
    return status(state)


_held: list[int] = []


def _did_not_start(log: Path, options: Options) -> HermesError:
    tail = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    if tail and "Address already in use" in tail[0]:
        what = f"port {options.port} on 127.0.0.1 is taken"
        return HermesError(Finding("local-port-taken", str(log), what, next="choose another port, or none"))
    return HermesError(
        Finding("local-did-not-start", str(log), "the embedded cloud did not start", evidence=" ".join(tail))
    )


def _directory(state: Path) -> Path:
    return state / "cloud"


def _read(state: Path) -> dict[str, Any] | None:
    directory = _directory(state)
    if not directory.exists() and not directory.is_symlink():
        return None
    _private(directory, check_private)
    file = directory / "cloud.json"
    if file.exists() or file.is_symlink():
        _private(file, check_private)
    try:
        known = json.loads(file.read_text())
        if not {"pid", "endpoint"} <= set(known):
            raise ValueError("pid or endpoint is missing")
        Owner.of(known)
    except KeyError as missing:
        raise _damaged(directory, f"{missing} is missing") from None
    except (OSError, ValueError, TypeError) as problem:
        raise _damaged(directory, str(problem)) from None
    return dict(known)


def _damaged(directory: Path, why: str) -> HermesError:
    return HermesError(
        Finding(
            "local-state-damaged",
            str(directory),
            "the directory of the embedded cloud is half written or stale",
            evidence=why,
            next=f"start afresh with --reset, or run: {_RESET}",
        )
    )


def _private(path: Path, done: Callable[[Path], None]) -> None:
    """Raises HermesError ``local-state-not-ours`` for what another user of this machine could have put there."""
    try:
        done(path)
    except PermissionError as problem:
        raise HermesError(
            Finding(
                "local-state-not-ours",
                str(path),
                f"the state of the embedded cloud is not private: {problem}",
                "whoever can write there could make hermes-cfn send its keys to a program of their own",
                next=f"start afresh with --reset ({_RESET}), or set HERMES_STATE to a directory of your own",
            )
        ) from None


def _clear(state: Path, keep_log: bool = False) -> None:
    shutil.rmtree(_directory(state), ignore_errors=True)
    if not keep_log:
        (state / "cloud.log").unlink(missing_ok=True)


def _status(answer: Mapping[str, Any]) -> Status:
    return Status(running=True, **answer)


def _exists(pid: int) -> bool:
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answer(known: Mapping[str, Any]) -> dict[str, Any] | None:
    """The status that the cloud answers; None where its process is gone, or the endpoint is not its own any more: does not take
    our token, or answers with another pid.  Raises HermesError ``local-busy``.
    """
    pid = int(known["pid"])
    if not _exists(pid):
        return None
    try:
        answer = _ask(known, "status", timeout_s=ANSWER_TIMEOUT_S)
    except HermesError as problem:
        if problem.findings[0].code == "local-busy":
            raise
        return None
    return answer if int(answer["pid"]) == pid else None


def _runs(known: Mapping[str, Any]) -> bool:
    """Whether there is a process to stop; one that is too busy to answer is one."""
    try:
        return _answer(known) is not None
    except HermesError:
        return True


def _wait(done: Any, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if done():
            return True
        time.sleep(0.03)
    return bool(done())
