"""Who calls: the signature of every request to AWS's interfaces is checked, and refused in the service's own words.

IAM user guide, "Troubleshoot Signature Version 4"; S3 API reference, "Error responses"; EC2 API reference, "Error codes"; for
services that speak JSON, the "Common Errors" of each API reference.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qs

from hermes_cfn.local import wire
from hermes_cfn.local.faults import expired
from hermes_cfn.local.keyring import Keyring
from hermes_cfn.local.signature import Fault, Signed, Unsigned, read, verify
from hermes_cfn.local.wire import Call, HttpRequest, ServiceError

WEB_IDENTITY = "AssumeRoleWithWebIdentity"
"""The one call that carries no signature: its token is what is checked (STS API reference)."""

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
    "method. Consult the service documentation for details."
)
_UNKNOWN = "The security token included in the request is invalid."
_EC2 = "AWS was not able to validate the provided access credentials"


def authenticate(request: HttpRequest, keys: Keyring) -> tuple[Call, ServiceError | None]:
    """The caller, and why the call is refused (None when it is not)."""
    if _by_web_identity(request):
        return Call("sts", wire.DEFAULT_REGION, ""), None
    try:
        signed = read(request.target, request.headers)
    except Unsigned as problem:
        return Call(_guessed(request), wire.DEFAULT_REGION, ""), refused(problem.fault, _guessed(request))
    service = wire.service_of(signed.service)
    call = Call(service, signed.region, signed.key, signed.token)
    return call, _refusal(signed, request, keys, service)


def _refusal(signed: Signed, request: HttpRequest, keys: Keyring, service: str) -> ServiceError | None:
    secret, session = keys.secret(signed.key), keys.session(signed.key)
    if not secret:
        return unknown_key(service)
    try:
        now = datetime.now(UTC)
        if follows(request):
            now = nearest(signed.at, now, keys.told())
        verify(signed, secret, request.method, request.target, request.headers, request.body, now)
    except Unsigned as problem:
        return refused(problem.fault, service, signed, now)
    if not hmac.compare_digest(signed.token.encode(), session.token.encode() if session else b""):
        return unknown_key(service, token=True)
    if session is not None and session.until <= keys.now():
        return expired(service)
    return None


def _by_web_identity(request: HttpRequest) -> bool:
    if request.method != "POST" or request.target != "/" or "authorization" in request.headers:
        return False
    form = wire.form(request)
    return parse_qs(form).get("Action") == [WEB_IDENTITY]


def _guessed(request: HttpRequest) -> str:
    """In which service's words somebody is refused who does not say what service they mean."""
    if "x-amz-target" in request.headers:
        return "ssm"
    return "sts" if wire.form(request) or "Action=" in request.target else "s3"


FOLLOWING = ("aws-sdk-js", "aws-sdk-go", "aws-sdk-java", "aws-sdk-kotlin")
"""How SDKs name themselves that sign by the time which an earlier answer told (JavaScript: ``systemClockOffset``; Go: ``AttemptSkew``;
Java: ``timeOffset``).  botocore and the AWS command line sign by the machine's clock."""


def follows(request: HttpRequest) -> bool:
    """Whether the client is one that corrects its clock by answers."""
    agent = f"{request.headers.get('user-agent', '')} {request.headers.get('x-amz-user-agent', '')}".lower()
    return any(name in agent for name in FOLLOWING)


def nearest(signed: datetime, real: datetime, service: datetime) -> datetime:
    """The time by which the signature of a client that follows answers is judged: the nearest between the machine's time
    and the service's.

    Answers carry the service's time, which is hurried; between the two lies every time that such a client can have been told.
    """
    return min(max(signed, min(real, service)), max(real, service))


def unknown_key(service: str, token: bool = False) -> ServiceError:
    """The refusal of an access key that there is not, or (``token``) of a session token that is not that key's."""
    if service == "s3":
        if token:
            return ServiceError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
        return ServiceError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403
        )
    if service == "ec2":
        return ServiceError("AuthFailure", _EC2, 401)
    if wire.speaks_json(service):
        return ServiceError("UnrecognizedClientException", _UNKNOWN, 400)
    return ServiceError("InvalidClientTokenId", _UNKNOWN, 403)


def refused(fault: Fault, service: str, signed: Signed | None = None, now: datetime | None = None) -> ServiceError:
    """The refusal of a request whose signature is not taken."""
    if service == "s3":
        return _S3[fault]
    if fault in (Fault.SKEWED, Fault.OVER) and service == "ec2":
        return ServiceError("RequestExpired", "Request has expired.", 400)
    if wire.speaks_json(service):
        status, codes = 400, _CODES_JSON
    else:
        status, codes = 403, _CODES
    words = _skew(signed, now) if fault is Fault.SKEWED and signed and now else _WORDS.get(fault, _MISMATCH)
    return ServiceError(codes.get(fault, codes[Fault.MISMATCH]), words, status)


def _skew(signed: Signed, now: datetime) -> str:
    at, here = f"{signed.at:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%dT%H%M%SZ}"
    if signed.at < now:
        return f"Signature expired: {at} is now earlier than {here} - 5 min."
    return f"Signature not yet current: {at} is still later than {here} + 5 min."


_CODES = {
    Fault.MISSING: "MissingAuthenticationToken",
    Fault.INCOMPLETE: "IncompleteSignature",
    Fault.NO_LONGER_KNOWN: "IncompleteSignature",
    Fault.MISMATCH: "SignatureDoesNotMatch",
}
_CODES_JSON = {
    Fault.MISSING: "MissingAuthenticationTokenException",
    Fault.INCOMPLETE: "IncompleteSignatureException",
    Fault.NO_LONGER_KNOWN: "IncompleteSignatureException",
    Fault.MISMATCH: "InvalidSignatureException",
}
_WORDS = {
    Fault.MISSING: "Request is missing Authentication Token",
    Fault.INCOMPLETE: "The request signature does not conform to AWS standards.",
    Fault.NO_LONGER_KNOWN: "The request signature does not conform to AWS standards: AWS4-HMAC-SHA256 alone is taken.",
    Fault.OVER: "Signature expired: the address was good for a time that is over.",
    Fault.HEADERS: "There were headers present in the request which were not signed",
    Fault.PAYLOAD: "The value passed in as x-amz-content-sha256 does not match the SHA-256 of the body.",
}
_S3 = {
    Fault.MISSING: ServiceError("AccessDenied", "Access Denied", 403),
    Fault.INCOMPLETE: ServiceError(
        "AuthorizationHeaderMalformed", "The authorization that you provided cannot be read, or is not complete.", 400
    ),
    Fault.NO_LONGER_KNOWN: ServiceError(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        400,
    ),
    Fault.SKEWED: ServiceError(
        "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403
    ),
    Fault.OVER: ServiceError("AccessDenied", "Request has expired", 403),
    Fault.MISMATCH: ServiceError("SignatureDoesNotMatch", _MISMATCH, 403),
    Fault.PAYLOAD: ServiceError(
        "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", 400
    ),
    Fault.HEADERS: ServiceError("AccessDenied", "There were headers present in the request which were not signed", 403),
}
