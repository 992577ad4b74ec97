"""The ``aws`` command of instances: command lines become calls through boto3.

Options follow the AWS CLI user guide: ``--parameter value``, booleans as ``--flag`` and
``--no-flag``, JSON or shorthand for structures, ``--cli-input-json``, ``--query`` (JMESPath),
``--output json|text``, ``--region``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

ClientFactory = Callable[[str, str], Any]


class Input(NamedTuple):
    """Where a command line's ``file://`` values come from: standard input, and a directory."""

    text: str
    directory: Path


_GLOBAL_VALUES = (
    "--region",
    "--query",
    "--output",
    "--endpoint-url",
    "--profile",
    "--cli-connect-timeout",
    "--cli-read-timeout",
)
_GLOBAL_FLAGS = ("--no-cli-pager", "--no-paginate", "--debug")


class Usage(Exception):
    """A command line that cannot be understood; the CLI ends with 252 then."""


def run(arguments: list[str], given: Input, client: ClientFactory, region: str) -> tuple[str, str, int]:
    """Runs one command line; output, errors, exit status (252 usage, 254 the service said no).

    Return codes: "Command line return codes", AWS CLI user guide.
    """
    try:
        words, common = _common(arguments)
        if len(words) < 2:
            raise Usage("aws: error: the following arguments are required: command")
        if words[:2] == ["ecr", "get-login-password"]:
            return _login_password(client("ecr", common.get("--region", region))), "", 0
        service = {"s3api": "s3", "deploy": "codedeploy"}.get(words[0], words[0])
        if service == "s3":
            raise Usage("aws s3: the embedded cloud knows aws s3api only")
        caller = client(service, common.get("--region", region))
        operation = _operation(caller, words[1])
        parameters = _parameters(caller, operation, words[2:], given)
        result = getattr(caller, xform_name(operation))(**parameters)
    except Usage as problem:
        return "", f"\n{problem}\n", 252
    except ClientError as problem:
        return "", f"\n{problem}\n", 254
    except BotoCoreError as problem:
        return "", f"\n{problem}\n", 255 if "onnect" in str(problem) else 252
    result.pop("ResponseMetadata", None)
    return _shown(result, common), "", 0


def _login_password(client: Any) -> str:
    token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2] + "\n"


def _common(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in _GLOBAL_VALUES:
            found[name] = value if equals else rest.pop(0)
        elif word not in _GLOBAL_FLAGS:
            words.append(word)
    return words, found


def _operation(client: Any, name: str) -> str:
    for operation in client.meta.service_model.operation_names:
        if xform_name(operation, "-") == name:
            return str(operation)
    raise Usage(f"aws: error: argument operation: Invalid choice: {name!r}")


def _parameters(client: Any, operation: str, words: list[str], given: Input) -> dict[str, Any]:
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = {
        f"--{xform_name(name, '-')}": (name, member) for name, member in (shape.members if shape else {}).items()
    }
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word, equals, attached = rest.pop(0).partition("=")
        values = [attached] if equals else []
        while not equals and rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        if word == "--cli-input-json":
            found.update(json.loads(_text(values[0], given)))
        elif word in members:
            name, member = members[word]
            found[name] = _value(member, values, given)
        elif word.startswith("--no-") and f"--{word[5:]}" in members:
            name, member = members[f"--{word[5:]}"]
            found[name] = {"Value": False} if _attribute(member) else False
        else:
            raise Usage(f"aws: error: Unknown options: {word}")
    return found


def _text(value: str, given: Input) -> str:
    if value in ("file:///dev/stdin", "file://-"):
        return given.text
    return (given.directory / value.removeprefix("file://")).read_text() if value.startswith("file://") else value


def _value(shape: Any, values: list[str], given: Input) -> Any:
    if shape.type_name == "boolean":
        return not values or values[0].lower() == "true"
    if _attribute(shape) and not values:
        return {"Value": True}
    texts = [_text(value, given) for value in values]
    if not texts:
        raise Usage("aws: error: expected one argument")
    if shape.type_name in ("list", "structure", "map"):
        if texts[0].lstrip().startswith(("[", "{")):
            parsed = json.loads(texts[0])
            return (
                [parsed, *map(json.loads, texts[1:])]
                if shape.type_name == "list" and isinstance(parsed, dict)
                else parsed
            )
        if shape.type_name == "list":
            if shape.member.type_name in ("structure", "map"):
                return [_shorthand(shape.member, text) for text in texts]
            return [_scalar(shape.member, text) for text in texts]
        return _shorthand(shape, ",".join(texts))
    return _scalar(shape, texts[0])


def _attribute(shape: Any) -> bool:
    """EC2's AttributeBooleanValue, which is a flag too: ``--no-source-dest-check`` (AWS CLI reference, ec2)."""
    return bool(shape.type_name == "structure" and shape.name == "AttributeBooleanValue")


def _shorthand(shape: Any, text: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    key = ""
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals:
            key = name
            member = shape.members.get(key) if shape.type_name == "structure" else shape.value
            if member is None:
                raise Usage(f"aws: error: Unknown parameter in shorthand: {key}")
            many = member.type_name == "list"
            item = _scalar(member.member if many else member, value)
            result[key] = [item] if many else item
        elif key and isinstance(result[key], list):
            result[key].append(part)
        else:
            raise Usage(f"aws: error: Error parsing parameter: {text}")
    return result


def _scalar(shape: Any, text: str) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return text.lower() == "true"
        case "blob":
            return text.encode()
    return text


def _shown(result: Any, common: dict[str, str]) -> str:
    if "--query" in common:
        result = jmespath.search(common["--query"], json.loads(json.dumps(result, default=_plain)))
    if common.get("--output", "json") == "json":
        return "" if result in ({}, "") else json.dumps(result, indent=4, default=_plain, ensure_ascii=False) + "\n"
    if common["--output"] != "text":
        raise Usage(f"aws: error: the embedded cloud does not know --output {common['--output']}")
    return _as_text(json.loads(json.dumps(result, default=_plain)))


def _as_text(result: Any) -> str:
    if isinstance(result, list):
        if any(isinstance(item, (list, dict)) for item in result):
            return "".join(_as_text(item) for item in result)
        return "\t".join(_word(item) for item in result) + "\n" if result else ""
    if isinstance(result, dict):
        return (
            "\t".join(_word(result[key]) for key in sorted(result) if not isinstance(result[key], (list, dict))) + "\n"
        )
    return _word(result) + "\n"


def _word(value: Any) -> str:
    return "None" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
