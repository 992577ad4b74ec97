"""Systems Manager: parameters, and runs of our documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hermes_cfn.aws.calls import LATE_S, AwsError, Calls
from hermes_cfn.deciders.observed import Progress
from hermes_cfn.errors import Finding, HermesError

AT_ONCE = 50
"""Instances that one SendCommand names (SendCommand: at most 50 instance ids)."""

DELIVERY_S = 180
"""Seconds in which an agent must take a command (SendCommand: 30 at least, 3,600 if not given)."""

BY_NAME = 10
"""Parameters that one GetParameters names."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter's value (none for secrets), version, time of its last change and, where it was asked, whose it was."""

    name: str
    value: str
    version: int
    modified: datetime | None = None
    kind: str = "String"
    author: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A document run on one instance; ``operation`` is the comment that it was sent with."""

    command: str
    instance: str
    document: str
    operation: str
    progress: Progress
    status: str
    requested: datetime


class Ssm:
    """Parameters and commands of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._versions: dict[str, str] = {}
        self._written: dict[str, int] = {}

    def _newest(self, ask: Callable[[], dict[str, Parameter]], asked: Callable[[str], bool]) -> dict[str, Parameter]:
        """What is read of parameters that this run has written is never older than what writing them answered.

        Raises HermesError ``parameter-late`` where AWS does not show it within :data:`LATE_S` seconds.
        """
        floors = {name: version for name, version in self._written.items() if asked(name)}

        def behind(found: Mapping[str, Parameter]) -> list[str]:
            return [n for n, version in floors.items() if n not in found or found[n].version < version]

        found = self._calls.until(ask, lambda found: not behind(found))
        if late := behind(found):
            version = found[late[0]].version if late[0] in found else "none"
            raise HermesError(
                Finding(
                    "parameter-late",
                    late[0],
                    f"version {floors[late[0]]} was written, and Systems Manager shows {version}",
                    why=f"asked again for {LATE_S:.0f} s: its answers are late, or somebody deleted it",
                    next="the same command again",
                )
            )
        return found

    def parameter(self, name: str) -> Parameter | None:
        """A parameter, or None; ``name:version`` asks for a version.  Never decrypts."""
        return self._newest(lambda: self._parameter(name), lambda written: written == name).get(name)

    def _parameter(self, name: str) -> dict[str, Parameter]:
        try:
            found = self._calls.get_parameter(Name=name)["Parameter"]
        except AwsError as error:
            if error.code in {"ParameterNotFound", "ParameterVersionNotFound"}:
                return {}
            raise
        return {name: _parameter(found)}

    def put(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> int:
        """Writes a String parameter and answers its new version."""
        return self._put(name, Value=value, Type="String")

    def put_secret(self, name: str, value: str, key: str = "") -> int:
        """Writes a SecureString parameter and answers its new version."""
        extra = {"KeyId": key} if key else {}
        return self._put(name, Value=value, Type="SecureString", **extra)

    def _put(self, name: str, **what: Any) -> int:
        version = int(self._calls.put_parameter(Name=name, Overwrite=True, **what)["Version"])
        self._written[name] = version
        return version

    def delete(self, name: str) -> None:
        self._written.pop(name, None)
        try:
            self._calls.delete_parameter(Name=name)
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise

    def under(self, path: str) -> dict[str, Parameter]:
        """Every parameter under a path by name; SecureString values stay encrypted."""

        def ask() -> dict[str, Parameter]:
            found = self._calls.pages("get_parameters_by_path", "Parameters", Path=path, Recursive=True)
            return {item["Name"]: _parameter(item) for item in found}

        return self._newest(ask, lambda written: written.startswith(f"{path.rstrip('/')}/"))

    def secret(self, name: str, version: int) -> str:
        """The value of one version of a SecureString, for whoever may read it: no role of ours."""
        found = self._calls.get_parameter(Name=f"{name}:{version}", WithDecryption=True)
        return str(found["Parameter"]["Value"])

    def described(self, path: str) -> dict[str, Parameter]:
        """Version, time and author of every parameter under a path by name, and no value.

        The one call about secrets that needs no right to read them (DescribeParameters answers metadata only).
        """
        filters = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]

        def ask() -> dict[str, Parameter]:
            found = self._calls.pages("describe_parameters", "Parameters", ParameterFilters=filters)
            return {item["Name"]: _parameter(item) for item in found}

        return self._newest(ask, lambda written: written.startswith(f"{path.rstrip('/')}/"))

    def parameters(self, names: Sequence[str]) -> dict[str, Parameter]:
        """Those of ``names`` that are there, by name; SecureString values stay encrypted."""

        def ask() -> dict[str, Parameter]:
            found: dict[str, Parameter] = {}
            for at in range(0, len(names), BY_NAME):
                answer = self._calls.get_parameters(Names=list(names[at : at + BY_NAME]))
                found |= {item["Name"]: _parameter(item) for item in answer["Parameters"]}
            return found

        return self._newest(ask, set(names).__contains__)

    def history(self, name: str) -> list[Parameter]:
        """Every version that is kept, oldest first."""
        try:
            found = list(self._calls.pages("get_parameter_history", "Parameters", Name=name))
        except AwsError as error:
            if error.code == "ParameterNotFound":
                return []
            raise
        return [_parameter(item) for item in found]

    def document_version(self, name: str) -> str:
        """The latest version of a document, asked once: the one that the template made.

        Not the default one: CloudFormation does not always make its new version the default
        (aws-cloudformation/cloudformation-coverage-roadmap, issue 2539).
        """
        if name not in self._versions:
            found = self._calls.describe_document(Name=name)["Document"]
            self._versions[name] = str(found.get("LatestVersion") or found["DocumentVersion"])
        return self._versions[name]

    def send(
        self, document: str, instances: Sequence[str], parameters: Mapping[str, Sequence[str]], operation: str
    ) -> list[str]:
        """Runs a document at its version on instances by name; answers the command ids."""
        version = self.document_version(document)
        return [
            str(
                self._calls.send_command(
                    DocumentName=document,
                    DocumentVersion=version,
                    InstanceIds=list(instances[at : at + AT_ONCE]),
                    Parameters={key: list(values) for key, values in parameters.items()},
                    Comment=operation,
                    TimeoutSeconds=DELIVERY_S,
                )["Command"]["CommandId"]
            )
            for at in range(0, len(instances), AT_ONCE)
        ]

    def invocations(self, now: datetime, within_s: float = 3600) -> Iterator[Invocation]:
        """Runs requested in the last ``within_s`` seconds, of every document.

        ListCommandInvocations answers fifty a page, whatever the number of documents.
        """
        since = (now - timedelta(seconds=within_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        filters = [{"key": "InvokedAfter", "value": since}]
        for item in self._calls.pages("list_command_invocations", "CommandInvocations", Filters=filters):
            yield Invocation(
                command=item["CommandId"],
                instance=item["InstanceId"],
                document=item.get("DocumentName", ""),
                operation=item.get("Comment", ""),
                progress=_progress(item["Status"]),
                status=item.get("StatusDetails", item["Status"]),
                requested=item["RequestedDateTime"],
            )

    def output(self, command: str, instance: str) -> tuple[Progress, str, str]:
        """How a run ended on one instance, with its stdout and stderr (24,000 characters at most)."""
        try:
            found = self._calls.get_command_invocation(CommandId=command, InstanceId=instance)
        except AwsError as error:
            if error.code == "InvocationDoesNotExist":
                return Progress.RUNNING, "", ""
            raise
        return (
            _progress(found["Status"]),
            found.get("StandardOutputContent", ""),
            found.get("StandardErrorContent", ""),
        )

    def online(self) -> frozenset[str]:
        """Instances whose agent answers."""
        found = self._calls.pages("describe_instance_information", "InstanceInformationList")
        return frozenset(item["InstanceId"] for item in found if item.get("PingStatus") == "Online")


def _progress(status: str) -> Progress:
    if status in {"Pending", "InProgress", "Delayed", "Cancelling"}:
        return Progress.RUNNING
    return Progress.OK if status == "Success" else Progress.FAILED


def _parameter(item: Mapping[str, Any]) -> Parameter:
    kind = str(item.get("Type", "String"))
    value = "" if kind == "SecureString" else str(item.get("Value", ""))
    author = str(item.get("LastModifiedUser", "")).rpartition("/")[2]
    return Parameter(item["Name"], value, int(item["Version"]), item.get("LastModifiedDate"), kind, author)
