"""Stacks in every state that a deployer meets, brought to what is wanted by the embedded cloud's own CloudFormation."""

import json
from dataclasses import replace

import pytest

from hermes_cfn import stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.config import parse
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.events import Noted, ResourceEvent
from hermes_cfn.flows import destroy
from hermes_cfn.flows.base.context import stand
from hermes_cfn.flows.stacks.deployer import StackDeployer
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests import owners


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """A cloud whose resources take their time, hurried thirty times."""
    state = tmp_path_factory.mktemp("states")
    status = control.start(state, Options(follow_parent=True, real_time=True, speed=30))
    patch = pytest.MonkeyPatch()
    patch.setenv("HERMES_STATE", str(state))
    try:
        settings = parse("")
        yield stand(
            connect(None, "eu-south-2", status.endpoint, control.administrator(state)), settings, stacks.build(settings)
        )
    finally:
        patch.undo()
        control.reset(state)


@pytest.fixture(autouse=True)
def well(context):
    yield
    control.ask(control.default_state(), "faults", {"clear": True})


def client(context):
    return owners.client(control.default_state(), "cloudformation")


def spec(name: str, **resources) -> StackSpec:
    return StackSpec(name, f"state-{name}", "eu-south-2", template(**resources))


def template(**resources):
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def topic(**properties):
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def bucket(name: str, **more):
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **more.pop("properties", {})}, **more}


def run(story, told=None):
    """The value of a story; ``told`` collects its events."""
    while True:
        try:
            event = next(story)
        except StopIteration as end:
            return end.value
        if told is not None:
            told.append(event)


def brought(context, *specs, told=None):
    return run(StackDeployer(context, specs).run(lambda: None), told)


def gone(context, made: StackSpec, **consent):
    run(destroy.StackDeleter(context, [made], destroy.Consent(**consent)).run(None))
    assert context.clients.cloudformation().observe(made.name).status is None


def status(context, made: StackSpec):
    return context.clients.cloudformation().observe(made.name).status


def test_a_template_above_the_limit_goes_through_the_artifacts_bucket(context) -> None:
    place = {"LocationConstraint": "eu-south-2"}
    context.clients.session.client("s3", endpoint_url=context.clients.endpoint_url).create_bucket(
        Bucket=context.names.artifacts_bucket, CreateBucketConfiguration=place
    )
    large = spec("large", Topic={**topic(), "Metadata": {"note": "x" * 52_000}})
    assert brought(context, large) == {"large": "CREATE_COMPLETE"}
    (key,) = [key for key, _ in context.clients.s3.objects(context.names.artifacts_bucket, "templates/")]
    assert "/large-" in key and key.endswith(".json")


def test_throttling_is_waited_out(context) -> None:
    fault = {"service": "cloudformation", "action": "*", "kind": "throttle", "times": 3, "skip": 2}
    control.ask(control.default_state(), "faults", {"api": fault})
    assert brought(context, spec("throttled", Topic=topic())) == {"throttled": "CREATE_COMPLETE"}


def held(*, on: bool) -> None:
    """The bucket's creation or update is not over before it is told to be."""
    control.ask(control.default_state(), "faults", {"set": "holds", "subject": "Bucket", "value": on or None})


def test_credentials_that_expire_in_the_middle_are_said_and_the_next_run_attaches(context) -> None:
    slow = spec("expired", Bucket=bucket("state-expired-bucket"))
    held(on=True)
    fault = {"service": "cloudformation", "action": "DescribeStacks", "kind": "expired", "times": 1, "skip": 5}
    control.ask(control.default_state(), "faults", {"api": fault})
    with pytest.raises(HermesError) as caught:
        brought(context, slow)
    (finding,) = caught.value.findings
    assert finding.code == "credentials-expired"
    assert "renew" in str(finding.next)
    assert status(context, slow) == "CREATE_IN_PROGRESS"
    held(on=False)
    told = []
    assert brought(context, slow, told=told) == {"expired": "unchanged"}
    assert any(isinstance(event, ResourceEvent) for event in told), "it followed what was under way"


def test_an_operation_of_somebody_else_is_followed_and_then_built_upon(context) -> None:
    theirs = template(Bucket=bucket("state-attached-bucket"))
    client(context).create_stack(StackName="state-attached", TemplateBody=json.dumps(theirs))
    ours = spec("attached", Bucket=bucket("state-attached-bucket"), Topic=topic())
    told = []
    assert brought(context, ours, told=told) == {"attached": "UPDATE_COMPLETE"}
    seen = [(event.logical_id, event.status) for event in told if isinstance(event, ResourceEvent)]
    assert ("Bucket", "CREATE_COMPLETE") in seen
    assert ("Topic", "CREATE_COMPLETE") in seen


def test_an_update_that_somebody_had_stop_where_it_failed_is_rolled_back_and_built_upon(context) -> None:
    first = spec("paused", Topic=topic())
    brought(context, first)
    control.ask(control.default_state(), "faults", {"set": "create-fails", "subject": "Theirs", "value": "no"})
    theirs = template(Topic=topic(DisplayName="theirs"), Theirs=topic())
    client(context).update_stack(StackName=first.name, TemplateBody=json.dumps(theirs), DisableRollback=True)
    while status(context, first) == "UPDATE_IN_PROGRESS":
        context.clock.sleep(0.2)
    assert status(context, first) == "UPDATE_FAILED"
    control.ask(control.default_state(), "faults", {"clear": True})
    told = []
    assert brought(context, spec("paused", Topic=topic(DisplayName="ours")), told=told) == {"paused": "UPDATE_COMPLETE"}
    assert "UPDATE_ROLLBACK_COMPLETE" in [event.status for event in told if isinstance(event, ResourceEvent)]


def test_a_stack_left_in_review_by_somebody_is_taken_up(context) -> None:
    client(context).create_change_set(
        StackName="state-review",
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template(Old=topic())),
    )
    review = spec("review", Topic=topic())
    assert status(context, review) == "REVIEW_IN_PROGRESS"
    assert brought(context, review) == {"review": "CREATE_COMPLETE"}


def test_a_stack_whose_creation_failed_is_deleted_and_created_anew_after_saying_so(context) -> None:
    made = spec("anew", Topic=topic())
    control.ask(control.default_state(), "faults", {"set": "create-fails", "subject": "Topic", "value": "no"})
    with pytest.raises(HermesError):
        brought(context, made)
    assert status(context, made) == "ROLLBACK_COMPLETE"
    control.ask(control.default_state(), "faults", {"clear": True})
    told = []
    assert brought(context, made, told=told) == {"anew": "CREATE_COMPLETE"}
    assert "stack-recreated" in {event.finding.code for event in told if isinstance(event, Noted)}


def interrupted(context, wanted: StackSpec, choice: str):
    """What it ends with when a person presses Ctrl-C in the middle of the update."""
    held(on=True)
    story = StackDeployer(context, [wanted], interrupted=lambda: choice).run(lambda: None)
    for event in story:
        if isinstance(event, ResourceEvent) and event.logical_id == "Bucket":
            break
    assert status(context, wanted) == "UPDATE_IN_PROGRESS"
    with pytest.raises(HermesError) as caught:
        story.throw(KeyboardInterrupt())
        list(story)
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    held(on=False)
    return caught.value.findings[0]


def test_ctrl_c_detaches_or_cancels_the_update(context) -> None:
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    before = spec("left", Bucket=bucket("state-left-bucket"))
    after = spec("left", Bucket=bucket("state-left-bucket", properties=versioned))
    brought(context, before)
    assert interrupted(context, after, "cancel").code == "cancelled"
    assert status(context, after) == "UPDATE_ROLLBACK_COMPLETE"
    finding = interrupted(context, after, "detach")
    assert finding.code == "detached"
    assert "deploy" in str(finding.next)
    assert brought(context, after) == {"left": "unchanged"}
    assert status(context, after) == "UPDATE_COMPLETE"


def test_ctrl_c_asks_nothing_where_there_is_no_update_to_cancel(context) -> None:
    made = spec("closed", Bucket=bucket("state-closed-bucket"))
    held(on=True)
    story = StackDeployer(context, [made], interrupted=lambda: pytest.fail("asked")).run(lambda: None)
    next(event for event in story if isinstance(event, ResourceEvent) and event.logical_id == "Bucket")
    with pytest.raises(HermesError) as caught:
        story.throw(KeyboardInterrupt())
    assert (caught.value.findings[0].code, caught.value.findings[0].where) == ("detached", made.name)
    held(on=False)
    assert brought(context, made) == {"closed": "unchanged"}


def test_protection_and_data_go_only_when_told_and_what_was_kept_is_taken_up_again(context) -> None:
    kept = spec("kept", Bucket=bucket("state-kept-bucket", DeletionPolicy="Retain"), Topic=topic())
    brought(context, kept)
    context.clients.cloudformation().protect(kept.name, on=True)
    context.clients.s3.put("state-kept-bucket", "key", b"data")
    alone = replace(context, deployment=replace(context.deployment, stacks=(kept,)))
    stays = destroy.staying(alone, destroy.Consent(), [kept])
    assert any(
        line.startswith("kept/Bucket (AWS::S3::Bucket): state-kept-bucket; a later deploy takes it up")
        for line in stays
    )
    assert not any("Topic" in line for line in stays)
    with pytest.raises(HermesError) as caught:
        gone(context, kept)
    assert caught.value.findings[0].code == "stack-protected"
    assert "--unprotect" in str(caught.value.findings[0].next)
    gone(context, kept, unprotect=True)
    assert context.clients.s3.get("state-kept-bucket", "key") == b"data"
    told = []
    assert brought(context, kept, told=told) == {"kept": "CREATE_COMPLETE"}
    assert any(event.status == "IMPORT_COMPLETE" for event in told if isinstance(event, ResourceEvent))
    assert context.clients.s3.get("state-kept-bucket", "key") == b"data"


def test_what_a_function_names_is_taken_up_only_where_the_template_spells_it_out(context) -> None:
    """A second bootstrap, after one that failed or was destroyed, finds its bucket."""
    account = context.names.account
    name = {"Fn::Sub": "state-sub-${AWS::AccountId}-bucket"}
    written = spec("sub", Bucket=bucket(name, DeletionPolicy="Retain"))
    brought(context, written)
    gone(context, written)
    with pytest.raises(HermesError):
        brought(context, written)
    deployment = replace(context.deployment, stacks=(written,)).in_account(account)
    assert (
        deployment.stack("sub").template["Resources"]["Bucket"]["Properties"]["BucketName"]
        == f"state-sub-{account}-bucket"
    )
    assert brought(context, deployment.stack("sub")) == {"sub": "IMPORT_COMPLETE"}


def balanced() -> dict:
    """A load balancer that nobody deletes by accident, and what it needs; ``After`` is made when it stands."""
    subnets = {
        f"Subnet{zone.upper()}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": f"10.77.{n}.0/24",
                "AvailabilityZone": f"eu-south-2{zone}",
            },
        }
        for n, zone in enumerate("ab")
    }
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    balancer = {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {
            "Scheme": "internal",
            "Subnets": [{"Ref": name} for name in subnets],
            "LoadBalancerAttributes": [attribute],
        },
    }
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.77.0.0/16"}}
    return {"Vpc": vpc, **subnets, "Balancer": balancer, "After": {**topic(), "DependsOn": "Balancer"}}


def test_protection_is_no_trap_for_a_first_creation_that_failed(context) -> None:
    made = spec("trapped", **balanced())
    control.ask(control.default_state(), "faults", {"set": "create-fails", "subject": "After", "value": "no"})
    with pytest.raises(HermesError):
        brought(context, made)
    assert status(context, made) == "ROLLBACK_FAILED", "the load balancer cannot be deleted"
    control.ask(control.default_state(), "faults", {"clear": True})
    assert brought(context, made) == {"trapped": "CREATE_COMPLETE"}


def test_a_failed_first_creation_is_destroyed_without_a_word_about_protection(context) -> None:
    made = spec("trapped-again", **balanced())
    control.ask(control.default_state(), "faults", {"set": "create-fails", "subject": "After", "value": "no"})
    with pytest.raises(HermesError):
        brought(context, made)
    control.ask(control.default_state(), "faults", {"clear": True})
    gone(context, made)


def test_protection_stays_on_what_was_whole(context) -> None:
    made = spec("whole", **balanced())
    brought(context, made)
    with pytest.raises(HermesError):
        gone(context, made)
    assert status(context, made) == "DELETE_FAILED"
    with pytest.raises(HermesError):
        brought(context, made)
    gone(context, made, unprotect=True)
