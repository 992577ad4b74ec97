"""Connections on both sides: requests stream from a client to a target, answers stream back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container
from typing import TYPE_CHECKING, cast

from hermes_cfn.local.fleet.proxy.http import HOP_BY_HOP, Body, Head, Malformed, answer, objection, read_head
from hermes_cfn.local.fleet.proxy.records import Record, trace_id
from hermes_cfn.local.fleet.proxy.routing import action_for, redirect_of, target_group_of
from hermes_cfn.local.fleet.proxy.stickiness import bound, cookies
from hermes_cfn.local.fleet.proxy.targets import Target, TargetGroup

if TYPE_CHECKING:
    from hermes_cfn.local.fleet.proxy.balancer import Listener

CONNECT_TIMEOUT_S = 10.0


class Upstream(asyncio.Protocol):
    """A connection to a target, kept alive between requests."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.client: Client | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.buffer = bytearray()
        self.body: Body | None = None
        self.keep = True
        self.tunnel = False
        self.expires = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.target.open.add(self)

    def connection_lost(self, _problem: Exception | None) -> None:
        self.target.open.discard(self)
        if self in self.target.idle:
            self.target.idle.remove(self)
        client, self.client = self.client, None
        if client is not None:
            client.upstream_lost(self)

    def data_received(self, data: bytes) -> None:
        client = self.client
        if client is None:
            self.close()
            return
        client.touched = time.monotonic()
        if self.tunnel:
            client.send(data)
            return
        if self.body is not None:
            self._pass_body(data, client)
            return
        self.buffer += data
        try:
            self._read_head(client)
        except (Malformed, ValueError):
            client.fail(502)

    def _read_head(self, client: Client) -> None:
        while self.client is client:
            head = read_head(self.buffer)
            if head is None:
                return
            status = int(head.words[1])
            if 100 <= status < 200 and status != 101:
                client.send(_first_line(head) + _lines(head) + b"\r\n")
                continue
            rest = bytes(self.buffer)
            self.buffer.clear()
            self.body = Body.of(head, client.method)
            self.keep = head.words[0] != b"HTTP/1.0" and b"close" not in head.get(b"connection").lower()
            client.answered(head, self.body, self)
            if self.tunnel:
                if rest:
                    client.send(rest)
                return
            if self.body.done:
                self._finished(client, bool(rest))
            elif rest:
                self._pass_body(rest, client)
            return

    def _pass_body(self, data: bytes, client: Client) -> None:
        assert self.body is not None
        try:
            taken = self.body.feed(data)
        except Malformed:
            client.transport.close()
            self.close()
            return
        client.send(data if taken == len(data) else data[:taken])
        if self.body.done:
            self._finished(client, taken < len(data))

    def _finished(self, client: Client, surplus: bool) -> None:
        self.client = None
        self.body = None
        reusable = self.keep and not surplus and client.request_sent and self.target.state != "draining"
        if reusable and not self.transport.is_closing():
            self.expires = client.touched + client.listener.idle_s
            self.target.idle.append(self)
        else:
            self.close()
        client.finished()

    def eof_received(self) -> bool:
        if self.client is not None and self.body is not None and self.body.kind == "close":
            client, self.client = self.client, None
            client.finished(close=True)
        return False

    def pause_writing(self) -> None:
        if self.client is not None:
            self.client.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.client is not None:
            self.client.transport.resume_reading()

    def close(self) -> None:
        """Closes the connection; nobody takes it from the idle ones any more."""
        if self in self.target.idle:
            self.target.idle.remove(self)
        if self.transport is not None:
            self.transport.close()


class Client(asyncio.Protocol):
    """A connection of a client."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.buffer = bytearray()
        self.upstream: Upstream | None = None
        self.target: Target | None = None
        self.group: TargetGroup | None = None
        self.method = b""
        self.body: Body | None = None
        self.pending = bytearray()
        self.busy = False
        self.answering = False
        self.request_sent = False
        self.close_after = False
        self.tunnel = False
        self.record: Record | None = None
        self.touched = self.opened = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.listener.clients.add(self)

    def connection_lost(self, _problem: Exception | None) -> None:
        self.listener.clients.discard(self)
        if self.busy and not self.tunnel:
            self.listener.count(self.group, 460, None)
        self._note(101 if self.tunnel else 460)
        self._release()
        if self.upstream is not None:
            self.upstream.client = None
            self.upstream.close()
            self.upstream = None

    def data_received(self, data: bytes) -> None:
        self.touched = time.monotonic()
        if self.tunnel and self.upstream is not None:
            self._received(len(data))
            self.upstream.transport.write(data)
            return
        if self.busy and self.body is not None and not self.body.done:
            data = self._pass_body(data)
        if data:
            self.buffer += data
        if not self.busy:
            self._next_request()

    def _pass_body(self, data: bytes) -> bytes:
        assert self.body is not None
        try:
            taken = self.body.feed(data)
        except Malformed:
            self.fail(400)
            return b""
        self.request_sent = self.body.done
        self._received(taken)
        part = data if taken == len(data) else data[:taken]
        if self.upstream is not None:
            self.upstream.transport.write(part)
        else:
            self.pending += part
        return data[taken:]

    def _next_request(self) -> None:
        waiting = len(self.buffer)
        try:
            head = read_head(self.buffer)
            body = Body.of(head) if head is not None else None
        except Malformed:
            self.record, self.target, self.group = Record(time.monotonic()), None, None
            self.fail(400)
            return
        if head is None:
            return
        self.method = head.words[0]
        self.record = Record(time.monotonic(), head, received=waiting - len(self.buffer))
        self.busy, self.answering, self.target, self.group = True, False, None, None
        self.close_after = head.words[2] == b"HTTP/1.0" or b"close" in head.get(b"connection").lower()
        self.body = body
        self.request_sent = body is not None and body.done
        status = objection(head)
        if status:
            self.fail(status)
        else:
            self._route(head, self.record)

    def _route(self, head: Head, record: Record) -> None:
        action = action_for(self.listener.rules, head, self._peer()[0])
        record.rule, record.action = action.get("priority", "-"), action["type"]
        if action["type"] == "redirect":
            record.redirect = redirect_of(action, head, self.listener.protocol, self.listener.port)
            self._answer(int(action["status"]), b"", (("Location", record.redirect),))
        elif action["type"] == "fixed-response":
            kind = (("Content-Type", action.get("content_type") or "text/plain"),)
            self._answer(int(action["status"]), str(action.get("body") or "").encode(), kind)
        else:
            self.group = self.listener.balancer.groups.get(target_group_of(action))
            target = self._target_for(head)
            if target is None:
                self.fail(503)
            else:
                self._forward(head, target, record)

    def _target_for(self, head: Head) -> Target | None:
        if self.group is None:
            return None
        return (bound(self.group, head) if self.group.sticky_s else None) or self.group.choose()

    def _forward(self, head: Head, target: Target, record: Record) -> None:
        self.target = target
        target.outstanding += 1
        record.target, record.group = f"{target.address}:{target.port}", self.group.arn if self.group else ""
        if self.body is not None and not self.body.done and self.buffer:
            rest = self._pass_body(bytes(self.buffer))
            self.buffer[:] = rest
        self.pending[:0] = self._request(head, record)
        if target.idle:
            self._connected(target.idle.pop())
        else:
            asyncio.get_running_loop().create_task(self._connect(target))

    async def _connect(self, target: Target) -> None:
        loop = asyncio.get_running_loop()
        try:
            connecting = loop.create_connection(
                lambda: Upstream(target), target.address, target.port, ssl=self.group.tls if self.group else None
            )
            _, upstream = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
        except TimeoutError:
            self.fail(504)
            return
        except OSError:
            self.fail(502)
            return
        if self.target is target and self.busy and not self.transport.is_closing():
            self._connected(upstream)
        else:
            upstream.close()

    def _connected(self, upstream: Upstream) -> None:
        self.upstream = upstream
        upstream.client = self
        upstream.body = None
        if self.record is not None:
            self.record.forwarded = time.monotonic()
        upstream.transport.write(bytes(self.pending))
        self.pending.clear()

    def _request(self, head: Head, record: Record) -> bytes:
        record.trace = trace_id()
        lines = self.listener.forwarding.lines(head, self._peer(), self._tls(), record.trace)
        return _first_line(head) + b"".join(lines) + b"\r\n"

    def _peer(self) -> tuple[str, int]:
        peer = self.transport.get_extra_info("peername") or ("127.0.0.1", 0)
        return str(peer[0]), int(peer[1])

    def _tls(self) -> tuple[str, str]:
        cipher = self.transport.get_extra_info("cipher")
        return (cipher[0], cipher[1]) if cipher else ("-", "-")

    def answered(self, head: Head, body: Body, upstream: Upstream) -> None:
        """The head of the target's answer is here."""
        self.answering = True
        status = int(head.words[1])
        now = time.monotonic()
        if self.record is not None:
            self.record.answered, self.record.target_status = now, status
            self.listener.count(self.group, status, now - self.record.began)
        if status == 101:
            self.tunnel = upstream.tunnel = True
            connection = b"Connection: Upgrade\r\n"
        else:
            lasts = now - self.opened <= self.listener.keep_alive_s
            self.close_after = self.close_after or body.kind == "close" or not lasts
            connection = b"Connection: close\r\n" if self.close_after else b"Connection: keep-alive\r\n"
        if self.group is not None and self.group.sticky_s:
            connection += cookies(upstream.target, self.group.sticky_s)
        own = {name.lower().encode(): f"{name}: {value}\r\n".encode() for name, value in self.listener.headers}
        self.send(_first_line(head) + _lines(head, own) + b"".join(own.values()) + connection + b"\r\n")

    def send(self, data: bytes) -> None:
        """Passes a part of an answer on to the client."""
        if self.record is not None:
            self.record.sent += len(data)
        self.transport.write(data)

    def _received(self, count: int) -> None:
        if self.record is not None:
            self.record.received += count

    def _note(self, status: int) -> None:
        """The request is over: a line of the access log, where one is kept."""
        record, self.record = self.record, None
        if record is None or not self.listener.logs:
            return
        peer = self._peer()
        self.listener.log(record.row(status, f"{peer[0]}:{peer[1]}", self._tls()))

    def finished(self, close: bool = False) -> None:
        """The answer is complete; the next request may come."""
        if self.record is not None:
            self._note(self.record.target_status)
        self.upstream = None
        self._release()
        self.busy = False
        if close or self.close_after or not self.request_sent:
            self.transport.close()
        elif self.buffer:
            self._next_request()

    def fail(self, status: int) -> None:
        """An answer of the load balancer's own, for the reasons that its user guide gives."""
        self.listener.count(self.group, status, None, own=True)
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.client = None
            upstream.close()
        if self.answering:
            self._note(status)
            self._release()
            self.busy = False
            self.transport.close()
            return
        self._answer(status)

    def _answer(self, status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> None:
        unread = self.body is not None and not self.body.done
        close = self.close_after or status == 400 or unread
        self._release()
        self.pending.clear()
        self.busy = False
        if self.transport.is_closing():
            return
        content = answer(status, body, (*headers, *self.listener.headers), close)
        self.send(content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if self.method == b"HEAD" else content)
        self._note(status)
        if close:
            self.transport.close()
        elif self.buffer:
            self._next_request()

    def upstream_lost(self, _upstream: Upstream) -> None:
        """The target closed the connection before its answer was complete."""
        if self.tunnel:
            self.transport.close()
        else:
            self.fail(502)

    def expire(self, idle_s: float, now: float) -> None:
        """Closes the connection, or answers 504, after ``idle_s`` real seconds without a byte."""
        if now - self.touched <= idle_s:
            return
        if self.busy and not self.tunnel and not self.answering:
            self.fail(504 if self.request_sent else 408)
        else:
            self.transport.close()

    def _release(self) -> None:
        target, self.target = self.target, None
        if target is not None:
            target.outstanding -= 1

    def pause_writing(self) -> None:
        if self.upstream is not None:
            self.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.upstream is not None:
            self.upstream.transport.resume_reading()


def _first_line(head: Head) -> bytes:
    return b" ".join(word for word in head.words if word) + b"\r\n"


def _lines(head: Head, replaced: Container[bytes] = ()) -> bytes:
    """Header lines but those of the connection, and those that somebody else says."""
    return b"".join(
        name + b": " + value + b"\r\n"
        for key, name, value in head.lines
        if key not in HOP_BY_HOP and key not in replaced
    )
