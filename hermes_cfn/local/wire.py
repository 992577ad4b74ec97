"""AWS's wire protocols for services of our own: parsing and serialising from botocore's models.

Of the protocols, services of our own speak ``query`` (Auto Scaling, load balancing,
CloudFormation), ``json`` (SSM, Pricing) and ``rest-json`` (savings plans).  moto's parsers and serialisers do the work; they
are generic over the service model.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-south-2"
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


def failure(service: str, action: str, problem: Exception) -> ServiceError:
    """What an exception inside answers: the caller's fault where a parameter is missing, else an internal failure.

    Its code is one that clients know: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html
    """
    names = set()
    if service and action in model(service).operation_names:
        shape = model(service).operation_model(action).input_shape
        names = set(shape.members) if shape is not None else set()
    if isinstance(problem, KeyError) and problem.args and problem.args[0] in names:
        return ServiceError("MissingParameter", f"The request must contain the parameter {problem.args[0]}")
    return ServiceError("InternalFailure", f"{type(problem).__name__}: {problem}", 500)


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
_BY_PATH = frozenset({"s3", "route53", "cloudfront", "savingsplans"})
"""Services whose protocols are ``rest-xml`` and ``rest-json``, of those that are checked under enforcement."""
READS = ("Describe", "Get", "Head", "List", "BatchGet")
"""How the names of calls begin that change nothing."""
PATH_NAMES = frozenset({"savingsplans"})
"""Services of our own whose protocol is ``rest-json``: the path of a request is the name of its operation."""


def service_of(signing_name: str) -> str:
    """The service as botocore names it, of which a signature says the signing name."""
    return _SIGNING_NAMES.get(signing_name, signing_name)


def form(request: HttpRequest) -> str:
    """The body of a request of the query protocols; empty for others."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    return request.body.decode("utf-8", "replace")


def plain(service: str, request: HttpRequest) -> HttpRequest:
    """``request`` when it names one operation, in the one way of its service's protocol.

    A GET that names its operation in the query becomes the POST that means the same.

    Raises ServiceError ``InvalidAction`` for a request that names several operations, or in several ways: whoever checks rights
    and whoever carries it out might read another one.  ``MethodNotAllowed`` for a change by GET.
    """
    path, _, query = request.target.partition("?")
    by_query = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "Action"]
    by_form = [value for name, value in parse_qsl(form(request), keep_blank_values=True) if name == "Action"]
    by_target = ["x-amz-target"] if "x-amz-target" in request.headers else []
    by_path = [path] if "smithy-protocol" in request.headers else []
    if len(by_query) + len(by_form) + len(by_target) + len(by_path) > 1:
        raise ServiceError("InvalidAction", "The request names more than one operation.")
    if service in _BY_PATH and (by_query or by_form or by_target):
        raise ServiceError("InvalidAction", f"{service} takes its operations by method and path.")
    if not by_query:
        return request
    if request.method != "GET" or not by_query[0].startswith(READS):
        raise ServiceError("MethodNotAllowed", "What changes something is asked by POST, in its body.", 405)
    kept = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-"))
    headers = {**request.headers, "content-type": "application/x-www-form-urlencoded", "content-length": str(len(kept))}
    return HttpRequest("POST", path, headers, kept.encode())


@cache
def model(service: str) -> Any:
    """botocore's service model, with moto's additions."""
    return get_service_model(service)


@cache
def speaks_json(service: str) -> bool:
    """Whether a service's errors are JSON or CBOR, and not XML; a service that botocore does not know answers in XML."""
    try:
        protocol = str(model(service).protocol)
    except UnknownServiceError:
        return False
    return "json" in protocol or "cbor" in protocol


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
    try:
        return serialise(service, action, error)
    except UnknownServiceError:
        return serialise("sts", action, error)


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
