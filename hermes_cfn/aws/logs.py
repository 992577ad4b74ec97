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
                yield Line(at, event["logStreamName"], unwrapped(event["message"]))
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
