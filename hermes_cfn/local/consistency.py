"""Eventual consistency: reads that are late, things that are not known yet, buckets that run dry, calls that break.

:class:`Consistency` stands between the wire and the services.  It keeps what reads answered, and before every
write it asks once more what was asked lately of the same service, so that "as of two seconds ago" is known
without asking all the time: the state between two samples is the later one's, never an older one.

Three modes: ``strong`` does nothing; ``default`` draws from the tables of :mod:`.lags`; ``worst`` needs no
chance: after each write the state before it is told once, and after each answer that is new the one before.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hermes_cfn.local import wire
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.faults import throttled
from hermes_cfn.local.lags import (
    BEFORE_CREATION,
    BROKEN,
    SHUFFLED,
    SPLIT,
    SPLIT_SHARE,
    UNKNOWNS,
    Lag,
    bucket_of,
    lag_of,
)
from hermes_cfn.local.wire import READS, Call, HttpRequest, HttpResponse, ServiceError

MODES = ("strong", "default", "worst")
ASKED_S = 30.0
"""Seconds of real time for which what was asked is asked again before a write."""

MOST_ASKED = 12
"""Reads that are asked again before a write, the newest first."""

BACK_S = 10.0
"""Seconds of real time after which the answer before a new one is not told again."""

BEFORE_WRITE_S = 2.0
"""Seconds of real time after a write in which the answer from before it is told once."""

_TOKEN = "late-"  # noqa: S105 - a name, no password
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z|[\"']?(?:startTime|endTime)[\"']?: ?\d+")
_IDS = re.compile(rb"<(?:RequestId|requestId)>[^<]*</")

Ask = Callable[[Call, str, HttpRequest], HttpResponse]


@dataclass
class _Asked:
    """One read: what it asks, when it was last asked (real seconds), and (service seconds, answer) of the past."""

    call: Call
    action: str
    request: HttpRequest
    at: float = 0.0
    samples: deque[tuple[float, HttpResponse]] = field(default_factory=lambda: deque(maxlen=60))
    given: HttpResponse | None = None
    given_at: float = 0.0
    back: HttpResponse | None = None
    back_until: float = 0.0


class Consistency:
    """``answer`` is what callers outside of the cloud get; ``ask`` carries a call out."""

    def __init__(self, mode: str, seed: int, clock: ServiceClock, ask: Ask, real_now: Callable[[], float]) -> None:
        self.mode = mode
        self.counts: Counter[str] = Counter()
        self.rules: list[Lag] = []
        self.latency_s = 0.0
        self._random = random.Random(seed)  # noqa: S311 - chance, not a secret
        self._clock = clock
        self._ask = ask
        self._real_now = real_now
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str, str, bytes], _Asked] = {}
        self._levels: dict[str, tuple[float, float]] = {}
        self._young: dict[str, float] = {}
        self._born = clock.now()

    def _now(self) -> float:
        return (self._clock.now() - self._born).total_seconds()

    def internal(self, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        """A call of the cloud itself: carried out, and what it makes or changes is known late outside."""
        if self.mode == "strong":
            return self._ask(call, action, request)
        if not action.startswith(READS):
            self._before(call, action)
        answer = self._ask(call, action, request)
        self._made(call, action, request, answer)
        return answer

    def answer(self, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        """The answer that the caller gets; one with ``lost`` is never sent."""
        if self.latency_s:
            time.sleep(self.latency_s)
        if self.mode == "strong" or not action:
            return self._ask(call, action, request)
        broken, after = self._breaks()
        if broken and not after:
            self.counts["broken before"] += 1
            return self._broken(call, action, request, None)
        refused = self._throttled(call, action) or self._unknown(call, action, request)
        if refused is not None:
            return wire.refuse(call.service, action, refused, request)
        answer = self._read(call, action, request) if action.startswith(READS) else self._write(call, action, request)
        if broken:
            self.counts["broken after"] += 1
            return self._broken(call, action, request, answer)
        return answer

    def _draw(self, share: float) -> bool:
        with self._lock:
            return self._random.random() < share

    def _breaks(self) -> tuple[bool, bool]:
        return self._draw(BROKEN[self.mode]), self._draw(0.5)

    def _broken(self, call: Call, action: str, request: HttpRequest, answer: HttpResponse | None) -> HttpResponse:
        """No answer at all, or one that says that the service failed."""
        if self._draw(0.5):
            lost = answer or HttpResponse(500, {}, b"")
            return replace(lost, lost=True)
        error = ServiceError(
            "InternalError" if call.service in ("ec2", "s3") else "InternalFailure", "An internal error occurred", 500
        )
        return wire.refuse(call.service, action, error, request)

    def _throttled(self, call: Call, action: str) -> ServiceError | None:
        row = bucket_of(f"{call.service}.{action}")
        if row is None:
            return None
        key = f"{call.region} {call.service}.{action}" if row.each else f"{call.region} {row.calls}"
        with self._lock:
            now = self._now()
            level, at = self._levels.get(key, (row.size, now))
            level = min(row.size, level + (now - at) * row.refill)
            self._levels[key] = (level - 1 if level >= 1 else level, now)
        if level >= 1:
            return None
        self.counts["throttled"] += 1
        return throttled(call.service)

    def _unknown(self, call: Call, action: str, request: HttpRequest) -> ServiceError | None:
        """The refusal for what is so young that the service does not know it."""
        if call.service == "ec2" and action in ("DescribeInstances", "DescribeInstanceStatus"):
            for name in (value for key, value in _parameters(request).items() if key.startswith("InstanceId")):
                if self._is_young(name):
                    self.counts["unknown"] += 1
                    return ServiceError("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
        role = _parameters(request).get("RoleARN", "") if call.service == "cloudformation" else ""
        if role and self._is_young(role.rpartition("/")[2]):
            self.counts["unknown"] += 1
            return ServiceError("ValidationError", f"Role {role} is invalid or cannot be assumed")
        return None

    def _is_young(self, name: str) -> bool:
        with self._lock:
            return self._young.get(name, 0.0) > self._now()

    def _made(self, call: Call, action: str, request: HttpRequest, answer: HttpResponse) -> None:
        """Remembers how long it takes until what was made is known."""
        if answer.status >= 300:
            return
        names: list[str] = []
        what = {("iam", "CreateRole"): "role", ("ec2", "RunInstances"): "instance"}.get((call.service, action), "")
        if what == "role":
            names = [_parameters(request).get("RoleName", "")]
        elif what:
            names = [found.decode() for found in re.findall(rb"<instanceId>(i-[0-9a-f]+)</", answer.body)]
        for row in (row for row in UNKNOWNS if row.what == what):
            for name in names:
                with self._lock:
                    drawn = min(row.most_s, self._random.expovariate(1 / row.mean_s))
                    self._young[name] = self._now() + (row.most_s if self.mode == "worst" else drawn)

    def _write(self, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        for read in self._beforehand(call, action, request):
            self._sample(read)
        self._before(call, action)
        answer = self._ask(call, action, request)
        self._made(call, action, request, answer)
        return answer

    def _beforehand(self, call: Call, action: str, request: HttpRequest) -> list[_Asked]:
        """The reads of what this call makes."""
        given = _parameters(request)
        found = []
        for read, names in BEFORE_CREATION.get(f"{call.service}.{action}", ()):
            asked = _other(request, read, {name: given.get(name, "") for name in names})
            found.append(self._entry(call, read, asked))
        return found

    def _before(self, call: Call, action: str) -> None:
        """Keeps how things stood before a write: what was asked lately of this service is asked once more."""
        now = self._real_now()
        with self._lock:
            lately = [
                one
                for (service, region, _, _), one in self._asked.items()
                if (service, region) == (call.service, call.region) and now - one.at < ASKED_S
            ]
        for one in sorted(lately, key=lambda one: -one.at)[:MOST_ASKED]:
            self._sample(one)

    def _sample(self, one: _Asked) -> None:
        answer = self._ask(one.call, one.action, one.request)
        with self._lock:
            if answer.status < 500:
                one.samples.append((self._now(), answer))
                if self.mode == "worst":
                    one.back, one.back_until = answer, self._real_now() + BEFORE_WRITE_S

    def _entry(self, call: Call, action: str, request: HttpRequest) -> _Asked:
        key = (call.service, call.region, action, _MOMENT.sub(b"", request.body) or request.target.encode())
        with self._lock:
            found = self._asked.get(key)
            if found is None:
                found = self._asked[key] = _Asked(call, action, request)
                if len(self._asked) > 2000:
                    del self._asked[min(self._asked, key=lambda one: self._asked[one].at)]
            found.call, found.request = call, request
            return found

    def _read(self, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        name = f"{call.service}.{action}"
        row = next((rule for rule in self.rules if rule.calls == name), None) or lag_of(name)
        if row is None:
            return self._ask(call, action, request)
        whole, start = _whole(request)
        one = self._entry(call, action, whole)
        fresh = self._ask(call, action, whole)
        now = self._now()
        with self._lock:
            one.at = self._real_now()
            if fresh.status < 500:
                one.samples.append((now, fresh))
            answer = self._backward(one, fresh) if self.mode == "worst" else self._late(one, row, now, fresh)
        self.counts["fresh" if _core(answer) == _core(fresh) else "stale"] += 1
        return self._listed(action, answer, start)

    def _late(self, one: _Asked, row: Lag, now: float, fresh: HttpResponse) -> HttpResponse:
        """As of a moment ago: the first sample from then on, so that nothing is older than was drawn."""
        if self._random.random() >= row.share:
            return fresh
        then = now - min(row.most_s, self._random.expovariate(1 / row.mean_s))
        return next((answer for at, answer in one.samples if at >= then), fresh)

    def _backward(self, one: _Asked, fresh: HttpResponse) -> HttpResponse:
        """What was before a write, once; and after an answer that is new the one before it, once."""
        now = self._real_now()
        back, one.back = one.back, None
        if back is not None and now < one.back_until:
            return back
        if one.given is not None and now - one.given_at < BACK_S and _core(one.given) != _core(fresh):
            one.back, one.back_until = one.given, now + BACK_S
        one.given, one.given_at = fresh, now
        return fresh

    def _listed(self, action: str, answer: HttpResponse, start: int | None) -> HttpResponse:
        """A list in another order, or a page of it: from ``start``, or the first of a list that ends early."""
        if answer.status != 200:
            return answer
        if start is not None:
            return _relisted(answer, SPLIT[action], lambda items: (items[max(0, start - 1) :], ""))
        if action in SHUFFLED and self._draw(SPLIT_SHARE):
            answer = _relisted(answer, SHUFFLED[action], self._shuffled)
        if action in SPLIT and b"NextToken" not in answer.body and self._draw(SPLIT_SHARE):
            size = self._random.choice((1, 3, 10))
            answer = _relisted(
                answer, SPLIT[action], lambda items: (items[:size], f"{_TOKEN}{size}" if len(items) > size else "")
            )
        return answer

    def _shuffled(self, items: list[Any]) -> tuple[list[Any], str]:
        with self._lock:
            return self._random.sample(items, len(items)), ""


def _core(answer: HttpResponse) -> tuple[int, bytes]:
    """Without what differs in every answer."""
    return answer.status, _IDS.sub(b"", answer.body)


def _parameters(request: HttpRequest) -> dict[str, str]:
    """The parameters of a request that are plain text, whichever protocol it speaks."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if "x-amz-target" in request.headers:
        return {key: value for key, value in json.loads(request.body or b"{}").items() if isinstance(value, str)}
    return {}


def _other(request: HttpRequest, action: str, given: dict[str, str]) -> HttpRequest:
    """The request that the same caller would make for another action."""
    headers = dict(request.headers)
    if "x-amz-target" in headers:
        headers["x-amz-target"] = headers["x-amz-target"].rpartition(".")[0] + f".{action}"
        return replace(request, headers=headers, body=json.dumps(given).encode())
    version = _parameters(request).get("Version", "")
    return replace(request, body=urlencode({"Action": action, "Version": version, **given}).encode())


def _whole(request: HttpRequest) -> tuple[HttpRequest, int | None]:
    """The request for the whole list, and where it goes on when it asks for a page that was made here."""
    token = _parameters(request).get("NextToken", "")
    if not token.startswith(_TOKEN):
        return request, None
    start = int(token.removeprefix(_TOKEN))
    if "x-amz-target" in request.headers:
        body = json.loads(request.body)
        del body["NextToken"]
        return replace(request, body=json.dumps(body).encode()), start
    left = [(k, v) for k, v in parse_qsl(request.body.decode(), keep_blank_values=True) if k != "NextToken"]
    return replace(request, body=urlencode(left).encode()), start


def _relisted(answer: HttpResponse, name: str, change: Callable[[list[Any]], tuple[list[Any], str]]) -> HttpResponse:
    """The answer with its list ``name`` changed; ``change`` answers the items and the token of the next page."""
    headers = {key: value for key, value in answer.headers.items() if key.lower() != "content-length"}
    if answer.body.lstrip().startswith(b"{"):
        said = json.loads(answer.body)
        if name in said:
            said[name], token = change(said[name])
            if token:
                said["NextToken"] = token
        return HttpResponse(answer.status, headers, json.dumps(said).encode())
    root = ET.fromstring(answer.body)  # noqa: S314 - the cloud's own answer; expat expands no external entity
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if space:
        ET.register_namespace("", space[1:-1])
    for parent in list(root.iter()):
        for node in parent.findall(f"{space}{name}"):
            items, token = change(list(node))
            for item in list(node):
                node.remove(item)
            node.extend(items)
            if token:
                ET.SubElement(parent, f"{space}NextToken").text = token
    return HttpResponse(answer.status, headers, ET.tostring(root))
