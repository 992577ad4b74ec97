"""A line a call of AWS: service, operation, region, milliseconds, attempts after the first, request ID, error code.

Neither parameters nor answers are logged: they carry secrets.  botocore tells of each call by its events
(botocore, "Event system": ``before-call``, ``after-call``, ``after-call-error``).
"""

from __future__ import annotations

import logging
import time
from typing import Any

logger = logging.getLogger(__name__)
BEGAN = "hermes_cfn.began"


def attach(client: Any, service: str) -> None:
    """Logs every call of a client, also each page of a list."""
    region = client.meta.region_name
    events = client.meta.events

    def began(context: dict[str, Any], **_: Any) -> None:
        context[BEGAN] = time.monotonic()

    def ended(model: Any, context: dict[str, Any], parsed: dict[str, Any], **_: Any) -> None:
        metadata = parsed.get("ResponseMetadata", {})
        _write(
            service,
            model.name,
            region,
            context,
            metadata.get("RetryAttempts", 0),
            metadata.get("RequestId") or metadata.get("HostId") or "-",
            parsed.get("Error", {}).get("Code") or str(metadata.get("HTTPStatusCode", "-")),
        )

    def broke(model: Any = None, context: dict[str, Any] | None = None, exception: Any = None, **_: Any) -> None:
        _write(service, getattr(model, "name", "-"), region, context or {}, "-", "-", type(exception).__name__)

    events.register("before-call.*", began)
    events.register("after-call.*", ended)
    events.register("after-call-error.*", broke)


def _write(
    service: str, operation: str, region: str, context: dict[str, Any], retries: int | str, request: str, code: str
) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    spent = (time.monotonic() - context.get(BEGAN, time.monotonic())) * 1000
    logger.debug(
        "call service=%s operation=%s region=%s ms=%.0f retries=%s request=%s code=%s",
        service, operation, region, spent, retries, request, code,
    )  # fmt: skip
