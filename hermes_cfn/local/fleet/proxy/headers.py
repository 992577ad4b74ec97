"""What the load balancer does to the headers of a request ("HTTP headers", ALB user guide).

X-Forwarded-For, -Proto and -Port, X-Amzn-Trace-Id, the headers about TLS, and those that are
dropped because their names are not valid; each as the load balancer's attributes say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hermes_cfn.local.fleet.proxy.http import HOP_BY_HOP, Head

_REPLACED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port", b"x-amzn-trace-id")
_VALID = re.compile(rb"[-A-Za-z0-9]+")


@dataclass(frozen=True)
class Forwarding:
    """``proto`` and ``port`` of the listener; ``mode`` append, preserve or remove; the other attributes as they are called."""

    proto: str
    port: int
    mode: str = "append"
    client_port: bool = False
    tls_headers: bool = False
    drop_invalid: bool = False

    @classmethod
    def of(cls, proto: str, port: int, given: Mapping[str, str]) -> Forwarding:
        """From the attributes ``routing.http.…`` of a load balancer."""

        def on(name: str) -> bool:
            return given.get(f"routing.http.{name}.enabled") == "true"

        return cls(
            proto.lower(), port, given.get("routing.http.xff_header_processing.mode", "append"), on("xff_client_port"),
            on("x_amzn_tls_version_and_cipher_suite"), on("drop_invalid_header_fields"),
        )  # fmt: skip

    def lines(self, head: Head, client: tuple[str, int], tls: tuple[str, str], trace: str) -> list[bytes]:
        """The header lines that a target gets; ``tls`` is cipher and version, ``trace`` this request's own ID."""
        lines = []
        for key, name, value in head.lines:
            if key in HOP_BY_HOP or key in _REPLACED or (self.drop_invalid and not _VALID.fullmatch(name)):
                continue
            lines.append(name + b": " + value + b"\r\n")
        if head.get(b"upgrade"):
            lines.append(b"Connection: Upgrade\r\n")
        forwarded = self._forwarded(head.get(b"x-forwarded-for"), client)
        if forwarded:
            lines.append(b"X-Forwarded-For: " + forwarded + b"\r\n")
        given = head.get(b"x-amzn-trace-id").decode("latin-1")
        traced = f"{trace.replace('Root', 'Self')};{given}" if "Root=" in given else trace
        own = f"X-Forwarded-Proto: {self.proto}\r\nX-Forwarded-Port: {self.port}\r\nX-Amzn-Trace-Id: {traced}\r\n"
        if self.tls_headers and self.proto == "https":
            own += f"x-amzn-tls-version: {tls[1]}\r\nx-amzn-tls-cipher-suite: {tls[0]}\r\n"
        lines.append(own.encode("latin-1"))
        return lines

    def _forwarded(self, given: bytes, client: tuple[str, int]) -> bytes:
        if self.mode == "remove":
            return b""
        if self.mode == "preserve":
            return given
        own = (f"{client[0]}:{client[1]}" if self.client_port else client[0]).encode()
        return given + b", " + own if given else own
