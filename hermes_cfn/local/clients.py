"""boto3 clients to the cloud's own endpoint, for what works through the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from hermes_cfn.local.options import INTERNAL


@dataclass(frozen=True)
class Session:
    """Whose credentials calls carry; ``token`` is empty for those of a user."""

    key: str
    token: str = ""


OWN = Session("AKIALOCALFLEET000000")
"""The embedded cloud itself, which may everything and which no fault touches."""

Door = Callable[[str, str], Any]
"""Clients of one session: by service and region."""


class Clients:
    """Makes and keeps clients for ``endpoint``, each of one session; ``secret`` is asked for the secret of a key.

    Clients are shared between threads, which boto3 allows for clients (not for sessions).
    """

    def __init__(self, endpoint: str, secret: Callable[[str], str], internal: bool = False) -> None:
        self.endpoint = endpoint
        self._secret = secret
        self._user_agent = INTERNAL if internal else None
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._session: Any = None

    def forget(self, key: str) -> None:
        """Closes the clients of a caller who calls no more, and their connections."""
        with self._lock:
            gone = [self._clients.pop(one) for one in list(self._clients) if one[2] == key]
        for client in gone:
            client.close()

    def __call__(self, service: str, region: str, session: Session) -> Any:
        """A client of ``service`` in ``region`` that calls as ``session``."""
        with self._lock:
            found = self._clients.get((service, region, session.key))
            if found is None:
                self._session = self._session or boto3.session.Session()
                found = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=session.key,
                    aws_secret_access_key=self._secret(session.key) or "-",
                    aws_session_token=session.token or None,
                    config=Config(
                        retries={"max_attempts": 3, "mode": "standard"},
                        max_pool_connections=32,
                        s3={"addressing_style": "path"},
                        parameter_validation=True,
                        user_agent_extra=self._user_agent,
                    ),
                )
                self._clients[(service, region, session.key)] = found
            return found
