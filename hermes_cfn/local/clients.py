"""boto3 clients to the cloud's own endpoint, for what works through the wire."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

from hermes_cfn.local.options import ADMINISTRATOR

ADMIN_KEY, ADMIN_SECRET = ADMINISTRATOR


class Clients:
    """Makes and keeps clients for ``endpoint``; the caller is the administrator unless said.

    Clients are shared between threads, which boto3 allows for clients (not for sessions).
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._session: Any = None

    def forget(self, key: str) -> None:
        """Closes the clients of a caller who calls no more, and their connections."""
        with self._lock:
            gone = [self._clients.pop(one) for one in list(self._clients) if one[2] == key]
        for client in gone:
            client.close()

    def __call__(
        self, service: str, region: str, key: str = ADMIN_KEY, secret: str = ADMIN_SECRET, token: str | None = None
    ) -> Any:
        """A client of ``service`` in ``region`` with the given credentials."""
        with self._lock:
            found = self._clients.get((service, region, key))
            if found is None:
                self._session = self._session or boto3.session.Session()
                found = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=key,
                    aws_secret_access_key=secret,
                    aws_session_token=token,
                    config=Config(
                        retries={"max_attempts": 3, "mode": "standard"},
                        max_pool_connections=32,
                        s3={"addressing_style": "path"},
                        parameter_validation=True,
                    ),
                )
                self._clients[(service, region, key)] = found
            return found
