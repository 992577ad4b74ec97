"""The cases, in the order in which a first trial costs least."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hermes_cfn.aws.calls import AwsError
from hermes_cfn.flows.conformance import Case, Differs, World

GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/"
SSM = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/"


def _template(resources: dict[str, Any], **more: Any) -> str:
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, **more})


def _parameter(world: World, suffix: str = "", value: Any = "one", **more: Any) -> dict[str, Any]:
    properties = {"Type": "String", "Name": world.name + suffix, "Value": value}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties, **more}


def _value(world: World, suffix: str = "") -> str:
    return str(world.calls("ssm").get_parameter(Name=world.name + suffix)["Parameter"]["Value"])


def outputs(world: World) -> None:
    text = _template({"P": _parameter(world)}, Outputs={"Out": {"Value": {"Ref": "P"}}})
    world.expect("status", world.bring(text, "CREATE"), "CREATE_COMPLETE")
    found = {one["OutputKey"]: one["OutputValue"] for one in world.stack().get("Outputs", ())}
    world.expect("outputs", found, {"Out": world.name})


def events(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    found = world.calls("cloudformation").describe_stack_events(StackName=world.name)["StackEvents"]
    seen = {(one["LogicalResourceId"], one["ResourceStatus"]) for one in found}
    for status in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"):
        if ("P", status) not in seen:
            raise Differs(f"no event {status} for the resource")


def replacement(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    found = world.change_set(_template({"P": _parameter(world, "-b")}), "UPDATE", "two")
    world.expect("Replacement", [one["ResourceChange"].get("Replacement") for one in found["Changes"]], ["True"])


def no_replacement(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    found = world.change_set(_template({"P": _parameter(world, value="two")}), "UPDATE", "two")
    world.expect("Replacement", [one["ResourceChange"].get("Replacement") for one in found["Changes"]], ["False"])


def empty(world: World) -> None:
    text = _template({"P": _parameter(world)})
    world.bring(text, "CREATE")
    world.expect("change set", world.change_set(text, "UPDATE", "two")["Status"], "FAILED")


def review(world: World) -> None:
    world.change_set(_template({"P": _parameter(world)}), "CREATE")
    world.expect("status", world.status(), "REVIEW_IN_PROGRESS")


def failed_creation(world: World) -> None:
    """The second of two parameters of one name cannot be made."""
    taken = _parameter(world, DependsOn="P")
    world.calls("cloudformation").create_stack(
        StackName=world.name, TemplateBody=_template({"P": _parameter(world, "-a"), "Q": _broken(world, taken)})
    )
    world.expect("status", world.rests(), "ROLLBACK_COMPLETE")
    world.refused(world.calls("ssm").get_parameter, Name=world.name + "-a")


def _broken(world: World, resource: dict[str, Any]) -> dict[str, Any]:
    """A parameter whose value does not match its own pattern: Systems Manager refuses it."""
    return {**resource, "Properties": {**resource["Properties"], "AllowedPattern": "^[0-9]+$"}}


def dead(world: World) -> None:
    failed_creation(world)
    error = world.refused(
        world.calls("cloudformation").update_stack,
        StackName=world.name,
        TemplateBody=_template({"P": _parameter(world)}),
    )
    world.expect("code", error.code, "ValidationError")


def failed_update(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    after = {"P": _parameter(world, value="two"), "Q": _broken(world, _parameter(world, "-q", DependsOn="P"))}
    world.expect("status", world.bring(_template(after), "UPDATE", "two"), "UPDATE_ROLLBACK_COMPLETE")
    world.expect("value", _value(world), "one")


def on_failure(world: World) -> None:
    text = _template({"Q": _broken(world, _parameter(world))})
    world.calls("cloudformation").create_stack(StackName=world.name, TemplateBody=text, OnFailure="DELETE")
    world.expect("status", world.rests(), "DELETE_COMPLETE")


def unknown_type(world: World) -> None:
    text = _template({"X": {"Type": "AWS::Nothing::AtAll", "Properties": {}}})
    error = world.refused(world.calls("cloudformation").create_stack, StackName=world.name, TemplateBody=text)
    world.expect("code", error.code, "ValidationError")


def cidr(world: World) -> None:
    value = {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}]}
    world.bring(_template({"P": _parameter(world, value=value)}), "CREATE")
    world.expect("value", _value(world), "10.0.1.0/24")


def no_echo(world: World) -> None:
    text = _template({"P": _parameter(world, value={"Ref": "S"})}, Parameters={"S": {"Type": "String", "NoEcho": True}})
    world.bring(text, "CREATE", Parameters=[{"ParameterKey": "S", "ParameterValue": "not-to-be-shown"}])
    world.expect("shown", [one["ParameterValue"] for one in world.stack()["Parameters"]], ["****"])


def protection(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    cloudformation = world.calls("cloudformation")
    cloudformation.update_termination_protection(StackName=world.name, EnableTerminationProtection=True)
    world.refused(cloudformation.delete_stack, StackName=world.name)
    world.expect("status", world.status(), "CREATE_COMPLETE")


def drift(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    world.calls("ssm").put_parameter(Name=world.name, Value="by hand", Type="String", Overwrite=True)
    cloudformation = world.calls("cloudformation")
    asked = cloudformation.detect_stack_drift(StackName=world.name)["StackDriftDetectionId"]
    found = world.until(
        lambda: cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=asked),
        lambda one: one["DetectionStatus"] != "DETECTION_IN_PROGRESS",
    )
    world.expect("drift", found.get("StackDriftStatus"), "DRIFTED")


def deleted_events(world: World) -> None:
    world.bring(_template({"P": _parameter(world)}), "CREATE")
    stack = world.stack()["StackId"]
    world.calls("cloudformation").delete_stack(StackName=world.name)
    world.rests()
    found = world.calls("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    world.expect("newest", found[0]["ResourceStatus"], "DELETE_COMPLETE")


def stray_parameter(world: World) -> None:
    text = _template({"P": _parameter(world)})
    given = [{"ParameterKey": "Nobody", "ParameterValue": "x"}]
    cloudformation = world.calls("cloudformation")
    error = world.refused(cloudformation.create_stack, StackName=world.name, TemplateBody=text, Parameters=given)
    world.expect("code", error.code, "ValidationError")


def kept(world: World) -> None:
    world.bring(_template({"P": _parameter(world, DeletionPolicy="Retain")}), "CREATE")
    world.calls("cloudformation").delete_stack(StackName=world.name)
    world.rests()
    world.expect("value", _value(world), "one")


def taken_up(world: World) -> None:
    kept(world)
    text = _template({"P": _parameter(world, DeletionPolicy="Retain")})
    made = world.change_set(text, "CREATE", ImportExistingResources=True)
    world.expect("actions", [one["ResourceChange"]["Action"] for one in made.get("Changes", ())], ["Import"])
    world.calls("cloudformation").delete_change_set(StackName=world.name, ChangeSetName="one")


def not_taken_up(world: World) -> None:
    kept(world)
    named = _parameter(world, DeletionPolicy="Retain")
    named["Properties"]["Name"] = {"Fn::Sub": world.name.replace("-conformance", "-${What}", 1)}
    text = _template({"P": named}, Parameters={"What": {"Type": "String", "Default": "conformance"}})
    made = world.change_set(text, "CREATE", ImportExistingResources=True)
    if "Import" in [one["ResourceChange"]["Action"] for one in made.get("Changes", ())]:
        raise Differs("what a function names was taken up")


def versions(world: World) -> None:
    ssm = world.calls("ssm")
    for value in ("one", "two"):
        ssm.put_parameter(Name=world.name, Value=value, Type="String", Overwrite=True)
    world.expect("old", ssm.get_parameter(Name=f"{world.name}:1")["Parameter"]["Value"], "one")
    world.refused(ssm.get_parameter, Name=f"{world.name}:3")


def overwriting(world: World) -> None:
    ssm = world.calls("ssm")
    ssm.put_parameter(Name=world.name, Value="one", Type="String")
    error = world.refused(ssm.put_parameter, Name=world.name, Value="two", Type="String")
    world.expect("code", error.code, "ParameterAlreadyExists")


def wide_pattern(world: World) -> str:
    """The service and the agent do not read patterns alike; what the service takes is not written anywhere."""
    content = {
        "schemaVersion": "2.2",
        "parameters": {"Word": {"type": "String", "allowedPattern": "^[a-z]{4,8192}$"}},
        "mainSteps": [{"action": "aws:runShellScript", "name": "one", "inputs": {"runCommand": ["true"]}}],
    }
    try:
        world.calls("ssm").create_document(Name=world.name, Content=json.dumps(content), DocumentType="Command")
    except AwsError as error:
        return f"a pattern with 8,192 repetitions is refused: {error.code}"
    return "a pattern with 8,192 repetitions is taken"


CASES: tuple[Case, ...] = (
    Case("a change set that is executed leaves outputs", GUIDE + "outputs-section-structure.html", outputs),
    Case("every resource has its events", API + "API_DescribeStackEvents.html", events),
    Case("a change of a name is a replacement", API + "API_ResourceChange.html", replacement),
    Case("a change of a value is none", API + "API_ResourceChange.html", no_replacement),
    Case("a change set without changes fails", GUIDE + "using-cfn-updating-stacks-changesets-create.html", empty),
    Case("a change set for a new stack leaves it in review", API + "API_CreateChangeSet.html", review),
    Case(
        "a creation that fails is rolled back, and nothing is left",
        GUIDE + "stack-failure-options.html",
        failed_creation,
    ),
    Case("what was rolled back at its creation is never updated", GUIDE + "view-stack-events.html", dead),
    Case("an update that fails brings back what was there", GUIDE + "stack-failure-options.html", failed_update),
    Case("OnFailure DELETE leaves no stack", API + "API_CreateStack.html", on_failure),
    Case("a type that does not exist is refused", API + "API_CreateStack.html", unknown_type),
    Case("Fn::Cidr cuts a range", GUIDE + "intrinsic-function-reference-cidr.html", cidr),
    Case("NoEcho hides a parameter", GUIDE + "parameters-section-structure.html", no_echo),
    Case("termination protection refuses a deletion", GUIDE + "using-cfn-protect-stacks.html", protection),
    Case("a change by hand is drift", GUIDE + "using-cfn-stack-drift.html", drift),
    Case("a deleted stack keeps its events under its ID", API + "API_DescribeStackEvents.html", deleted_events),
    Case("a parameter that the template has not is refused", API + "API_CreateStack.html", stray_parameter),
    Case("DeletionPolicy Retain keeps a resource", GUIDE + "aws-attribute-deletionpolicy.html", kept),
    Case("what has a static name is taken up again", GUIDE + "import-resources-automatically.html", taken_up),
    Case("what a function names is not taken up", GUIDE + "import-resources-automatically.html", not_taken_up),
    Case("a parameter is read by its version", SSM + "API_GetParameter.html", versions),
    Case("a parameter is overwritten only when told so", SSM + "API_PutParameter.html", overwriting),
    Case("patterns that the agent cannot compile", SSM + "API_CreateDocument.html", wide_pattern),
)

AT_MOST_USD = sum((case.usd for case in CASES), Decimal(0))
