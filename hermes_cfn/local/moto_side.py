"""moto's models behind our wire: the dispatcher of its server, called in process."""

from __future__ import annotations

import copy
import hashlib
import inspect
import io
import json
import re
import secrets
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from hermes_cfn.local import cors, moto_tidy
from hermes_cfn.local.wire import ACCOUNT, HttpRequest, HttpResponse

CERTIFICATES_AT_ONCE = -1
"""Seconds of real time that moto leaves a certificate unvalidated; its own default is 60."""


MOTO_PATHS = ("/moto-api", "/latest/meta-data", "/latest/api", "/v20180820/")
"""Paths that moto's dispatcher gives to interfaces of its own, whatever service a request is signed for."""

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:user/administrator"
"""Who calls with the key that the embedded cloud begins with."""


class MotoSide:
    """Answers requests from moto's backends; imported late, for moto takes a second to load."""

    def __init__(self, endpoint_host: str) -> None:
        warnings.simplefilter("ignore")
        from moto import settings
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        settings.ACM_VALIDATION_WAIT = CERTIFICATES_AT_ONCE
        self._host, _, self._port = endpoint_host.partition(":")
        self._application = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.RLock()
        moto_tidy.install()
        _stand_for_tls()
        _take_composite_alarms()
        _digest_manifests()
        _name_tags_that_may_not_move()
        _authors()
        _heed_every_filter()
        _name_zones()
        _name_the_administrator()
        _match_parameters()

    def keep_time(self, now: Callable[[], datetime]) -> None:
        """CloudWatch Logs refuses events from the far future; its now is the service's."""
        from moto.logs import models

        models.utcnow = lambda: now().replace(tzinfo=None)

    def exclusive(self) -> threading.RLock:
        """Held by whoever works on moto's models directly."""
        return self._lock

    def handle(self, request: HttpRequest) -> HttpResponse:
        """moto's answer; its models are not written for threads, so one request at a time."""
        with self._lock:
            return self._handle(request)

    def by_stream_name(self, region: str, request: HttpRequest) -> HttpRequest:
        """FilterLogEvents with the names that begin with its ``logStreamNamePrefix``, which moto does not look at."""
        asked = json.loads(request.body)
        prefix = asked.pop("logStreamNamePrefix", "")
        if not prefix:
            return request
        with self._lock:
            group = backend("logs", region, ACCOUNT).groups.get(asked.get("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
        asked["logStreamNames"] = names or [prefix]
        return replace(request, body=json.dumps(asked).encode())

    def publish_image(self, region: str, parameter: str, now: datetime) -> str:
        """AWS publishes a newer machine image under its public parameter; the image's id.

        As the one before, but for its id, its name and when it was made; the parameter has one version more.
        """
        with self._lock:
            ec2, versions = backend("ec2", region, ACCOUNT), backend("ssm", region, ACCOUNT)._parameters[parameter]
            image, newest = copy.copy(ec2.amis[versions[-1].value]), copy.copy(versions[-1])
            image.id, image.creation_date = f"ami-{secrets.token_hex(8)}0", now.replace(tzinfo=None)
            image.name = f"{image.name}-{newest.version + 1}"
            ec2.amis[image.id] = image
            newest.value, newest.version = image.id, newest.version + 1
            versions.append(newest)
            return str(image.id)

    def switch_regions(self, off: Callable[[str], bool]) -> None:
        """Which of the regions that need it the account has switched on, before DescribeRegions is asked."""
        from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

        for region in RegionsAndZonesBackend.regions:
            if region.opt_in_status != "opt-in-not-required":
                region.opt_in_status = "not-opted-in" if off(region.name) else "opted-in"

    def know_managed_policies(self, request: HttpRequest) -> None:
        """Loads AWS's managed policies once somebody names one or lists them; moto begins without them."""
        if not any(words in request.body for words in (b"aws%3Apolicy%2F", b"Action=ListPolicies")):
            return
        from moto.iam.aws_managed_policies import aws_managed_policies_data
        from moto.iam.models import AWSManagedPolicy

        with self._lock:
            iam = backend("iam", "us-east-1", ACCOUNT)
            if not iam.aws_managed_policies:
                found = json.loads(aws_managed_policies_data).items()
                iam.aws_managed_policies = [
                    AWSManagedPolicy.from_data(name, ACCOUNT, "us-east-1", policy) for name, policy in found
                ]
                iam.managed_policies.update({policy.arn: policy for policy in iam.aws_managed_policies})

    def sign_parameter(self, region: str, name: str, author: str) -> None:
        """Remembers who wrote the newest version of a parameter."""
        with self._lock:
            backend("ssm", region, ACCOUNT)._parameters[name][-1].author = author

    def _handle(self, request: HttpRequest) -> HttpResponse:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exception: Any = None) -> None:
            started[:] = [int(status.split()[0]), headers]

        chunks = self._application(self._environ(request), start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = started
        kept = {name: value for name, value in headers if not name.lower().startswith(_NOT_MOTOS)}
        return HttpResponse(status, kept, body)

    def cors_rules(self, bucket: str) -> list[cors.Rule]:
        """The CORS rules of a bucket; none for one that is not there."""
        with self._lock:
            found = backend("s3", "us-east-1", ACCOUNT).buckets.get(bucket)
            rules = [vars(rule) for rule in (found.cors if found is not None else ())]
        return [
            cors.Rule(
                origins=_texts(rule["allowed_origins"]), methods=_texts(rule["allowed_methods"]),
                headers=_texts(rule["allowed_headers"]), exposed=_texts(rule["exposed_headers"]),
                max_age_s=int(rule["max_age_seconds"]) if rule["max_age_seconds"] else None,
            )
            for rule in rules
        ]  # fmt: skip

    def _environ(self, request: HttpRequest) -> dict[str, Any]:
        path, _, query = request.target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "RAW_URI": request.target,
            "REQUEST_URI": request.target,
            "QUERY_STRING": query,
            "SERVER_NAME": self._host,
            "SERVER_PORT": self._port,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(request.body)),
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        for name, value in request.headers.items():
            if name not in ("content-type", "content-length", "transfer-encoding", "expect"):
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ


_NOT_MOTOS = ("content-length", "access-control-", "date")
"""Headers that are not moto's to say: it lets pages of every origin read every answer."""


def _texts(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _digest_manifests() -> None:
    """An image's digest is that of its manifest's text (OCI image specification, "Descriptors: Digests").

    moto digests the layers' digests, and draws one of a hundred where there are none.
    """
    from moto.ecr.models import Image

    def digest(image: Any) -> None:
        image._image_digest = f"sha256:{hashlib.sha256(image.image_manifest.encode()).hexdigest()}"

    Image._create_digest = digest


def _name_tags_that_may_not_move() -> None:
    """Another image under a tag that may not move is another error than the same image again (ECR API, PutImage)."""
    from moto.core.exceptions import JsonRESTError
    from moto.ecr.exceptions import ImageAlreadyExistsException
    from moto.ecr.models import ECRBackend

    put = ECRBackend.put_image

    def put_image(
        backend: Any, repository_name: str, image_manifest: str, image_tag: str, *more: Any, **named: Any
    ) -> Any:
        try:
            return put(backend, repository_name, image_manifest, image_tag, *more, **named)
        except ImageAlreadyExistsException:
            here = backend.repositories[repository_name].images
            if any(image.image_manifest == image_manifest and image_tag in image.image_tags for image in here):
                raise
            words = f"The image tag '{image_tag}' already exists in the '{repository_name}' repository and cannot be "
            words += "overwritten because the tag is immutable."
            raise JsonRESTError("ImageTagAlreadyExistsException", words) from None

    ECRBackend.put_image = put_image


def _take_composite_alarms() -> None:
    """moto keeps composite alarms, and lists them, but has no name for the call that makes one."""
    from moto.cloudwatch.responses import CloudWatchResponse

    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm


def _stand_for_tls() -> None:
    """Our wire stands for TLS: statements that refuse plain HTTP do not apply to it.

    moto takes a condition that it cannot evaluate for a denial (``iam/access_control.py``), so
    a bucket policy that refuses plain HTTP would refuse everything.
    """
    from moto.s3.models import FakeBucket

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        from moto.iam.access_control import IAMPolicy, PermissionResult

        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        document = json.loads(bucket.policy)
        statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
        document["Statement"] = [one for one in statements if "aws:SecureTransport" not in json.dumps(one)]
        return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission


def _authors() -> None:
    """DescribeParameters and GetParameterHistory say who wrote a version; moto says ``N/A``."""
    from moto.ssm.models import Parameter

    plain = Parameter.describe_response_object

    def described(parameter: Any, *arguments: Any, **more: Any) -> dict[str, Any]:
        return {**plain(parameter, *arguments, **more), "LastModifiedUser": getattr(parameter, "author", "N/A")}

    Parameter.describe_response_object = described


def _heed_every_filter() -> None:
    """DescribeAlarms by prefix and state at once: moto heeds the prefix alone (CloudWatch API reference)."""
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.core.responses import ActionResult

    by_name = CloudWatchResponse.describe_alarms

    def describe_alarms(response: Any) -> Any:
        found, state = by_name(response).result, response._get_param("StateValue")
        if state:
            found = {kind: [one for one in alarms if one.state_value == state] for kind, alarms in found.items()}
        return ActionResult(found)

    CloudWatchResponse.describe_alarms = describe_alarms


def _match_parameters() -> None:
    """A parameter's value matches its ``AllowedPattern``; moto keeps the pattern and looks at nothing (API, PutParameter)."""
    from moto.core.exceptions import JsonRESTError
    from moto.ssm.models import SimpleSystemManagerBackend as Backend

    plain = Backend.put_parameter
    shape = inspect.signature(plain)

    def put_parameter(self: Any, *given: Any, **more: Any) -> Any:
        said = shape.bind(self, *given, **more).arguments
        pattern = said.get("allowed_pattern")
        if pattern and not re.search(pattern, str(said["value"])):
            name = said["name"]
            raise JsonRESTError(
                "ParameterPatternMismatchException", f"Parameter value for {name} does not match its pattern {pattern}."
            )
        return plain(self, *given, **more)

    Backend.put_parameter = put_parameter


def _name_zones() -> None:
    """The id of a hosted zone begins with a Z (Route 53 API reference, examples); moto's with any letter."""
    from moto.route53 import models

    plain = models.create_route53_zone_id
    models.create_route53_zone_id = lambda *given, **more: f"Z{plain(*given, **more)[1:]}"


def _name_the_administrator() -> None:
    """Whoever is no user made here is the account's administrator, an IAM user as AWS writes its ARN."""
    from moto.sts.models import STSBackend

    plain = STSBackend.get_caller_identity

    def named(self: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
        user, arn, account = plain(self, access_key_id, region)
        return user, ADMINISTRATOR if arn.endswith(":user/moto") else arn, account

    STSBackend.get_caller_identity = named


def backend(service: str, region: str, account: str) -> Any:
    """moto's model of ``service``; ``aws`` instead of the region where the service is global."""
    from moto.backends import get_backend

    regions = get_backend(service)[account]
    return regions[region] if region in regions else regions["aws"]
