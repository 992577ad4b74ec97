"""Instance metadata, version 2 only: a token first, then answers.

"Use the Instance Metadata Service to access instance metadata" (Amazon EC2 user guide):
PUT ``/latest/api/token`` needs ``X-aws-ec2-metadata-token-ttl-seconds`` (400 without), a GET
without a valid token is answered 401.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

_LEAVES_AS_JSON = ("iam/info", "iam/security-credentials")


class Metadata:
    """Answers from a tree of values, keyed by the path under ``/latest/meta-data/``."""

    def __init__(self, values: Mapping[str, Any], user_data: str) -> None:
        self.values = dict(values)
        self.user_data = user_data
        self._tokens: dict[str, float] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Status and text for a request under ``/latest/``."""
        if path == "/latest/api/token":
            return self._token(method, headers)
        if self._tokens.get(headers.get("x-aws-ec2-metadata-token", ""), 0.0) < time.monotonic():
            return 401, "Unauthorized"
        if path == "/latest/user-data":
            return (200, self.user_data) if self.user_data else (404, "Not Found")
        if path == "/latest/dynamic/instance-identity/document":
            return 200, json.dumps(self.values.get("identity", {}))
        return self._value(path.removeprefix("/latest/meta-data").strip("/"))

    def _token(self, method: str, headers: Mapping[str, str]) -> tuple[int, str]:
        ttl = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if method != "PUT":
            return 405, "Method Not Allowed"
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return 400, "Bad Request"
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(ttl)
        return 200, token

    def _value(self, key: str) -> tuple[int, str]:
        if key in self.values and key != "identity":
            value = self.values[key]
            return 200, value if isinstance(value, str) else json.dumps(value)
        prefix = f"{key}/" if key else ""
        below = {
            name[len(prefix) :].partition("/") for name in self.values if name.startswith(prefix) and name != "identity"
        }
        if not below:
            return 404, "Not Found"
        return 200, "\n".join(sorted({head + slash for head, slash, _ in below}))
