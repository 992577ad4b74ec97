"""Load balancers, their listeners, and what they count."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

from hermes_cfn.local.fleet.proxy.connections import Client
from hermes_cfn.local.fleet.proxy.headers import Forwarding
from hermes_cfn.local.fleet.proxy.targets import TargetGroup

Tell = Callable[..., None]
SWEEP_S = 0.5


class Listener:
    """A listening port of a load balancer."""

    def __init__(self, arn: str, balancer: Balancer, order: dict[str, Any]) -> None:
        self.arn = arn
        self.balancer = balancer
        self.protocol = str(order["protocol"])
        self.port = int(order["port"])
        self.change(order)
        self.load_balancer = str(order["load_balancer"])
        self.clients: set[Client] = set()
        self._server: asyncio.Server | None = None

    def change(self, order: dict[str, Any]) -> None:
        """Takes over the rules and durations (real seconds) of an order."""
        self.rules: list[dict[str, Any]] = order["rules"]
        self.idle_s = float(order["idle_s"])
        self.keep_alive_s = float(order["keep_alive_s"])
        self.logs = bool(order["logs"])
        self.headers = [(str(name), str(value)) for name, value in order.get("response_headers", ())]
        self.forwarding = Forwarding.of(self.protocol, self.port, order.get("attributes", {}))

    def log(self, row: dict[str, Any]) -> None:
        """A line for the access log of the load balancer."""
        self.balancer.log(self.load_balancer, {"type": self.protocol.lower(), "port": self.port, **row})

    async def open(self, certificate: str, address_port: int) -> str:
        """Listens on 127.0.0.1; ``address:port``."""
        context = None
        if self.protocol == "HTTPS":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Client(self), "127.0.0.1", address_port, ssl=context, backlog=1024
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.transport.close()

    def count(self, group: TargetGroup | None, status: int, seconds: float | None, own: bool = False) -> None:
        """Counts an answer: of a target (``seconds`` is its time), or of the load balancer's own."""
        self.balancer.count(self.load_balancer, group.arn if group else "", status, seconds, own)


class Balancer:
    """Everything the process serves."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.listeners: dict[str, Listener] = {}
        self.groups: dict[str, TargetGroup] = {}
        self._counts: dict[tuple[str, str], dict[str, Any]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def do(self, order: dict[str, Any]) -> None:
        """Carries out one order of the cloud."""
        match order["do"]:
            case "listen":
                await self._listen(order)
            case "close":
                listener = self.listeners.pop(order["listener"], None)
                if listener is not None:
                    listener.close()
            case "group":
                known = self.groups.get(order["group"])
                if known is None:
                    self.groups[order["group"]] = TargetGroup(order["group"], order["settings"], self._report)
                else:
                    known.settings = order["settings"]
            case "forget-group":
                group = self.groups.pop(order["group"], None)
                if group is not None:
                    for target in list(group.targets.values()):
                        group.forget(target)
            case "register":
                self.groups[order["group"]].register(
                    order["target"], order["address"], order["port"], order["health_port"]
                )
            case "deregister":
                if order["group"] in self.groups:
                    self.groups[order["group"]].deregister(order["target"], order["delay_s"])

    async def _listen(self, order: dict[str, Any]) -> None:
        arn = order["listener"]
        known = self.listeners.get(arn)
        if known is not None:
            known.change(order)
            return
        listener = Listener(arn, self, order)
        self.listeners[arn] = listener
        try:
            where = await listener.open(order.get("certificate", ""), 0)
        except (OSError, ssl.SSLError) as problem:
            self.tell("failed", listener=arn, why=str(problem))
            return
        self.tell("listening", listener=arn, address=where)
        asyncio.get_running_loop().create_task(self._sweep(listener))

    async def _sweep(self, listener: Listener) -> None:
        while self.listeners.get(listener.arn) is listener:
            await asyncio.sleep(min(SWEEP_S, listener.idle_s / 4) if listener.clients else SWEEP_S)
            now = time.monotonic()
            for client in list(listener.clients):
                client.expire(listener.idle_s, now)
            for group in self.groups.values():
                group.expire(now)

    def _report(self, group: str, target: Any) -> None:
        self.tell("health", group=group, target=target.key, state=target.state, reason=target.reason)

    def count(self, load_balancer: str, group: str, status: int, seconds: float | None, own: bool) -> None:
        found = self._counts.setdefault((load_balancer, group), {"statuses": {}, "own": {}, "times": []})
        kind = found["own"] if own or status == 460 else found["statuses"]
        kind[str(status)] = kind.get(str(status), 0) + 1
        if seconds is not None and len(found["times"]) < 2000:
            found["times"].append(round(seconds, 6))
        self._soon()

    def log(self, load_balancer: str, row: dict[str, Any]) -> None:
        self._rows.setdefault(load_balancer, []).append(row)
        self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1.0, self._send_counts)

    def _send_counts(self) -> None:
        self._timer = None
        rows, self._rows = self._rows, {}
        for load_balancer, lines in rows.items():
            self.tell("logged", load_balancer=load_balancer, rows=lines)
        counts, self._counts = self._counts, {}
        for (load_balancer, group), found in counts.items():
            self.tell("counted", load_balancer=load_balancer, group=group, **found)
