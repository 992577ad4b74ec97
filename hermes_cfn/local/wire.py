"""AWS's wire protocols for services of our own: parsing and serialising from botocore's models.

Of the protocols, services of our own speak ``query`` (Auto Scaling, load balancing,
CloudFormation), ``json`` (SSM, Pricing) and ``rest-json`` (savings plans).  moto's parsers and serialisers do the work; they
are generic over the service model.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qsl

from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-south-2"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request")
_SIGNING_NAMES = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch", "servicequotas": "service-quotas"}


class ServiceError(Exception):
    """An answer that is an error: ``code`` and ``message`` as AWS words them, HTTP ``status``."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        for name, value in members.items():
            setattr(self, name, value)


def unsupported(service: str, what: str) -> ServiceError:
    """The refusal for what the embedded cloud does not know; clients do not retry a 501."""
    return ServiceError("EmbeddedCloudUnsupported", f"The embedded cloud's {service} does not know {what}.", 501)


@dataclass(frozen=True)
class Call:
    """Who calls what: service as botocore names it, region, the caller's access key and session token."""

    service: str
    region: str
    access_key: str
    token: str = ""


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, headers with lower-case names, the body already decoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class HttpResponse:
    """One HTTP answer; ``lost`` closes the connection instead of sending it."""

    status: int
    headers: dict[str, str]
    body: bytes
    lost: bool = False


class Service(Protocol):
    """A service of our own: ``params`` and the result are shaped by botocore's service model."""

    def handle(self, action: str, params: dict[str, Any]) -> dict[str, Any]: ...


CALL: ContextVar[Call] = ContextVar("call")
PATH_NAMES = frozenset({"savingsplans"})
"""Services of our own whose protocol is ``rest-json``: the path of a request is the name of its operation."""


def caller(request: HttpRequest) -> Call:
    """The caller from the credential scope of the signature, or from a presigned query."""
    text = request.headers.get("authorization", "")
    if "X-Amz-Credential=" in request.target:
        query = dict(parse_qsl(request.target.partition("?")[2]))
        text = f"Credential={query.get('X-Amz-Credential', '')}"
    match = _CREDENTIAL.search(text)
    if not match:
        return Call("", DEFAULT_REGION, "")
    key, _, region, name = match.groups()
    token = request.headers.get("x-amz-security-token", "")
    return Call(_SIGNING_NAMES.get(name, name), region, key, token)


@cache
def model(service: str) -> Any:
    """botocore's service model, with moto's additions."""
    return get_service_model(service)


def operation_name(service: str, request: HttpRequest) -> str:
    """The operation that a request names, by its protocol; empty if it names none."""
    target = request.headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if service in PATH_NAMES:
        return request.path.strip("/")
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("Action", "")
    return ""


def parse(service: str, action: str, request: HttpRequest) -> dict[str, Any]:
    """The parameters of a request.

    Raises ServiceError ``InvalidAction`` for an operation that the service model does not
    have, and ``ValidationError`` (``ValidationException`` for json) for what does not fit it.
    """
    service_model = model(service)
    if action not in service_model.operation_names:
        raise ServiceError(
            "InvalidAction", f"Could not find operation {action} for version {service_model.api_version}"
        )
    operation = service_model.operation_model(action)
    values = (
        dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if service_model.protocol in ("query", "ec2")
        else {}
    )
    parser = PROTOCOL_PARSERS[service_model.protocol](operation)
    code = "ValidationError" if service_model.protocol == "query" else "ValidationException"
    try:
        parsed: dict[str, Any] = parser.parse(
            {
                "body": request.body or b"{}",
                "headers": request.headers,
                "method": request.method,
                "url_params": {},
                "url_path": request.path,
                "values": values,
            }
        )
    except (ValueError, json.JSONDecodeError) as problem:
        raise ServiceError(code, f"The request could not be read: {problem}") from None
    if operation.input_shape is not None:
        report = ParamValidator().validate(parsed, operation.input_shape)
        if report.has_errors():
            raise ServiceError(code, f"1 validation error detected: {report.generate_report()}")
    return parsed


def serialise(service: str, action: str, result: Mapping[str, Any] | ServiceError) -> HttpResponse:
    """The answer to ``action``: its result, or an error as the protocol words it."""
    service_model = model(service)
    request_id = str(uuid.uuid4())
    known = action if action in service_model.operation_names else service_model.operation_names[0]
    serializer = get_serializer_class(service, service_model.protocol)(
        service_model.operation_model(known), SerializationContext(request_id)
    )
    if isinstance(result, ServiceError):
        return _error(service_model, serializer, result, request_id)
    answer = serializer.serialize(result)
    return _response(answer["status_code"], answer["headers"], answer["body"], request_id)


def refuse(service: str, action: str, error: ServiceError, request: HttpRequest) -> HttpResponse:
    """An error of a service that moto answers, in the protocol that the request speaks."""
    if "smithy-protocol" in request.headers:
        body = b"\xa2" + b"".join(map(_cbor_text, ("__type", error.code, "message", error.message)))
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return _response(error.status, headers, body, str(uuid.uuid4()))
    if "x-amz-target" in request.headers:
        text = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
        return _response(error.status, {"Content-Type": "application/x-amz-json-1.1"}, text, str(uuid.uuid4()))
    return serialise(service, action, error)


def _cbor_text(text: str) -> bytes:
    """A text string in CBOR (RFC 8949, major type 3), shorter than 64 KiB."""
    raw = text.encode()
    return b"\x79" + len(raw).to_bytes(2, "big") + raw


def _error(service_model: Any, serializer: Any, error: ServiceError, request_id: str) -> HttpResponse:
    if service_model.protocol == "json":
        shapes = {shape.error_code: shape for shape in service_model.error_shapes}
        code = shapes[error.code].name if error.code in shapes else error.code
        body = json.dumps({"__type": code, "message": error.message, "Message": error.message})
        return _response(error.status, {"Content-Type": "application/x-amz-json-1.1"}, body, request_id)
    answer = serializer.serialize(error)
    return _response(error.status, answer["headers"], answer["body"], request_id)


def _response(status: int, headers: Mapping[str, str], body: str | bytes, request_id: str) -> HttpResponse:
    raw = body.encode() if isinstance(body, str) else body
    return HttpResponse(status, {**headers, "x-amzn-RequestId": request_id}, raw)
