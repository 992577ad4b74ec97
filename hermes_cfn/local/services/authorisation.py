"""A caller that may not, cannot: who calls, and what a call needs, by the Service Authorization Reference.

On request (``enforce``).  A call whose resource is not known here needs a statement for ``*``.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection
from functools import cache
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import unescape

from hermes_cfn.local import wire
from hermes_cfn.local.fleet.fleet import Fleet
from hermes_cfn.local.moto_side import ADMINISTRATOR, MotoSide, backend
from hermes_cfn.local.services import dependent, ec2_resources, tagged
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.policies import Asked, Document, allowed
from hermes_cfn.local.wire import ACCOUNT, Call, HttpRequest, ServiceError

_PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
_S3_ACTIONS = {
    "HeadBucket": "ListBucket", "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket", "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets", "ListObjectVersions": "ListBucketVersions",
    "CopyObject": "PutObject", "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject", "PutBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration", "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls", "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock", "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "PutBucketNotificationConfiguration": "PutBucketNotification", "PutBucketCors": "PutBucketCORS",
    "GetBucketNotificationConfiguration": "GetBucketNotification", "GetBucketCors": "GetBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    **{f"{verb}BucketEncryption": f"{to}EncryptionConfiguration"
       for verb, to in (("Get", "Get"), ("Put", "Put"), ("Delete", "Put"))},
    **{f"{verb}BucketLifecycle{more}": f"{to}LifecycleConfiguration"
       for verb, more, to in (("Get", "Configuration", "Get"), ("Put", "Configuration", "Put"), ("Delete", "", "Put"))},
}  # fmt: skip
"""Operations of S3 whose IAM action has another name (S3 user guide, "Policy actions for Amazon S3")."""
_FREE = {("sts", "GetCallerIdentity"), ("sts", "AssumeRole"), ("sts", "AssumeRoleWithWebIdentity")}
"""Calls that are not asked for here: whether a role may be assumed, its trust policy decides first (``tokens``)."""
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_NAMESPACE = "cloudwatch:namespace"
_BOUNDARY = "iam:PermissionsBoundary"
_ROW, _IMPORTED, _CREATING = "dynamodb:LeadingKeys", "cloudformation:ImportResourceTypes", "ec2:CreateAction"
_ACTIONS = {
    ("budgets", "CreateBudget"): "ModifyBudget", ("budgets", "UpdateBudget"): "ModifyBudget",
    ("cloudfront", "CreateDistributionWithTags"): "CreateDistribution",
    ("budgets", "DeleteBudget"): "ModifyBudget", ("budgets", "DescribeBudget"): "ViewBudget",
}  # fmt: skip
"""Operations of other services whose IAM action has another name (Service Authorization Reference)."""
Tags = dict[str, str]


class Authorisation:
    """Checks every call but those with the keys ``all_may``: the administrator's and the cloud's own.

    ``asked`` keeps who asked for what on what, and why not (empty: allowed), each once.
    """

    def __init__(self, moto: MotoSide, engine: Engine, fleet: Fleet, all_may: Collection[str]) -> None:
        self._all_may = all_may
        self.asked: dict[tuple[str, str, str], str] = {}
        self._moto = moto
        self._engine = engine
        self._fleet = fleet

    def check(self, call: Call, action: str, request: HttpRequest) -> ServiceError | None:
        """The refusal as the service words it, or None when the call may go on."""
        if call.access_key in self._all_may or (call.service, action) in _FREE:
            return None
        action = action or rest_operation(call.service, request)
        prefix = _PREFIXES.get(call.service, call.service)
        with self._moto.exclusive():
            identity = self._identity(call)
            if identity is None:
                return ServiceError(
                    "InvalidClientTokenId", "The security token included in the request is invalid.", 403
                )
            arn, policies, boundary = identity
            for name, resource, tags in self._needs(call, prefix, action, request):
                asked = Asked(name, resource, _context(call, arn, prefix, tags))
                why = allowed(asked, policies, boundary)
                self.asked[_principal(arn), name, resource] = why
                if why:
                    return _denied(call.service, arn, name, resource, why)
        return None

    def caller(self, call: Call) -> str:
        """The caller's ARN; the administrator's as moto names it."""
        with self._moto.exclusive():
            known = None if call.access_key in self._all_may else self._identity(call)
        return known[0] if known else ADMINISTRATOR

    def who(self, call: Call) -> tuple[str, str]:
        """The caller's ARN, and that of the role behind a session (with its path), or the same."""
        arn = self.caller(call)
        if ":assumed-role/" not in arn:
            return arn, arn
        with self._moto.exclusive():
            return arn, str(backend("iam", "us-east-1", ACCOUNT).get_role(arn.split("/")[1]).arn)

    def why_not(self, call: Call, action: str, resource: str) -> str:
        """Why the caller's own policies and boundary do not allow ``action`` on ``resource``; empty if they do."""
        if call.access_key in self._all_may:
            return ""
        with self._moto.exclusive():
            identity = self._identity(call)
            if identity is None:
                return "because there is no such identity"
            arn, policies, boundary = identity
            why = allowed(Asked(action, resource, _context(call, arn, "sts", {})), policies, boundary)
            self.asked[_principal(arn), action, resource] = why
            return why

    def _identity(self, call: Call) -> tuple[str, list[Document], Document | None] | None:
        from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
        from moto.iam.exceptions import NotFoundException

        headers = {"X-Amz-Security-Token": call.token} if call.token else {}
        try:
            key = create_access_key(ACCOUNT, "aws", call.access_key, headers)
        except CreateAccessKeyFailure:
            return None
        try:
            documents = [document_of(policy) for policy in key.collect_policies()]
        except NotFoundException:
            return None
        return key.arn, documents, self._boundary(key.arn)

    def _boundary(self, arn: str) -> Document | None:
        if ":assumed-role/" not in arn:
            return None
        iam = backend("iam", "us-east-1", ACCOUNT)
        return boundary_of(iam.get_role(arn.partition(":assumed-role/")[2].partition("/")[0]))

    def _needs(self, call: Call, prefix: str, action: str, request: HttpRequest) -> list[tuple[str, str, Tags]]:
        """Every (action, resource, tags of the resource) that the call needs."""
        if call.service == "s3":
            return _s3(action, request)
        if (call.service, action) == ("cloudwatch", "PutMetricData"):
            return [(f"{prefix}:{action}", "*", {_NAMESPACE: _namespace(request)})]
        params = _params(call.service, action, request)
        here = f"{call.region}:{ACCOUNT}"
        own = getattr(self, f"_{prefix}", None)
        resources = (
            own(action, params, here) if own else tagged.about(prefix, action, params, request.path, call.region)
        )
        name = iam_action(call.service, action)
        found = [(name, resource, tags) for resource, tags in resources]
        return [*found, *dependent.needs(call.service, action, params, found[0][1], ACCOUNT)]

    def _ssm(self, action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        document = f"arn:aws:ssm:{here}:document/"
        if action == "SendCommand":
            name = params["DocumentName"].rpartition("document/")[2]
            amazon = f"arn:aws:ssm:{here.partition(':')[0]}::document/{name}"
            instances = [
                (f"arn:aws:ec2:{here}:instance/{one}", self._tags(one)) for one in params.get("InstanceIds", [])
            ]
            for target in params.get("Targets", []):
                instances.append(
                    (f"arn:aws:ec2:{here}:instance/*", {target["Key"].removeprefix("tag:"): target["Values"][0]})
                )
            return [(amazon if name.startswith("AWS-") else document + name, {}), *instances]
        if "Document" in action and "Name" in params:
            return [(document + params["Name"], {})]
        if action in ("AddTagsToResource", "RemoveTagsFromResource") and params.get("ResourceType") == "Document":
            return [(document + params["ResourceId"], {})]
        names = params.get("Names") or [params[key] for key in ("Name", "Path", "ResourceId") if params.get(key)]
        if ("Parameter" in action or "Tags" in action) and action != "DescribeParameters" and names:
            return [(_parameter(name, here), {}) for name in names]
        return [("*", {})]

    def _autoscaling(self, action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        tagged = [tag["ResourceId"] for tag in params.get("Tags", [])]
        name = params.get("AutoScalingGroupName") or "".join(tagged[:1])
        found = self._engine.group_of(params.get("InstanceId", ""))
        for group in self._engine.groups.values():
            if not action.startswith("Describe") and (group.name == name or (not name and found and found[0] is group)):
                return [(group.arn, {key: str(tag["Value"]) for key, tag in group.tags.items()})]
        if action == "CreateAutoScalingGroup":
            return [(f"arn:aws:autoscaling:{here}:autoScalingGroup:new:autoScalingGroupName/{name}", {})]
        return [("*", {})]

    def _elasticloadbalancing(self, action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        kind = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup"}.get(action)
        if kind:
            return [(f"arn:aws:elasticloadbalancing:{here}:{kind}/{params.get('Name')}/new", {})]
        if action in ("AddTags", "RemoveTags"):
            return [(arn, {}) for arn in params.get("ResourceArns", [])] or [("*", {})]
        for key in ("ListenerArn", "TargetGroupArn", "LoadBalancerArn", "RuleArn"):
            if key in params and not action.startswith("Describe"):
                return [(params[key], {})]
        return [("*", {})]

    def _dynamodb(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        if "TableName" not in params:
            return [("*", {})]
        keys = [
            str(value)
            for item in (params.get("Key"), params.get("Item"))
            for value in (item or {}).get("LockID", {}).values()
        ]
        return [(f"arn:aws:dynamodb:{here}:table/{params['TableName']}", {_ROW: keys[0]} if keys else {})]

    def _ecr(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        names = params.get("repositoryNames") or [params[key] for key in ("repositoryName",) if key in params]
        return [(f"arn:aws:ecr:{here}:repository/{name}", {}) for name in names] or [("*", {})]

    def _logs(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        name, stream = params.get("logGroupName"), params.get("logStreamName")
        if not name:
            return [(params.get("resourceArn") or "*", {})]
        return [(f"arn:aws:logs:{here}:log-group:{name}:{f'log-stream:{stream}' if stream else ''}", {})]

    def _cloudformation(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        name = str(params.get("StackName") or "")
        kinds = [str(one.get("ResourceType")) for one in params.get("ResourcesToImport") or []]
        tags = {_IMPORTED: "\n".join(kinds)} if kinds else {}
        if name.startswith("arn:"):
            return [(name, tags)]
        return [(f"arn:aws:cloudformation:{here}:stack/{name}/00000000", tags)] if name else [("*", {})]

    def _sts(self, _action: str, params: dict[str, Any], _here: str) -> list[tuple[str, Tags]]:
        return [(params.get("RoleArn", "*"), {})]

    def _iam(self, _action: str, params: dict[str, Any], _here: str) -> list[tuple[str, Tags]]:
        for key, kind in (("InstanceProfileName", "instance-profile"), ("RoleName", "role"), ("UserName", "user")):
            if params.get(key):
                limit = params.get("PermissionsBoundary") or (_limit(params[key]) if kind == "role" else "")
                where = f"{kind}{_path(kind, params)}{params[key]}"
                return [(f"arn:aws:iam::{ACCOUNT}:{where}", {_BOUNDARY: limit} if limit else {})]
        if params.get("PolicyName"):
            return [(f"arn:aws:iam::{ACCOUNT}:policy/{params['PolicyName']}", {})]
        named = (params.get(key) for key in ("PolicyArn", "PolicySourceArn", "OpenIDConnectProviderArn"))
        return [(next(filter(None, named), "*"), {})]

    def _cloudwatch(self, action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        if params.get("ResourceARN"):
            return [(params["ResourceARN"], {})]
        if params.get("DashboardName") or "DashboardNames" in params:
            boards = params.get("DashboardNames") or [params["DashboardName"]]
            return [(f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}", {}) for name in boards]
        names = [params["AlarmName"]] if params.get("AlarmName") else params.get("AlarmNames") or []
        return [(f"arn:aws:cloudwatch:{here}:alarm:{name}", {}) for name in names] or [("*", {})]

    def _events(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        name = params.get("Rule") or params.get("Name")
        return [(params.get("ResourceARN") or (f"arn:aws:events:{here}:rule/{name}" if name else "*"), {})]

    def _sns(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        """Topics, also for their subscriptions, which have no resource of their own."""
        if params.get("SubscriptionArn"):
            return [(str(params["SubscriptionArn"]).rpartition(":")[0], {})]
        given = params.get("TopicArn") or params.get("ResourceArn")
        return [(given or (f"arn:aws:sns:{here}:{params['Name']}" if params.get("Name") else "*"), {})]

    def _sqs(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        name = str(params.get("QueueName") or str(params.get("QueueUrl") or "").rpartition("/")[2])
        return [(f"arn:aws:sqs:{here}:{name}" if name else "*", {})]

    def _cloudtrail(self, _action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        name = str(params.get("Name") or params.get("TrailName") or params.get("ResourceId") or "*")
        return [(name if name == "*" or name.startswith("arn:") else f"arn:aws:cloudtrail:{here}:trail/{name}", {})]

    def _budgets(self, _action: str, params: dict[str, Any], _here: str) -> list[tuple[str, Tags]]:
        name = params.get("BudgetName") or (params.get("Budget") or {}).get("BudgetName")
        return [(f"arn:aws:budgets::{ACCOUNT}:budget/{name}" if name else "*", {})]

    def _ec2(self, action: str, params: dict[str, Any], here: str) -> list[tuple[str, Tags]]:
        return ec2_resources.about(action, params, here.partition(":")[0])

    def _tags(self, instance_id: str) -> Tags:
        instance = self._fleet.instances.get(instance_id)
        return dict(backend("ec2", instance.region, ACCOUNT).tags.get(instance_id, {})) if instance else {}


def iam_action(service: str, operation: str) -> str:
    """What policies call an operation of ``service`` as botocore names them: ``elasticloadbalancing:AddTags``."""
    prefix = _PREFIXES.get(service, service)
    other = _S3_ACTIONS.get(operation) if service == "s3" else _ACTIONS.get((service, operation))
    return f"{prefix}:{other or operation}"


def _params(service: str, action: str, request: HttpRequest) -> dict[str, Any]:
    """The members of a request that are easily read: of the query protocols and of JSON; empty for the rest."""
    if "x-amz-target" in request.headers:
        with contextlib.suppress(ValueError):
            found = json.loads(request.body or b"{}")
            return found if isinstance(found, dict) else {}
    elif wire.model(service).protocol in ("query", "ec2", "json"):
        with contextlib.suppress(ServiceError):
            return wire.parse(service, action, request)
    return {}


def _path(kind: str, params: dict[str, Any]) -> str:
    """Of a role, an instance profile or a user that is there, or is about to be made."""
    from moto.iam.exceptions import NotFoundException

    store = backend("iam", "us-east-1", ACCOUNT)
    with contextlib.suppress(NotFoundException):
        if kind == "role":
            return str(store.get_role(params["RoleName"]).path or "/")
        if kind == "instance-profile":
            return str(store.get_instance_profile(params["InstanceProfileName"]).path or "/")
        return str(store.get_user(params["UserName"]).path or "/")
    return str(params.get("Path") or "/")


def _limit(role: str) -> str:
    """The ARN of a role's permissions boundary; empty without one."""
    from moto.iam.exceptions import NotFoundException

    try:
        limit = backend("iam", "us-east-1", ACCOUNT).get_role(role).permissions_boundary
    except NotFoundException:
        return ""
    return str(limit if isinstance(limit, str) else limit["PermissionsBoundaryArn"]) if limit else ""


def _principal(arn: str) -> str:
    """A role rather than each session with it."""
    return arn.rpartition("/")[0] if ":assumed-role/" in arn else arn


def _namespace(request: HttpRequest) -> str:
    """Of the metrics in a PutMetricData, whichever protocol it speaks."""
    found = re.search(rb'"Namespace"\s*:\s*"([^"]+)"|(?:^|&)Namespace=([^&]+)', request.body)
    return unquote((found[1] or found[2]).decode()) if found else ""


def _parameter(name: str, here: str) -> str:
    """AWS's own parameters belong to no account (Systems Manager user guide, "Calling public parameters")."""
    where = here.replace(ACCOUNT, "") if name.startswith("/aws/service/") else here
    return f"arn:aws:ssm:{where}:parameter/{name.partition(':')[0].strip('/')}"


def boundary_of(role: Any) -> Document | None:
    """The document of a role's permissions boundary."""
    limit = role.permissions_boundary
    if not limit:
        return None
    arn = limit if isinstance(limit, str) else limit["PermissionsBoundaryArn"]
    return document_of(backend("iam", "us-east-1", ACCOUNT).managed_policies[arn])


def document_of(policy: Any) -> Document:
    """Of what moto calls a policy: a text, an inline policy's record, or a managed policy with its versions."""
    text = (
        policy
        if isinstance(policy, str)
        else policy["policy_document"]
        if isinstance(policy, dict)
        else next(one.document for one in policy.versions if one.version_id == policy.default_version_id)
    )
    loaded: Document = json.loads(unquote(text) if text.startswith("%") else text)
    return loaded


def _s3(action: str, request: HttpRequest) -> list[tuple[str, str, Tags]]:
    """Objects are named by their path; a list of objects to delete stands in the body."""
    path = unquote(request.path).strip("/")
    where = f"arn:aws:s3:::{path}" if path else "*"
    if action == "DeleteObjects":
        version = "Version" if b"<VersionId>" in request.body else ""
        keys = re.findall(r"<Key>([^<]*)</Key>", request.body.decode())
        return [(f"s3:DeleteObject{version}", f"{where}/{unescape(key)}", {}) for key in keys]
    named = (
        "s3:GetObjectVersion" if action == "GetObject" and "versionId=" in request.target else iam_action("s3", action)
    )
    return [(named, where, {})]


def _context(call: Call, arn: str, prefix: str, tags: Tags) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {
        "aws:requestedregion": (call.region,),
        "aws:principalarn": (arn,),
        "aws:principalaccount": (ACCOUNT,),
        "aws:securetransport": ("true",),
    }
    if ":assumed-role/" in arn:
        session = arn.rpartition("/")[2]
        context["aws:rolesessionname"] = (session,)
        if session.startswith("i-"):
            instance = f"arn:aws:ec2:{call.region}:{ACCOUNT}:instance/{session}"
            context["ec2:sourceinstancearn"] = context["aws:ec2instancesourcearn"] = (instance,)
    for key, value in tags.items():
        if key in ("iam:PassedToService", _NAMESPACE, _BOUNDARY, _ROW, _IMPORTED, _CREATING):
            context[key.lower()] = tuple(value.split("\n"))
        for name in ("aws:resourcetag", f"{prefix}:resourcetag"):
            context[f"{name}/{key}".lower()] = (str(value),)
    return context


def _denied(service: str, arn: str, action: str, resource: str, why: str) -> ServiceError:
    message = f"User: {arn} is not authorized to perform: {action} on resource: {resource} {why}"
    if service == "ec2":
        return ServiceError(
            "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403
        )
    spoken = (
        set() if service == "s3" else {wire.model(service).protocol, *wire.model(service).metadata.get("protocols", ())}
    )
    json_protocol = "json" in spoken and "query" not in spoken
    return ServiceError(
        "AccessDeniedException" if json_protocol else "AccessDenied", message, 400 if json_protocol else 403
    )


def rest_operation(service: str, request: HttpRequest) -> str:
    """The operation of a request whose protocol names it by method and path; empty if none fits."""
    found = _CBOR.fullmatch(request.path)
    if found:
        return found.group(1)
    path, _, query = request.target.partition("?")
    given = {part.partition("=")[0] for part in query.split("&")}
    best = ("", -1)
    for name, method, pattern, literals in _routes(service):
        if method == request.method and pattern.fullmatch(path) and literals <= given and len(literals) > best[1]:
            best = (name, len(literals))
    return best[0]


@cache
def _routes(service: str) -> tuple[tuple[str, str, re.Pattern[str], frozenset[str]], ...]:
    routes = []
    service_model = wire.model(service)
    for name in service_model.operation_names:
        http = service_model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", pattern)
        literals = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        routes.append((name, http["method"], re.compile(pattern + "/?"), literals))
    return tuple(routes)
