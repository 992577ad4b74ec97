"""Reading what a caller asks for: template, parameters, capabilities, each refused in AWS's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from botocore.exceptions import ClientError

from hermes_cfn.cfn import anatomy
from hermes_cfn.cfn.extensions import TRANSFORM, transforms_of
from hermes_cfn.cfn.intrinsics import Scope, Unknown, active_resources, outputs, resolve_parameters
from hermes_cfn.cfn.parameters import SSM_TYPE
from hermes_cfn.cfn.refusal import invalid
from hermes_cfn.cfn.rules import check_rules
from hermes_cfn.cfn.schemas import schema, supported
from hermes_cfn.cfn.short_forms import has_aliases
from hermes_cfn.cfn.template import Template, arguments_of, dependencies, load, references, resource_references
from hermes_cfn.errors import HermesError
from hermes_cfn.local.clients import Door, Session
from hermes_cfn.local.cloudformation.model import Request, Stack
from hermes_cfn.local.providers import HANDLERS, OUTSIDE
from hermes_cfn.local.providers.base import denied
from hermes_cfn.local.wire import ServiceError

BODY_LIMIT = 51_200
URL_LIMIT = 1_000_000
_S3_ERRORS = "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
_DYNAMIC = re.compile(r"\{\{resolve:ssm:([^:}]+(?::\d+)?)\}\}")
_IAM = frozenset(
    f"AWS::IAM::{name}"
    for name in (
        "AccessKey",
        "Group",
        "InstanceProfile",
        "ManagedPolicy",
        "Policy",
        "Role",
        "User",
        "UserToGroupAddition",
    )
)
NESTED = "AWS::CloudFormation::Stack"
_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}


def validation(message: str) -> ServiceError:
    """CloudFormation's error for nearly everything."""
    return ServiceError("ValidationError", message)


def text_of(params: Mapping[str, Any], caller: Door, region: str) -> str:
    """The template's text from TemplateBody or TemplateURL.

    Limits: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    body = params.get("TemplateBody")
    if body and params.get("TemplateURL"):
        raise validation("Specify only one of TemplateBody and TemplateURL.")
    if body:
        if len(body.encode()) > BODY_LIMIT:
            raise validation(
                f"1 validation error detected: Value '{body[:60]}…' at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {BODY_LIMIT}"
            )
        return str(body)
    if params.get("TemplateURL"):
        return fetched(str(params["TemplateURL"]), caller, region)
    raise validation("Either Template URL or Template Body must be specified.")


def fetched(url: str, caller: Door, region: str) -> str:
    """The text of an object in a bucket, which the caller must be able to read, whoever the stack acts as.

    Raises ServiceError.  https://repost.aws/knowledge-center/cfn-s3-access-denied-error
    """
    place = urlparse(url)
    host = (place.hostname or "").split(".")
    path = unquote(place.path.lstrip("/"))
    virtual = "s3" in host[1:2] or any(part.startswith("s3-") for part in host[1:2])
    bucket, key = (host[0], path) if virtual else (path.partition("/")[0], path.partition("/")[2])
    if not bucket or not key:
        raise validation("TemplateURL must be a supported URL.")
    try:
        named = parse_qs(place.query).get("versionId")
        version = {"VersionId": named[0]} if named else {}
        raw = caller("s3", region).get_object(Bucket=bucket, Key=key, **version)["Body"].read()
    except ClientError as error:
        said = "Access Denied" if denied(error) else error.response["Error"].get("Message", "")
        raise validation(f"S3 error: {said}\nFor more information check {_S3_ERRORS}") from error
    if len(raw) > URL_LIMIT:
        raise validation(f"Template may not exceed {URL_LIMIT} bytes in size.")
    return str(raw.decode())


def parse(text: str, region: str, given: Mapping[str, Any] | None = None) -> Template:
    """A template that can be deployed here.

    Refuses transforms, nested stacks, types that the region or the embedded cloud lacks, and
    properties that AWS has but the embedded cloud does not act on; each by name.
    """
    try:
        body = load(text)
        _refuse_macros(body)
        template = Template.parse(body, given)
        if not text.lstrip("\ufeff \n\r\t").startswith("{") and has_aliases(text):
            raise invalid("Template error: YAML aliases are not allowed in CloudFormation templates")
        anatomy.check(template)
        dependencies(template)
    except HermesError as error:
        raise validation(error.findings[0].what) from error
    if "Hooks" in template.body:
        raise refused("the template section Hooks")
    types = {resource.type for resource in template.resources.values()}
    strange = sorted(
        kind for kind in types if not (supported(kind, region) or kind in OUTSIDE or kind.startswith("Custom::"))
    )
    if strange:
        raise validation(f"Template format error: Unrecognized resource types: [{', '.join(strange)}]")
    unknown = sorted(kind for kind in types if kind not in HANDLERS)
    if unknown:
        raise refused(f"resource types [{', '.join(unknown)}]")
    _check_secure(template)
    _check_snapshots(template)
    _check_properties(template, region)
    _check_attributes(template, region)
    return template


def _refuse_macros(body: Any) -> None:
    """Transforms are named before anything else is said: a template that one will change need not have the form."""
    if not isinstance(body, Mapping):
        return
    others = [name for name in transforms_of(body) if name != TRANSFORM]
    if others:
        raise refused(f"transforms [{', '.join(others)}]")
    if "Fn::Transform" in body or any(True for _ in arguments_of("Fn::Transform", body)):
        raise refused("transforms [Fn::Transform]")


def refused(what: str) -> ServiceError:
    """The refusal of something that AWS would do and the embedded cloud does not."""
    return validation(f"The embedded cloud does not support {what}.")


def _check_properties(template: Template, region: str) -> None:
    odd = []
    for name, resource in template.resources.items():
        handler, known = HANDLERS[resource.type], schema(resource.type, region)
        for key in resource.properties:
            if known is not None and key in known.properties and key not in handler.known | handler.accepted:
                odd.append(f"{name}.{key} ({resource.type})")
    if odd:
        raise refused(f"properties [{', '.join(odd)}]")


def _check_snapshots(template: Template) -> None:
    """None of the types here can be snapshotted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html (Snapshot)
    """
    for resource in template.resources.values():
        if "Snapshot" in (resource.deletion_policy, resource.update_replace_policy):
            raise validation(
                f"Template format error: {resource.type} of {resource.logical_id} does not support the policy Snapshot"
            )


def _check_secure(template: Template) -> None:
    """``ssm-secure`` is for a few properties only, of types that are not here.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
    """
    places = sorted(
        f"{resource.type}/Properties/{name}"
        for resource in template.resources.values()
        for name, value in resource.properties.items()
        if "{{resolve:ssm-secure:" in json.dumps(value, default=str)
    )
    if places:
        raise validation(f"SSM Secure reference is not supported in: [{', '.join(places)}]")


def _check_attributes(template: Template, region: str) -> None:
    places: list[Any] = [resource_references(resource) for resource in template.resources.values()]
    places += [references(output["Value"]) for output in template.outputs.values()]
    for found in places:
        for reference in found:
            target = template.resources.get(reference.target)
            known = schema(target.type, region) if target else None
            if target is None or known is None or reference.attribute in (None, "*"):
                continue
            if target.type == NESTED and str(reference.attribute).startswith("Outputs."):
                continue
            readable = {path.lstrip("/").replace("/", ".") for path in known.read_only} | known.properties
            if str(reference.attribute).split(".")[0] not in {path.split(".")[0] for path in readable}:
                raise validation(
                    f"Template error: resource {reference.target} does not support attribute type "
                    f"{reference.attribute} in Fn::GetAtt"
                )


def given_parameters(params: Mapping[str, Any], stack: Stack | None) -> dict[str, Any]:
    """Parameter values by name, previous ones where asked for."""
    before = stack.request.given if stack is not None and stack.request is not None else {}
    given: dict[str, Any] = {}
    for item in params.get("Parameters") or []:
        name = item["ParameterKey"]
        if item.get("UsePreviousValue"):
            if name in before:
                given[name] = before[name]
            continue
        given[name] = item.get("ParameterValue", "")
    return given


def ssm_values(text: str, template: Template, given: Mapping[str, Any], acting: Door, region: str) -> Stored:
    """Stored values of every SSM parameter that the template names; read anew each time, as the stack acts."""
    wanted = set(_DYNAMIC.findall(text))
    for name, spec in template.parameters.items():
        if SSM_TYPE.fullmatch(str(spec["Type"])):
            wanted.add(str(given.get(name, spec.get("Default", ""))))
    found = Stored(acting, region)
    for name in sorted(wanted - {""}):
        if name not in found:
            raise validation(f"Unable to fetch parameters [{name}] from parameter store for this account.")
    return found


class Stored(dict[str, str]):
    """Values of the Parameter Store by ``name`` or ``name:version``, each fetched when first asked for.

    What a function composes (``{{resolve:ssm:/${Stage}/ami}}`` in Fn::Sub) is known only then.  Raises HermesError
    for what may not be read (https://github.com/aws/aws-cdk/issues/20959 has the words) and for a SecureString.
    """

    def __init__(self, acting: Door, region: str) -> None:
        super().__init__()
        self._acting, self._region = acting, region

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        try:
            found = self._acting("ssm", self._region).get_parameters(Names=[name])["Parameters"]
        except ClientError as error:
            if denied(error):
                raise invalid("AccessDenied. User doesn't have permission to call ssm:GetParameters") from error
            return False
        for stored in found:
            if stored["Type"] == "SecureString":
                raise invalid(f"Parameters [{name}] referenced by template have types not supported by CloudFormation.")
            self[str(name)] = stored["Value"]
        return bool(found)


_EXISTING: dict[str, tuple[str, str, str, str]] = {
    "AWS::EC2::AvailabilityZone::Name": ("ec2", "describe_availability_zones", "ZoneNames", ""),
    "AWS::EC2::Image::Id": ("ec2", "describe_images", "ImageIds", "Images"),
    "AWS::EC2::Instance::Id": ("ec2", "describe_instances", "InstanceIds", "Reservations"),
    "AWS::EC2::KeyPair::KeyName": ("ec2", "describe_key_pairs", "KeyNames", "KeyPairs"),
    "AWS::EC2::SecurityGroup::Id": ("ec2", "describe_security_groups", "GroupIds", "SecurityGroups"),
    "AWS::EC2::Subnet::Id": ("ec2", "describe_subnets", "SubnetIds", "Subnets"),
    "AWS::EC2::VPC::Id": ("ec2", "describe_vpcs", "VpcIds", "Vpcs"),
}
"""How to ask whether a parameter's value exists: service, call, argument, and what must not be empty."""


def check_existence(template: Template, parameters: Mapping[str, Any], acting: Door, region: str) -> None:
    """Values of AWS-specific parameter types must exist in the account and region.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """
    for name, spec in template.parameters.items():
        stored = SSM_TYPE.fullmatch(str(spec["Type"]))
        kind = stored.group(1) if stored else str(spec["Type"])
        known = _EXISTING.get(kind.removeprefix("List<").removesuffix(">"))
        value = parameters[name]
        if known is None or isinstance(value, Unknown):
            continue
        service, call, argument, shown = known
        for one in value if isinstance(value, list) else [value]:
            try:
                found = getattr(acting(service, region), call)(**{argument: [one]})
            except ClientError as error:
                if denied(error):
                    raise validation(error.response["Error"]["Message"]) from error
                found = {}
            if not (found.get(shown) if shown else found):
                raise validation(
                    f"Parameter validation failed: parameter value {one} for parameter name {name} does not exist"
                )


def check_capabilities(template: Template, capabilities: tuple[str, ...]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-template.html (acknowledging)"""
    needed, _ = capability(template)
    if needed and not {needed, "CAPABILITY_NAMED_IAM"} & set(capabilities):
        raise ServiceError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


def capability(template: Template) -> tuple[str, list[str]]:
    """The capability that a template needs, or none, and for which types."""
    makes = [resource for resource in template.resources.values() if resource.type in _IAM]
    named = any(_NAMES.get(resource.type, "") in resource.properties for resource in makes)
    needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM" if makes else ""
    return needed, sorted({resource.type for resource in makes})


def read(
    params: Mapping[str, Any], caller: Door, acting: Door, session: Session, region: str, stack: Stack | None
) -> Request:
    """What is asked for, checked.  Raises ServiceError.

    The template is the ``caller``'s to read; what it names is looked up as the stack will act (``session``, by its
    clients ``acting``): https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    if params.get("ResourceTypes"):
        raise refused("ResourceTypes")
    triggers, monitoring = _triggers(params, stack)
    _check_tags(params.get("Tags") or ())
    before = stack.request if stack is not None else None
    if params.get("UsePreviousTemplate"):
        if before is None:
            raise validation("UsePreviousTemplate needs a stack that is deployed.")
        text = before.text
    else:
        text = text_of(params, caller, region)
    given = given_parameters(params, stack)
    template = parse(text, region, given)
    try:
        ssm = ssm_values(text, template, given, acting, region)
        parameters = resolve_parameters(template, given, ssm)
        check_rules(template, parameters)
    except HermesError as error:
        raise validation(error.findings[0].what) from error
    check_existence(template, parameters, acting, region)
    capabilities = tuple(params.get("Capabilities") or ())
    check_capabilities(template, capabilities)
    tags = (
        {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        if "Tags" in params
        else dict(before.tags if before else {})
    )
    arns = params.get("NotificationARNs")
    known = {name: value for name, value in parameters.items() if not isinstance(value, Unknown)}
    _try_out(template, Scope(parameters=known, region=region, stack_name=params["StackName"], ssm=ssm))
    return Request(
        session=session,
        text=text,
        template=template,
        given=given,
        parameters=known,
        tags=tags,
        capabilities=capabilities,
        role_arn=params.get("RoleARN") or (stack.role_arn if stack else ""),
        notification_arns=tuple(arns if arns is not None else before.notification_arns if before else ()),
        ssm=ssm,
        on_failure=_on_failure(params),
        token=params.get("ClientRequestToken") or params.get("ClientToken") or "",
        retain_except_on_create=bool(params.get("RetainExceptOnCreate")),
        express=express(params),
        minutes=params.get("TimeoutInMinutes"),
        triggers=triggers,
        monitoring=monitoring,
    )


def express(params: Mapping[str, Any]) -> bool:
    """Whether the operation is over as soon as the configuration is applied.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html
    """
    return (params.get("DeploymentConfig") or {}).get("Mode") == "EXPRESS"


def _triggers(params: Mapping[str, Any], stack: Stack | None) -> tuple[tuple[str, ...], int]:
    """Alarms of the rollback configuration and the minutes of monitoring; what a stack has stays until another comes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
    """
    before = stack.request if stack is not None else None
    given = params.get("RollbackConfiguration")
    if given is None:
        return (before.triggers, before.monitoring) if before is not None else ((), 0)
    rows = given.get("RollbackTriggers")
    if rows is not None and len(rows) > 5:
        raise validation("A maximum of 5 rollback triggers can be specified.")
    for row in rows or ():
        if row["Type"] not in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            raise validation(f"Rollback trigger type {row['Type']} is not supported.")
    minutes = given.get("MonitoringTimeInMinutes")
    if minutes is not None and not 0 <= int(minutes) <= 180:
        raise validation("MonitoringTimeInMinutes must be between 0 and 180.")
    kept = before.triggers if before is not None else ()
    return (tuple(row["Arn"] for row in rows) if rows is not None else kept), int(minutes or 0)


def _check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html"""
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise validation("aws: prefixed tag key names are not allowed for external use.")


def _try_out(template: Template, scope: Scope) -> None:
    """Raises ServiceError for what no resource's value could mend: a missing mapping, a wrong condition."""
    try:
        resources = active_resources(template, scope)
        outputs(template, scope)
    except HermesError as error:
        raise validation(error.findings[0].what) from error
    for name, resource in resources.items():
        what = HANDLERS[resource.type].refuses(resource.properties)
        refresh = resource.update_policy.get("AutoScalingInstanceRefresh")
        if not what and refresh is not None:
            what = _refused_refresh(resource.update_policy)
        if what:
            raise refused(f"{what} ({name})")


def _refused_refresh(policy: Mapping[str, Any]) -> str:
    """What the embedded cloud does not do of an instance refresh.  Raises ServiceError for two policies that exclude each other."""
    if "AutoScalingRollingUpdate" in policy:
        raise validation("UpdatePolicy can have only one of AutoScalingRollingUpdate and AutoScalingInstanceRefresh")
    wish = policy["AutoScalingInstanceRefresh"] or {}
    if wish.get("Strategy", "Rolling") != "Rolling":
        return f"the strategy {wish['Strategy']} of an instance refresh"
    return "AutoRollback of an instance refresh" if (wish.get("Preferences") or {}).get("AutoRollback") else ""


def _on_failure(params: Mapping[str, Any]) -> str:
    """What happens after a failure; in express mode nothing is taken back unless it is asked for."""
    mode = params.get("DeploymentConfig")
    if mode is not None:
        if params.get("DisableRollback") or params.get("OnFailure"):
            raise validation("DeploymentConfig cannot be specified together with DisableRollback or OnFailure.")
        return "DO_NOTHING" if mode.get("DisableRollback", express(params)) else "ROLLBACK"
    if params.get("DisableRollback"):
        if params.get("OnFailure"):
            raise validation("Either DisableRollback or OnFailure can be specified, not both.")
        return "DO_NOTHING"
    return str(params.get("OnFailure") or params.get("OnStackFailure") or "ROLLBACK")


def shown_parameters(request: Request) -> list[dict[str, Any]]:
    """Parameters as DescribeStacks shows them: NoEcho masked, SSM types with what they resolved to."""
    shown = []
    for name, spec in request.template.parameters.items():
        given = request.given.get(name, spec.get("Default", ""))
        value = ",".join(map(str, given)) if isinstance(given, list) else _plain(given)
        item = {"ParameterKey": name, "ParameterValue": "****" if _no_echo(spec) else value}
        if SSM_TYPE.fullmatch(str(spec["Type"])):
            resolved = request.parameters.get(name, "")
            item["ResolvedValue"] = ",".join(resolved) if isinstance(resolved, list) else str(resolved)
        shown.append(item)
    return shown


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _no_echo(spec: Mapping[str, Any]) -> bool:
    return str(spec.get("NoEcho", "")).lower() == "true"


def secrets_of(request: Request) -> tuple[str, ...]:
    """Values of NoEcho parameters, which nothing may show."""
    return tuple(
        str(value)
        for name, value in request.parameters.items()
        if _no_echo(request.template.parameters[name]) and str(value)
    )
