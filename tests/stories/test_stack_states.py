"""Stacks in every state that a deployer meets, brought to what is wanted by the embedded cloud's own CloudFormation."""

import json
from dataclasses import replace

import boto3
import pytest

from hermes_cfn import stacks
from hermes_cfn.aws.session import connect
from hermes_cfn.config import parse
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, HermesError
from hermes_cfn.events import Noted, ResourceEvent
from hermes_cfn.flows import destroy
from hermes_cfn.flows.ground import stand
from hermes_cfn.flows.stacks import Bringing
from hermes_cfn.local import control
from hermes_cfn.local.options import ADMINISTRATOR, Options


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A cloud whose resources take their time, hurried thirty times."""
    state = tmp_path_factory.mktemp("states")
    status = control.start(state, Options(follow_parent=True, real_time=True, speed=30))
    try:
        settings = parse("")
        yield stand(connect(None, "eu-south-2", status.endpoint, ADMINISTRATOR), settings, stacks.build(settings))
    finally:
        control.reset(state)


@pytest.fixture(autouse=True)
def well(ground):
    yield
    control.ask(ground.doors.endpoint_url, "faults", {"clear": True})


def client(ground):
    own = {"aws_access_key_id": ADMINISTRATOR[0], "aws_secret_access_key": ADMINISTRATOR[1]}
    return boto3.client("cloudformation", region_name="eu-south-2", endpoint_url=ground.doors.endpoint_url, **own)


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


def brought(ground, *specs, told=None):
    return run(Bringing(ground, specs).run(lambda: None), told)


def gone(ground, made: StackSpec, **consent):
    run(destroy.Leaving(ground, [made], destroy.Consent(**consent)).run(None))
    assert ground.doors.cloudformation().observe(made.name).status is None


def status(ground, made: StackSpec):
    return ground.doors.cloudformation().observe(made.name).status


def test_a_template_above_the_limit_goes_through_the_artifacts_bucket(ground) -> None:
    place = {"LocationConstraint": "eu-south-2"}
    ground.doors.calls("s3").create_bucket(Bucket=ground.names.artifacts_bucket, CreateBucketConfiguration=place)
    large = spec("large", Topic={**topic(), "Metadata": {"note": "x" * 52_000}})
    assert brought(ground, large) == {"large": "CREATE_COMPLETE"}
    (key,) = [key for key, _ in ground.doors.s3.objects(ground.names.artifacts_bucket, "templates/large-")]
    assert key.endswith(".json")


def test_throttling_is_waited_out(ground) -> None:
    fault = {"service": "cloudformation", "action": "*", "kind": "throttle", "times": 3, "skip": 2}
    control.ask(ground.doors.endpoint_url, "faults", {"api": fault})
    assert brought(ground, spec("throttled", Topic=topic())) == {"throttled": "CREATE_COMPLETE"}


def test_credentials_that_expire_in_the_middle_are_said_and_the_next_run_attaches(ground) -> None:
    slow = spec("expired", Bucket=bucket("state-expired-bucket"))
    fault = {"service": "cloudformation", "action": "DescribeStacks", "kind": "expired", "times": 1, "skip": 5}
    control.ask(ground.doors.endpoint_url, "faults", {"api": fault})
    with pytest.raises(HermesError) as caught:
        brought(ground, slow)
    (finding,) = caught.value.findings
    assert finding.code == "credentials-expired"
    assert "renew" in finding.next
    assert status(ground, slow) == "CREATE_IN_PROGRESS"
    told = []
    assert brought(ground, slow, told=told) == {"expired": "unchanged"}
    assert any(isinstance(event, ResourceEvent) for event in told), "it followed what was under way"


def test_an_operation_of_somebody_else_is_followed_and_then_built_upon(ground) -> None:
    theirs = template(Bucket=bucket("state-attached-bucket"))
    client(ground).create_stack(StackName="state-attached", TemplateBody=json.dumps(theirs))
    ours = spec("attached", Bucket=bucket("state-attached-bucket"), Topic=topic())
    told = []
    assert brought(ground, ours, told=told) == {"attached": "UPDATE_COMPLETE"}
    seen = [(event.logical_id, event.status) for event in told if isinstance(event, ResourceEvent)]
    assert ("Bucket", "CREATE_COMPLETE") in seen
    assert ("Topic", "CREATE_COMPLETE") in seen


def test_an_update_that_somebody_had_stop_where_it_failed_is_rolled_back_and_built_upon(ground) -> None:
    first = spec("paused", Topic=topic())
    brought(ground, first)
    control.ask(ground.doors.endpoint_url, "faults", {"set": "create-fails", "subject": "Theirs", "value": "no"})
    theirs = template(Topic=topic(DisplayName="theirs"), Theirs=topic())
    client(ground).update_stack(StackName=first.name, TemplateBody=json.dumps(theirs), DisableRollback=True)
    while status(ground, first) == "UPDATE_IN_PROGRESS":
        ground.clock.sleep(0.2)
    assert status(ground, first) == "UPDATE_FAILED"
    control.ask(ground.doors.endpoint_url, "faults", {"clear": True})
    told = []
    assert brought(ground, spec("paused", Topic=topic(DisplayName="ours")), told=told) == {"paused": "UPDATE_COMPLETE"}
    assert "UPDATE_ROLLBACK_COMPLETE" in [event.status for event in told if isinstance(event, ResourceEvent)]


def test_a_stack_left_in_review_by_somebody_is_taken_up(ground) -> None:
    client(ground).create_change_set(
        StackName="state-review",
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template(Old=topic())),
    )
    review = spec("review", Topic=topic())
    assert status(ground, review) == "REVIEW_IN_PROGRESS"
    assert brought(ground, review) == {"review": "CREATE_COMPLETE"}


def test_a_stack_whose_creation_failed_is_deleted_and_created_anew_after_saying_so(ground) -> None:
    made = spec("anew", Topic=topic())
    control.ask(ground.doors.endpoint_url, "faults", {"set": "create-fails", "subject": "Topic", "value": "no"})
    with pytest.raises(HermesError):
        brought(ground, made)
    assert status(ground, made) == "ROLLBACK_COMPLETE"
    control.ask(ground.doors.endpoint_url, "faults", {"clear": True})
    told = []
    assert brought(ground, made, told=told) == {"anew": "CREATE_COMPLETE"}
    assert "stack-recreated" in {event.finding.code for event in told if isinstance(event, Noted)}


def interrupted(ground, wanted: StackSpec, choice: str):
    """What it ends with when a person presses Ctrl-C in the middle of the update."""
    story = Bringing(ground, [wanted], interrupted=lambda: choice).run(lambda: None)
    for event in story:
        if isinstance(event, ResourceEvent) and event.logical_id == "Bucket":
            break
    assert status(ground, wanted) == "UPDATE_IN_PROGRESS"
    with pytest.raises(HermesError) as caught:
        story.throw(KeyboardInterrupt())
        list(story)
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    return caught.value.findings[0]


def test_ctrl_c_detaches_or_cancels_the_update(ground) -> None:
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    before = spec("left", Bucket=bucket("state-left-bucket"))
    after = spec("left", Bucket=bucket("state-left-bucket", properties=versioned))
    brought(ground, before)
    assert interrupted(ground, after, "cancel").code == "cancelled"
    assert status(ground, after) == "UPDATE_ROLLBACK_COMPLETE"
    finding = interrupted(ground, after, "detach")
    assert finding.code == "detached"
    assert "deploy" in finding.next
    assert brought(ground, after) == {"left": "unchanged"}
    assert status(ground, after) == "UPDATE_COMPLETE"


def test_ctrl_c_asks_nothing_where_there_is_no_update_to_cancel(ground) -> None:
    made = spec("closed", Bucket=bucket("state-closed-bucket"))
    story = Bringing(ground, [made], interrupted=lambda: pytest.fail("asked")).run(lambda: None)
    next(event for event in story if isinstance(event, ResourceEvent) and event.logical_id == "Bucket")
    with pytest.raises(HermesError) as caught:
        story.throw(KeyboardInterrupt())
    assert (caught.value.findings[0].code, caught.value.findings[0].where) == ("detached", made.name)
    assert brought(ground, made) == {"closed": "unchanged"}


def test_protection_and_data_go_only_when_told_and_what_was_kept_is_taken_up_again(ground) -> None:
    kept = spec("kept", Bucket=bucket("state-kept-bucket", DeletionPolicy="Retain"), Topic=topic())
    brought(ground, kept)
    ground.doors.cloudformation().protect(kept.name, on=True)
    ground.doors.s3.put("state-kept-bucket", "key", b"data")
    alone = replace(ground, deployment=replace(ground.deployment, stacks=(kept,)))
    stays = destroy.staying(alone, destroy.Consent(), [kept])
    assert "kept/Bucket (AWS::S3::Bucket): state-kept-bucket; a later deploy takes it up again" in stays
    assert not any("Topic" in line for line in stays)
    with pytest.raises(HermesError) as caught:
        gone(ground, kept)
    assert caught.value.findings[0].code == "stack-protected"
    assert "--unprotect" in caught.value.findings[0].next
    gone(ground, kept, unprotect=True)
    assert ground.doors.s3.get("state-kept-bucket", "key") == b"data"
    told = []
    assert brought(ground, kept, told=told) == {"kept": "CREATE_COMPLETE"}
    assert any(event.status == "IMPORT_COMPLETE" for event in told if isinstance(event, ResourceEvent))
    assert ground.doors.s3.get("state-kept-bucket", "key") == b"data"
