"""One way to call AWS: errors become findings, and every answer tells the service's time."""

from __future__ import annotations

import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import botocore.exceptions

from hermes_cfn import permissions
from hermes_cfn.aws import wire_log, writes, young
from hermes_cfn.errors import ExitCode, Finding, HermesError, hermes

T = TypeVar("T")

THROTTLES = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"})
UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"})


CLOCK = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"})
"""How services refuse a request that was signed at another time than theirs; each says so too for another reason."""

CLOCK_S = 300.0
"""Seconds that a caller's clock may be off (IAM user guide, "AWS Signature Version 4": requests are good for five minutes)."""

SIGNED_BY = "x-hermes-signatures-date"
"""The header in which an embedded cloud says the time by which it judges signatures."""

LATE_S = 30.0
"""Seconds for which an answer that is older than what is known is asked for again."""


class AwsError(HermesError):
    """AWS refused a call.  ``code`` and ``message`` are its own; ``retried``: it was sent more than once."""

    def __init__(self, finding: Finding, code: str, message: str, retried: bool = False) -> None:
        super().__init__(finding)
        self.code = code
        self.message = message
        self.retried = retried


@dataclass
class ServiceTime:
    """The time that services tell in the ``Date`` headers of their answers, going on between them."""

    last: datetime | None = None
    heard_at: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    made_at: float | None = None
    waits: dict[str, Finding] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def waited(self) -> list[Finding]:
        """What was waited for and is not told yet; each is told once."""
        with self.lock:
            fresh = [finding for name, finding in self.waits.items() if name not in self.told]
            self.told |= self.waits.keys()
        return fresh

    def heard(self, date: str) -> None:
        told = parsedate_to_datetime(date)
        with self.lock:
            if self.last is None or told > self.now():
                self.last, self.heard_at = told, time.monotonic()

    def now(self) -> datetime:
        """Service time in whole seconds, as a header tells it; the machine's own before the first answer.

        It goes on while nobody asks: who waits for a time to pass before asking again must see it pass.
        """
        if self.last is None:
            return datetime.now(UTC)
        return (self.last + timedelta(seconds=time.monotonic() - self.heard_at)).replace(microsecond=0)


class Memo:
    """Answers of one look: what several parts of it ask in the same words is asked once, even side by side.

    A change ends it, and who asks again because an answer is old (:func:`until`) gets a new one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, Future[Any]] = {}

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()

    def answer(self, key: str, ask: Callable[[], T]) -> T:
        with self._lock:
            known = None if _AGAIN.get() else self._answers.get(key)
            mine: Future[T] = Future()
            if known is None:
                self._answers[key] = mine
        if known is not None:
            return known.result()  # type: ignore[no-any-return]
        try:
            mine.set_result(ask())
        except BaseException as error:
            mine.set_exception(error)
            raise
        return mine.result()


POLLED = (
    "get_command_invocation",
    "list_command_invocations",
    "describe_stack_drift",
    "describe_change_set",
    "get_item",
)
"""Reads that are asked until something has changed: never from memory."""

_AGAIN: ContextVar[bool] = ContextVar("again", default=False)


class Calls:
    """The operations of one client by their boto3 names, as functions of keyword arguments."""

    def __init__(
        self,
        client: Any,
        service: str,
        time: ServiceTime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._service = service
        self._time = time
        self._sleep = sleep
        self.memo: Memo | None = None
        client.meta.events.register("after-call.*", self._after)
        client.meta.events.register("before-parse.*", self._readable)
        wire_log.attach(client, service)

    def _after(self, http_response: Any, model: Any, **_: Any) -> None:
        with self._time.lock:
            self._time.calls[f"{self._service}.{model.name}"] += 1
        date = http_response.headers.get("Date")
        if date:
            self._time.heard(date)

    def _readable(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        """A page of HTML is no answer of AWS: behind a failure it is left out, else it is an error ``answer-broken``."""
        if self._service == "s3" or not _is_page(response_dict):
            return
        if response_dict["status_code"] >= 500:
            response_dict["body"] = b""
            return
        where, what = f"{self._service}:{operation_model.name}", "the answer is a page of HTML and not AWS's"
        finding = Finding(
            "answer-broken",
            where,
            f"{what} (HTTP {response_dict['status_code']})",
            why="a proxy or a sign-in page of the network answers in its place, or the endpoint is another server",
            next="check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then the same command",
        )
        raise AwsError(finding, "answer-broken", what)

    @property
    def region(self) -> str:
        return str(self._client.meta.region_name)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        method = getattr(self._client, name)
        write = writes.row(self._service, name)

        def call(**arguments: Any) -> dict[str, Any]:
            if write is not None and write.token:
                arguments.setdefault(write.token, token())
            if write is None:
                return self._remembered(name, arguments, lambda: self._sent(method, name, arguments))
            if self.memo is not None:
                self.memo.clear()
            try:
                return self._sent(method, name, arguments)
            except AwsError as error:
                if not error.retried or error.code not in write.done:
                    raise
                return {}

        return call

    def _sent(self, method: Callable[..., Any], name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer; what this run has made a moment ago is asked for again while it is not known yet."""
        waited, pause = 0.0, 0.5
        while True:
            try:
                with translated(f"{self._service}:{name}"):
                    return dict(method(**arguments))
            except AwsError as error:
                row = young.row(f"{self._service}.{name}", error.code)
                made = self._time.made_at
                if row is None or made is None or max(waited, time.monotonic() - made) >= row.wait_s:
                    raise
                with self._time.lock:
                    self._time.waits.setdefault(row.what, young.waited_for(row))
            self._sleep(pause)
            waited, pause = waited + pause, min(5.0, pause * 1.6)

    def _remembered(self, name: str, arguments: Mapping[str, Any], ask: Callable[[], T]) -> T:
        """The answer to a read, from the memory of this look where there is one."""
        if self.memo is None or name.startswith(POLLED):
            return ask()
        return self.memo.answer(f"{self._service} {self.region} {name} {sorted(arguments.items())}", ask)

    def until(self, ask: Callable[[], T], fresh: Callable[[T], bool]) -> T:
        """The first answer that is ``fresh``: see :func:`until`."""
        return until(ask, fresh, self._sleep)

    def created(self) -> None:
        """This run has just had something made: what :mod:`hermes_cfn.aws.young` names may be unknown for a while."""
        self._time.made_at = time.monotonic()

    def pages(self, name: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Every item under ``key`` of every page."""
        return self._pages(name, key, False, arguments)

    def whole_pages(self, name: str, key: str, **arguments: Any) -> Iterator[Any]:
        """The same, where every answer has ``key`` even when it is empty.

        botocore reads JSON that is cut off as an answer with nothing in it; that is an error ``answer-broken`` here.
        """
        return self._pages(name, key, True, arguments)

    def _pages(self, name: str, key: str, always: bool, arguments: dict[str, Any]) -> Iterator[Any]:
        yield from (
            self._remembered(
                name, {**arguments, "always": always}, lambda: list(self._all_pages(name, key, always, arguments))
            )
            if self.memo is not None
            else self._all_pages(name, key, always, arguments)
        )

    def _all_pages(self, name: str, key: str, always: bool, arguments: dict[str, Any]) -> Iterator[Any]:
        where = f"{self._service}:{name}"
        with translated(where):
            for page in self._client.get_paginator(name).paginate(**arguments):
                if always and key not in page:
                    finding = Finding("answer-broken", where, f"an answer has no {key}", next="the same command again")
                    raise AwsError(finding, "answer-broken", finding.what)
                yield from page.get(key, ())


def until(ask: Callable[[], T], fresh: Callable[[T], bool], sleep: Callable[[float], None]) -> T:
    """The first answer that is ``fresh``: not older than what is known.

    Asks again for :data:`LATE_S` seconds, then takes the answer as it is: the caller knows what it means.
    """
    waited, pause, before = 0.0, 0.1, _AGAIN.get()
    try:
        while True:
            answer = ask()
            if waited >= LATE_S or fresh(answer):
                return answer
            sleep(pause)
            waited, pause = waited + pause, min(1.0, pause * 1.6)
            _AGAIN.set(True)
    finally:
        _AGAIN.set(before)


def token() -> str:
    """A client token: letters, digits and hyphens, never twice the same."""
    return f"hermes-{uuid.uuid4().hex}"


class translated:
    """A context in which botocore's exceptions become findings with a next command."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, botocore.exceptions.ClientError):
            raise _refused(self.where, error) from error
        if isinstance(error, botocore.exceptions.BotoCoreError):
            raise _unreached(self.where, error) from error


def _refused(where: str, error: Any) -> AwsError:
    code = str(error.response["Error"].get("Code", ""))
    message = str(error.response["Error"].get("Message", ""))
    finding = Finding("aws-refused", where, f"{code}: {message}")
    off = _clock_off(error.response) if code in CLOCK else 0.0
    if abs(off) > CLOCK_S:
        finding = Finding(
            "clock-off",
            socket.gethostname(),
            f"the clock of this machine is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS's",
            why="AWS refuses what was signed more than five minutes away from its own time",
            evidence=f"{code}: {message}",
            next="timedatectl set-ntp true, then the same command",
        )
    elif code in EXPIRED:
        finding = Finding("credentials-expired", where, message, next="renew the credentials, then the same command")
    elif code in UNKNOWN_KEY:
        finding = Finding("credentials-invalid", where, message, next="aws sts get-caller-identity")
    elif code in DENIED:
        finding = _denied(where, message)
    elif code in THROTTLES:
        finding = Finding("throttled", where, message, why="after every retry", next="the same command in a minute")
    retried = int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) > 0
    return AwsError(finding, code, message, retried)


def _clock_off(response: Mapping[str, Any]) -> float:
    """Seconds by which this machine's clock is ahead of the service's, by the answer's own Date; 0 where it has none.

    An embedded cloud hurries its Date, and says the time by which it judges signatures as well.
    """
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    date = str(headers.get(SIGNED_BY) or headers.get("date", ""))
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return 0.0


def _denied(where: str, message: str) -> Finding:
    """Names the permission and who lacks it as AWS says them, and the roles of ours that have it."""
    action = re.search(r"perform: ([\w-]+:\w+)", message)
    who = re.search(r"User: \S+?:(?:assumed-role|user|role)/([^/\s]+)", message)
    after = hermes("whoami") + " shows what this role may do"
    if action is None:
        return Finding("permission-denied", where, message, next=after)
    holders = [role for role in permissions.holders(action[1]) if not (who and who[1].endswith(f"-{role}"))]
    return Finding(
        "permission-denied",
        where,
        f"{who[1] if who else 'this identity'} lacks the permission {action[1]}",
        why=message,
        next=f"the same as {' or '.join(holders)}; " + after if holders else after,
    )


def _unreached(where: str, error: Any) -> AwsError:
    kind = type(error).__name__
    code, after = "aws-unreachable", "check the network, then the same command"
    if kind in {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}:
        code, after = "credentials-missing", "aws configure sso, or --profile NAME, or --local for the embedded cloud"
    elif kind in {"NoRegionError", "ParamValidationError"}:
        code, after = "aws-refused", ""
    made = AwsError(Finding(code, where, str(error), next=after), kind, str(error))
    made.exit_code = ExitCode.FAILED
    return made


def _is_page(response: Mapping[str, Any]) -> bool:
    """Whether an answer is a page for people: by its header and by how it begins, for emulators say ``text/html`` of JSON."""
    body = response.get("body")
    begins = bytes(body[:256]).lstrip().lower() if isinstance(body, bytes | bytearray) else b""
    header = str(response["headers"].get("Content-Type", ""))
    return header.startswith("text/html") and begins.startswith(
        (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")
    )
