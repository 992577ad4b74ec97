"""What CloudFormation has by now: events by operation, early validations, express mode, time limits, rollback triggers."""

from __future__ import annotations

import json

import pytest

from hermes_cfn.local.providers import HANDLERS
from hermes_cfn.local.wire import ServiceError
from tests.local.conftest import REGION, body

TOPIC = {"Type": "AWS::SNS::Topic"}


def topic(**properties):
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def happened(cloud, **params):
    return cloud("DescribeEvents", **params)["OperationEvents"]


def test_events_are_grouped_by_operation_and_a_rollback_is_one_of_its_own(cloud):
    cloud.fail("B", "create")
    made = cloud("CreateStack", StackName="s", TemplateBody=body({"A": TOPIC, "B": {**TOPIC, "DependsOn": "A"}}))
    cloud.settle()
    events = happened(cloud, StackName="s")
    kinds = [(one["OperationType"], one["OperationStatus"]) for one in events]
    assert dict.fromkeys(kinds) == {("ROLLBACK", "SUCCEEDED"): None, ("CREATE_STACK", "FAILED"): None}
    assert {one["OperationId"] for one in events if one["OperationType"] == "CREATE_STACK"} == {made["OperationId"]}
    of_one = happened(cloud, OperationId=made["OperationId"])
    assert [one["EventId"] for one in of_one] == [one["EventId"] for one in events if one in of_one]
    assert {one["OperationType"] for one in cloud.stack()["LastOperations"]} == {"CREATE_STACK", "ROLLBACK"}


def test_only_failed_events_name_what_failed_and_every_end_has_its_beginning(cloud):
    cloud.fail("B", "create", "no room")
    cloud.create({"A": TOPIC, "B": {**TOPIC, "DependsOn": "A"}})
    failed = happened(cloud, StackName="s", Filters={"FailedEvents": True})
    assert [(one["LogicalResourceId"], one["EventType"]) for one in failed] == [("B", "PROVISIONING_ERROR")]
    ended = [one for one in happened(cloud, StackName="s") if "EndTime" in one]
    assert {one["LogicalResourceId"] for one in ended} == {"s", "A", "B"}
    assert all(one["StartTime"] <= one["EndTime"] for one in ended)


def test_one_of_the_three_ways_to_ask_must_be_given(cloud):
    for params in ({}, {"OperationId": "nobody"}, {"StackName": "nobody"}, {"ChangeSetName": "nobody"}):
        with pytest.raises(ServiceError):
            happened(cloud, **params)


@pytest.mark.parametrize(
    ("resource", "name", "path"),
    [
        ({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}, "NAME_CONFLICT_VALIDATION", "/Resources/N"),
        (topic(TopicName=["a"]), "PROPERTY_VALIDATION", "/Resources/N/Properties/TopicName"),
        (topic(Nonsense="a"), "PROPERTY_VALIDATION", "/Resources/N/Properties"),
    ],
)
def test_a_change_set_fails_before_anything_is_made(cloud, resource, name, path):
    cloud.client("sqs").create_queue(QueueName="taken")
    found = cloud.change_set({"N": resource}, kind="CREATE")
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    (event,) = happened(cloud, StackName="s", ChangeSetName="c")
    assert (event["ValidationName"], event["ValidationFailureMode"], event["ValidationPath"]) == (name, "FAIL", path)
    assert (event["OperationType"], event["OperationStatus"]) == ("CREATE_CHANGESET", "FAILED")
    assert happened(cloud, StackName="s", Filters={"FailedEvents": True}) == [event]


def test_a_validation_that_is_switched_off_says_nothing(cloud):
    cloud.client("sqs").create_queue(QueueName="taken")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}
    assert cloud.change_set({"N": queue}, kind="CREATE", DisableValidation=True)["Status"] == "CREATE_COMPLETE"
    assert happened(cloud, ChangeSetName="c", StackName="s") == []


def test_a_bucket_that_is_not_empty_is_a_warning_and_the_change_set_can_be_executed(cloud):
    cloud.create({"T": TOPIC, "B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full-bucket"}}})
    cloud.client("s3").put_object(Bucket="full-bucket", Key="a", Body=b"a")
    found = cloud.change_set({"T": TOPIC})
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    (event,) = happened(cloud, StackName="s", ChangeSetName="c")
    assert (event["LogicalResourceId"], event["ValidationFailureMode"]) == ("B", "WARN")


def test_express_mode_waits_for_nothing_to_be_stable_and_rolls_back_only_when_told(cloud, monkeypatch):
    def stable(*_):
        """Only once the stack says that it is complete: in standard mode that would be never."""
        return cloud.status() == "CREATE_COMPLETE"

    monkeypatch.setattr(HANDLERS["AWS::SNS::Topic"], "ready", stable)
    assert (
        cloud.create({"T": TOPIC}, DeploymentConfig={"Mode": "EXPRESS", "DisableRollback": True}) == "CREATE_COMPLETE"
    )
    assert cloud.stack()["DeploymentConfig"] == {"Mode": "EXPRESS", "DisableRollback": True}
    assert cloud.delete(DeploymentConfig={"Mode": "EXPRESS", "DisableRollback": True}) == "DELETE_COMPLETE"
    cloud.fail("T", "create")
    assert cloud.create({"T": TOPIC}, name="u", DeploymentConfig={"Mode": "EXPRESS"}) == "CREATE_FAILED"
    kept = cloud.create({"T": TOPIC}, name="w", DeploymentConfig={"Mode": "EXPRESS", "DisableRollback": False})
    assert kept == "ROLLBACK_COMPLETE"
    with pytest.raises(ServiceError):
        cloud.create({"T": TOPIC}, name="x", DeploymentConfig={"Mode": "EXPRESS"}, DisableRollback=True)


def test_a_creation_that_takes_longer_than_its_limit_is_taken_back(cloud, monkeypatch):
    monkeypatch.setattr(HANDLERS["AWS::SNS::Topic"], "ready", lambda *_: False)
    assert cloud.create({"T": TOPIC}, TimeoutInMinutes=1) == "ROLLBACK_COMPLETE"
    assert cloud.stack()["TimeoutInMinutes"] == 1
    (why,) = cloud.reasons("ROLLBACK_IN_PROGRESS")
    assert "exceeded the specified timeout" in why


@pytest.mark.parametrize(("state", "ends"), [("OK", "UPDATE_COMPLETE"), ("ALARM", "UPDATE_ROLLBACK_COMPLETE")])
def test_an_alarm_takes_an_update_back_also_while_it_is_watched_afterwards(cloud, state, ends):
    cloud.create({"T": TOPIC})
    watch = cloud.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName="errors",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    watch.set_alarm_state(AlarmName="errors", StateValue=state, StateReason="a test")
    arn = watch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["AlarmArn"]
    triggers = [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"}]
    more = {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": 1 if state == "ALARM" else 0}
    assert cloud.update({"T": topic(DisplayName="new")}, RollbackConfiguration=more) == ends
    if state == "OK":
        assert cloud.stack()["RollbackConfiguration"] == more


def test_a_trigger_that_is_not_there_takes_the_operation_back(cloud):
    arn = "arn:aws:cloudwatch:eu-south-2:123456789012:alarm:nobody"
    triggers = {"RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"}], "MonitoringTimeInMinutes": 1}
    assert cloud.create({"T": TOPIC}, RollbackConfiguration=triggers) == "ROLLBACK_COMPLETE"


INNER = {
    "Parameters": {"Name": {"Type": "String"}, "Broken": {"Type": "String", "Default": "no"}},
    "Conditions": {"Bad": {"Fn::Equals": [{"Ref": "Broken"}, "yes"]}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Name"}}},
        "Cut": {"Type": "AWS::SQS::Queue", "Condition": "Bad", "Properties": {"MessageRetentionPeriod": 1}},
    },
    "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}},
}


def outer(cloud, **parameters):
    """A template with one stack in it, and what uses its output."""
    cloud.client("s3").create_bucket(Bucket="inner", CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.client("s3").put_object(Bucket="inner", Key="t.json", Body=json.dumps(INNER).encode())
    inner = {"TemplateURL": f"https://inner.s3.{REGION}.amazonaws.com/t.json", "Parameters": parameters}
    said = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["In", "Outputs.Arn"]}},
    }
    return {"In": {"Type": "AWS::CloudFormation::Stack", "Properties": inner}, "Said": said}


def test_a_stack_in_a_stack_is_made_feeds_its_outputs_changes_and_goes_with_it(cloud):
    assert cloud.create(outer(cloud, Name="one")) == "CREATE_COMPLETE", cloud.reasons("CREATE_FAILED")
    inner = cloud.physical("In")
    topic_arn = cloud.stack(inner)["Outputs"][0]["OutputValue"]
    value = cloud.client("ssm").get_parameter(Name=cloud.physical("Said"))["Parameter"]["Value"]
    assert value == topic_arn
    assert (cloud.stack(inner)["ParentId"], cloud.stack(inner)["RootId"]) == (cloud.stack()["StackId"],) * 2
    resources = outer_again(cloud, Name="two")
    assert cloud.update(resources) == "UPDATE_COMPLETE"
    assert cloud.client("sns").get_topic_attributes(TopicArn=topic_arn)["Attributes"]["DisplayName"] == "two"
    assert cloud.delete() == "DELETE_COMPLETE"
    assert cloud.stack(inner)["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.client("sns").list_topics()["Topics"] == []


def outer_again(cloud, **parameters):
    cloud.client("s3").delete_object(Bucket="inner", Key="t.json")
    cloud.client("s3").delete_bucket(Bucket="inner")
    return outer(cloud, **parameters)


def test_a_stack_in_a_stack_that_fails_takes_the_outer_one_back_and_nothing_stays(cloud):
    assert cloud.create(outer(cloud, Name="one", Broken="yes")) == "ROLLBACK_COMPLETE"
    assert any("was not successfully created" in why for why in cloud.reasons("CREATE_FAILED"))
    assert cloud.client("sns").list_topics()["Topics"] == []
