"""CloudWatch Logs: the request log that a canary is judged on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from hermes_cfn.aws.calls import AwsError, Calls


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, with the stream (the instance) that it came from."""

    at: datetime
    stream: str
    text: str
    process: str = ""


PROCESS_LABEL = "hermes.process"
"""The label of each container of a release that has several."""


def unwrapped(message: str) -> str:
    """What the application wrote: the CloudWatch agent ships the file of Docker's driver json-file as it is.

    https://docs.docker.com/engine/logging/drivers/json-file/
    """
    try:
        found = json.loads(message)
    except ValueError:
        return message
    if isinstance(found, dict) and isinstance(found.get("log"), str) and {"stream", "time"} <= found.keys():
        return str(found["log"]).rstrip("\n")
    return message


def process(message: str) -> str:
    """Which process of a release wrote it: its container's label, which the driver puts beside each line; "" where it has none.

    Docker's ``--log-opt labels=...`` (the same page).
    """
    try:
        found = json.loads(message)
    except ValueError:
        return ""
    attributes = found.get("attrs") if isinstance(found, dict) else None
    return str(attributes.get(PROCESS_LABEL, "")) if isinstance(attributes, dict) else ""


class Logs:
    """Log groups of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def lines(self, group: str, since: datetime, pattern: str = "", streams: str = "") -> Iterator[Line]:
        """Lines since a time, oldest first; none when there is no such group."""
        extra = {"filterPattern": pattern} if pattern else {}
        if streams:
            extra["logStreamNamePrefix"] = streams
        try:
            for event in self._calls.pages(
                "filter_log_events",
                "events",
                logGroupName=group,
                startTime=int(since.timestamp() * 1000),
                **extra,
            ):
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield Line(at, event["logStreamName"], unwrapped(event["message"]), process(event["message"]))
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
