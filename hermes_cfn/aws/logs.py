"""CloudWatch Logs: the request log that a canary is judged on."""

from __future__ import annotations

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
                yield Line(
                    datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["logStreamName"], event["message"]
                )
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
