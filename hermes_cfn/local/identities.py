"""Tokens of identity providers (OpenID Connect), which the embedded cloud makes and knows again by a key of its own.

AWS fetches a provider's public keys from its issuer; here nothing is fetched from anywhere, so that the cloud stands for every
issuer, and whoever owns it asks for the tokens.  Form: RFC 7519, signed as HS256 (RFC 7518, 3.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

LASTS_S = 300
"""As long as those of GitHub Actions are good for."""
_HEAD = {"alg": "HS256", "typ": "JWT"}


class NotAToken(Exception):
    """A token that is not taken; ``code`` is the error of STS (API reference, AssumeRoleWithWebIdentity)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Identities:
    """``now`` is the time by which tokens end."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)

    def token(self, issuer: str, claims: Mapping[str, Any]) -> str:
        """A token of ``issuer`` (a host, with or without ``https://``) with ``claims``."""
        at = int(self._now().timestamp())
        told = {
            "iss": f"https://{issuer.removeprefix('https://')}", "iat": at, "exp": at + LASTS_S, **claims,
        }  # fmt: skip
        signed = f"{_packed(_HEAD)}.{_packed(told)}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str) -> tuple[str, dict[str, Any]]:
        """The issuer's host, and the claims.  Raises NotAToken."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            words = "The token was not made by this embedded cloud: ask its control side for one (identity-token)"
            raise NotAToken("InvalidIdentityToken", words)
        text = signed.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if int(claims["exp"]) <= self._now().timestamp():
            raise NotAToken("ExpiredTokenException", "Token must be issued within a short time, and has expired")
        return str(claims["iss"]).removeprefix("https://"), claims

    def _signature(self, text: str) -> str:
        return _bare(hmac.new(self._key, text.encode(), hashlib.sha256).digest())


def _packed(value: Mapping[str, Any]) -> str:
    return _bare(json.dumps(value, separators=(",", ":")).encode())


def _bare(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
