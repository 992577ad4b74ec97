"""The engine over moto's models, in process: create, update, replace, roll back, delete."""

from __future__ import annotations

import json
import time

import pytest
from moto import mock_aws

from hermes_cfn.cfn.kinds import kind
from tests.local.conftest import Cloud, body, group, parameter, refused, topic


def test_outputs_are_there_after_a_change_set_is_executed(cloud):
    sections = {"Outputs": {"Arn": {"Value": {"Ref": "T"}, "Description": "the topic"}}}
    found = cloud.change_set({"T": topic()}, "CREATE", sections=sections)
    assert cloud.status() == "REVIEW_IN_PROGRESS"
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert cloud.execute() == "CREATE_COMPLETE"
    (output,) = cloud.stack()["Outputs"]
    assert output["OutputKey"] == "Arn" and output["OutputValue"].startswith("arn:aws:sns:")


def test_every_resource_has_its_events_in_the_order_of_dependencies(cloud):
    cloud.create({"P": parameter({"Ref": "T"}), "T": topic()})
    assert cloud.events("T") == ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    found = [
        (e["LogicalResourceId"], e["ResourceStatus"])
        for e in reversed(cloud("DescribeStackEvents", StackName="s")["StackEvents"])
    ]
    assert found.index(("T", "CREATE_COMPLETE")) < found.index(("P", "CREATE_IN_PROGRESS"))
    assert found[-1] == ("s", "CREATE_COMPLETE")


STANDING = 0.001
"""A speed at which this machine's own time does not count: only durations pass."""


def test_time_passes_on_the_virtual_clock_and_in_parallel():
    with mock_aws():
        cloud = Cloud(STANDING)
        before = cloud.clock.now()
        cloud.create({name: parameter("x") for name in "ABC"} | {"R": {"Type": "AWS::S3::Bucket"}})
        took = (cloud.clock.now() - before).total_seconds()
        cloud.service.stop()
    bucket = kind("AWS::S3::Bucket").create_s
    assert took == pytest.approx(bucket, abs=0.5), "the parameters pass beside the bucket"


def test_in_real_time_nothing_is_skipped():
    with mock_aws():
        cloud = Cloud(60, real_time=True)
        begun = time.monotonic()
        cloud.create({"R": {"Type": "AWS::S3::Bucket"}})
        took = time.monotonic() - begun
        cloud.service.stop()
    assert took >= kind("AWS::S3::Bucket").create_s / 60


def test_in_place_keeps_the_physical_id(cloud):
    cloud.create({"T": topic(DisplayName="a")})
    before = cloud.physical("T")
    assert cloud.update({"T": topic(DisplayName="b")}) == "UPDATE_COMPLETE"
    assert cloud.physical("T") == before
    assert cloud.client("sns").get_topic_attributes(TopicArn=before)["Attributes"]["DisplayName"] == "b"


def test_replacement_makes_the_new_first_and_removes_the_old_in_cleanup(cloud):
    cloud.create({"G": group("/a"), "P": parameter({"Ref": "G"})})
    found = cloud.change_set({"G": group("/b"), "P": parameter({"Ref": "G"})})
    changes = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in found["Changes"]}
    assert (changes["G"]["Action"], changes["G"]["Replacement"]) == ("Modify", "True")
    assert changes["G"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    assert changes["P"]["Details"][0]["Evaluation"] == "Dynamic"
    assert changes["P"]["Details"][0]["ChangeSource"] == "ResourceReference"
    assert cloud.execute() == "UPDATE_COMPLETE"
    assert cloud.physical("G") == "/b"
    names = [each["logGroupName"] for each in cloud.client("logs").describe_log_groups()["logGroups"]]
    assert names == ["/b"]
    assert cloud.client("ssm").get_parameter(Name=cloud.physical("P"))["Parameter"]["Value"] == "/b"
    events = cloud.events()
    assert events.index("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") < events.index("DELETE_COMPLETE")


def test_add_and_remove(cloud):
    cloud.create({"A": topic(), "B": topic()})
    found = cloud.change_set({"A": topic(), "C": topic()})
    assert {(c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in found["Changes"]} == {
        ("Add", "C"),
        ("Remove", "B"),
    }
    cloud.execute()
    assert cloud.resources() == {"A", "C"}


def test_events_have_the_properties_with_secrets_masked(cloud):
    sections = {"Parameters": {"S": {"Type": "String", "NoEcho": True, "Default": "canary-1"}}}
    cloud.create({"A": topic(DisplayName={"Ref": "S"}, TopicName="named")}, sections=sections)
    found = cloud("DescribeStackEvents", StackName="s")["StackEvents"]
    properties = [json.loads(one["ResourceProperties"]) for one in found if one["LogicalResourceId"] == "A"]
    assert properties == [{"DisplayName": "****", "TopicName": "named"}] * 3


def test_a_failing_resource_rolls_back_in_reverse(cloud):
    cloud.fail("P", "create")
    assert cloud.create({"T": topic(), "P": parameter({"Ref": "T"})}) == "ROLLBACK_COMPLETE"
    assert cloud.events("P") == ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert "no capacity" in cloud.reasons("CREATE_FAILED")
    (why,) = cloud.reasons("ROLLBACK_IN_PROGRESS")
    assert why == "The following resource(s) failed to create: [P]. Rollback requested by user."
    assert cloud.client("sns").list_topics()["Topics"] == []
    words = refused("ValidationError", cloud.update, resources={"T": topic()})
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in words
    assert cloud.delete() == "DELETE_COMPLETE"


def test_what_runs_beside_a_failure_is_cancelled(cloud):
    cloud.fail("Z", "create")
    cloud.create({"A": topic(), "Z": parameter("x")})
    assert "Resource creation cancelled" in cloud.reasons("CREATE_FAILED")


@pytest.mark.parametrize(("given", "status"), [("DO_NOTHING", "CREATE_FAILED"), ("DELETE", "DELETE_COMPLETE")])
def test_on_failure(cloud, given, status):
    cloud.fail("P", "create")
    made = cloud("CreateStack", StackName="s", TemplateBody=body({"P": parameter("x")}), OnFailure=given)
    cloud.settle()
    assert cloud.status(made["StackId"]) == status


def test_rollback_of_what_was_left_failed(cloud):
    cloud.fail("P", "create")
    assert cloud.create({"T": topic(), "P": parameter("x")}, DisableRollback=True) == "CREATE_FAILED"
    words = refused("ValidationError", cloud, action="UpdateStack", StackName="s", TemplateBody=body({"T": topic()}))
    assert "non-terminal [CREATE_FAILED] state" in words
    cloud("RollbackStack", StackName="s")
    cloud.settle()
    assert cloud.status() == "ROLLBACK_COMPLETE"


def test_a_failed_update_restores_what_was_there(cloud):
    cloud.create({"T": topic(DisplayName="a"), "G": group("/a")})
    cloud.fail("Z", "create")
    after = {"T": topic(DisplayName="b"), "G": group("/b"), "New": topic()}
    after["Z"] = {**parameter("x"), "DependsOn": ["T", "G", "New"]}
    assert cloud.update(after) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.resources() == {"T", "G"}
    assert cloud.physical("G") == "/a"
    assert [g["logGroupName"] for g in cloud.client("logs").describe_log_groups()["logGroups"]] == ["/a"]
    topics = cloud.client("sns").list_topics()["Topics"]
    assert [each["TopicArn"] for each in topics] == [cloud.physical("T")]
    name = cloud.client("sns").get_topic_attributes(TopicArn=cloud.physical("T"))["Attributes"]["DisplayName"]
    assert name == "a"
    cloud.mend()
    assert cloud.update(after) == "UPDATE_COMPLETE"


@pytest.mark.parametrize("skipping", [{"ResourcesToSkip": ["P"]}, {"ForceRollback": True}])
def test_update_rollback_failed_and_continue(cloud, skipping):
    cloud.create({"T": topic(DisplayName="a"), "P": parameter("a")})
    after = {"T": topic(DisplayName="b"), "P": parameter("b"), "Z": {**parameter("x"), "DependsOn": ["T", "P"]}}

    calls = []

    def fault(_stack, name, _kind, action):
        calls.append((name, action))
        if (name, action) == ("Z", "create"):
            return "broken"
        return "gone" if (name, action) == ("P", "update") and calls.count(("P", "update")) > 1 else None

    cloud.service.engine.fault = fault
    assert cloud.update(after) == "UPDATE_ROLLBACK_FAILED"
    assert refused("ValidationError", cloud.update, resources=after)
    words = refused("ValidationError", cloud, action="ContinueUpdateRollback", StackName="s", ResourcesToSkip=["T"])
    assert "cannot be skipped" in words
    cloud("ContinueUpdateRollback", StackName="s")
    cloud.settle()
    assert cloud.status() == "UPDATE_ROLLBACK_FAILED"
    both = {"ResourcesToSkip": ["P"], "ForceRollback": True}
    assert refused("ValidationError", cloud, action="ContinueUpdateRollback", StackName="s", **both)
    cloud("ContinueUpdateRollback", StackName="s", **skipping)
    cloud.settle()
    assert cloud.status() == "UPDATE_ROLLBACK_COMPLETE"
    cloud.mend()
    assert cloud.update(after) == "UPDATE_COMPLETE"


def test_deletion_that_fails_can_leave_the_resource_behind(cloud):
    cloud.create({"T": topic(), "P": parameter("x")})
    cloud.fail("T", "delete")
    assert cloud.delete() == "DELETE_FAILED"
    assert cloud.resources() >= {"T"}
    assert cloud.delete(RetainResources=["T"]) == "DELETE_COMPLETE"
    assert len(cloud.client("sns").list_topics()["Topics"]) == 1


def test_retained_and_protected(cloud):
    kept = {**topic(), "DeletionPolicy": "Retain"}
    cloud.create({"T": kept, "U": topic()}, EnableTerminationProtection=True)
    words = refused("ValidationError", cloud, action="DeleteStack", StackName="s")
    assert words == "Stack [s] cannot be deleted while TerminationProtection is enabled"
    cloud("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
    assert cloud.delete() == "DELETE_COMPLETE"
    assert len(cloud.client("sns").list_topics()["Topics"]) == 1
    words = refused("ValidationError", cloud.stack)
    assert words == "Stack with id s does not exist"


def test_retain_except_on_create(cloud):
    cloud.fail("P", "create")
    kept = {**topic(), "DeletionPolicy": "RetainExceptOnCreate"}
    cloud.create({"T": kept, "P": {**parameter("x"), "DependsOn": "T"}})
    assert cloud.client("sns").list_topics()["Topics"] == []


def test_replaced_but_retained(cloud):
    cloud.create({"G": group("/a")})
    cloud.update({"G": {**group("/b"), "UpdateReplacePolicy": "Retain"}})
    names = {each["logGroupName"] for each in cloud.client("logs").describe_log_groups()["logGroups"]}
    assert names == {"/b"}, "the policy that held when the old one was made decides"


def document(text, **more):
    content = {"schemaVersion": "2.2", "description": text, "mainSteps": []}
    return {
        "Type": "AWS::SSM::Document",
        "Properties": {"Name": "doc", "DocumentType": "Command", "Content": content, **more},
    }


def test_a_custom_named_resource_cannot_be_replaced_under_its_name(cloud):
    cloud.create({"D": document("a")})
    assert cloud.update({"D": document("b")}) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("custom-named resource requires replacing" in why for why in cloud.reasons("UPDATE_FAILED"))


def test_a_document_gets_a_new_default_version_where_it_says_so(cloud):
    cloud.create({"D": document("a", UpdateMethod="NewVersion")})
    assert cloud.update({"D": document("b", UpdateMethod="NewVersion")}) == "UPDATE_COMPLETE"
    found = cloud.client("ssm").describe_document(Name="doc")["Document"]
    assert (found["DefaultVersion"], found["LatestVersion"]) == ("2", "2")
    assert cloud.update({"D": document("a", UpdateMethod="NewVersion")}) == "UPDATE_COMPLETE"
    assert json.loads(cloud.client("ssm").get_document(Name="doc")["Content"])["description"] == "a"


def test_what_may_be_replaced_is_replaced_where_it_cannot_be_changed(cloud):
    def table(key):
        return {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            },
        }

    cloud.create({"T": table("A")})
    before = cloud.physical("T")
    found = cloud.change_set({"T": table("B")})
    assert found["Changes"][0]["ResourceChange"]["Replacement"] == "Conditional"
    cloud.execute()
    assert cloud.physical("T") != before
    assert cloud.client("dynamodb").list_tables()["TableNames"] == [cloud.physical("T")]


def test_cancel_an_update(cloud):
    cloud.create({"T": topic(DisplayName="a")})
    cloud.service.engine.scheduler._real_time = True
    cloud("UpdateStack", StackName="s", TemplateBody=body({"T": topic(DisplayName="b")}))
    while cloud.events("T")[-1] != "UPDATE_IN_PROGRESS":
        pass
    cloud("CancelUpdateStack", StackName="s")
    cloud.service.engine.scheduler._real_time = False
    cloud.settle()
    assert cloud.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_exports_lock_stacks_together(cloud):
    out = {"Outputs": {"O": {"Value": {"Ref": "T"}, "Export": {"Name": "shared"}}}}
    cloud.create({"T": topic()}, "a", sections=out)
    cloud.create({"P": parameter({"Fn::ImportValue": "shared"})}, "b")
    assert (
        cloud.client("ssm")
        .get_parameter(Name=cloud.physical("P", "b"))["Parameter"]["Value"]
        .endswith(cloud.physical("T", "a"))
    )
    assert cloud("ListImports", ExportName="shared") == {"Imports": ["b"]}
    assert [e["Name"] for e in cloud("ListExports")["Exports"]] == ["shared"]
    words = refused("ValidationError", cloud, action="DeleteStack", StackName="a")
    assert words == "Export shared cannot be deleted as it is in use by b"
    assert cloud.update({"T": topic()}, "a") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Export shared cannot be updated as it is in use by b" in cloud.reasons("UPDATE_ROLLBACK_IN_PROGRESS", "a")
    assert cloud.create({"T": topic()}, "c", sections=out) == "ROLLBACK_COMPLETE"
    assert cloud.create({"P": parameter({"Fn::ImportValue": "none"})}, "d") == "ROLLBACK_COMPLETE"
    assert "No export named none found" in cloud.reasons("CREATE_FAILED", "d")


def test_an_import_ends_with_the_update_that_drops_it_and_a_change_set_makes_none(cloud):
    out = {"Outputs": {"O": {"Value": {"Ref": "T"}, "Export": {"Name": "shared"}}}}
    imports = {"P": parameter({"Fn::ImportValue": "shared"})}
    cloud.create({"T": topic()}, "a", sections=out)
    cloud.create({"P": parameter("x")}, "b")
    cloud.change_set(imports, stack="b")
    assert "not imported by any stack" in refused("ValidationError", cloud, action="ListImports", ExportName="shared")
    assert cloud.execute(stack="b") == "UPDATE_COMPLETE"
    assert cloud("ListImports", ExportName="shared") == {"Imports": ["b"]}
    assert cloud.update({"P": parameter("x")}, "b") == "UPDATE_COMPLETE"
    assert cloud.delete("a") == "DELETE_COMPLETE"


def test_an_import_that_a_rolled_back_update_dropped_is_still_there(cloud):
    out = {"Outputs": {"O": {"Value": {"Ref": "T"}, "Export": {"Name": "shared"}}}}
    cloud.create({"T": topic()}, "a", sections=out)
    cloud.create({"P": parameter({"Fn::ImportValue": "shared"})}, "b")
    cloud.fail("Q", "create")
    assert cloud.update({"P": parameter("x"), "Q": {**parameter("y"), "DependsOn": "P"}}, "b") == (
        "UPDATE_ROLLBACK_COMPLETE"
    )
    assert cloud("ListImports", ExportName="shared") == {"Imports": ["b"]}


def test_stack_policy(cloud):
    cloud.create({"T": topic(DisplayName="a")})
    deny = {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "LogicalResourceId/T"}
    cloud("SetStackPolicy", StackName="s", StackPolicyBody=json.dumps({"Statement": [deny]}))
    assert json.loads(cloud("GetStackPolicy", StackName="s")["StackPolicyBody"])["Statement"] == [deny]
    assert cloud.update({"T": topic(DisplayName="b")}) == "UPDATE_ROLLBACK_COMPLETE"
    assert any(why.startswith("Action denied by stack policy") for why in cloud.reasons("UPDATE_FAILED"))


def test_a_stack_policy_keeps_what_would_go_unless_the_update_brings_its_own(cloud):
    deny = {"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "LogicalResourceId/T"}
    allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    keeps = json.dumps({"Statement": [deny, allow]})
    cloud.create({"T": topic(), "U": topic()}, StackPolicyBody=keeps)
    assert cloud.update({"U": topic(DisplayName="x")}) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.reasons("UPDATE_FAILED") == [
        "Action denied by stack policy: Statement [#1] does not allow [Update:Delete] for resource [LogicalResourceId/T]"
    ]
    assert cloud.resources() == {"T", "U"}
    during = json.dumps({"Statement": [allow]})
    assert cloud.update({"U": topic()}, StackPolicyDuringUpdateBody=during) == "UPDATE_COMPLETE"
    assert cloud.resources() == {"U"}
    assert cloud("GetStackPolicy", StackName="s")["StackPolicyBody"] == keeps
    refused("ValidationError", cloud, action="SetStackPolicy", StackName="s", StackPolicyBody="{}")


def test_signals_of_a_creation_policy(cloud):
    waits = {**parameter("x"), "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT1M"}}}
    cloud("CreateStack", StackName="s", TemplateBody=body({"P": waits}))
    cloud("SignalResource", StackName="s", LogicalResourceId="P", UniqueId="i-1", Status="SUCCESS")
    cloud.settle()
    assert cloud.status() == "CREATE_COMPLETE"
    cloud.clock.speed = 1000
    cloud("CreateStack", StackName="late", TemplateBody=body({"P": waits}))
    cloud.settle()
    assert cloud.status("late") == "ROLLBACK_COMPLETE"
    assert "Failed to receive 1 resource signal(s) within the specified duration" in cloud.reasons(
        "CREATE_FAILED", "late"
    )


def test_repeated_with_the_same_token_does_nothing_twice(cloud):
    given = {"StackName": "s", "TemplateBody": body({"T": topic()}), "ClientRequestToken": "t"}
    assert cloud("CreateStack", **given) == cloud("CreateStack", **given)
    cloud.settle()
    assert all(e.get("ClientRequestToken") == "t" for e in cloud("DescribeStackEvents", StackName="s")["StackEvents"])


def test_a_share_of_the_signals_may_be_failures(cloud):
    signals = {"ResourceSignal": {"Count": 2, "Timeout": "PT1M"}}
    half = {**signals, "AutoScalingCreationPolicy": {"MinSuccessfulInstancesPercent": 50}}
    for name, policy in (("all", signals), ("half", half)):
        with cloud.service.engine.lock:  # nothing goes on meanwhile
            waits = {**parameter("x"), "CreationPolicy": policy}
            cloud("CreateStack", StackName=name, TemplateBody=body({"P": waits}))
            for number, status in enumerate(("SUCCESS", "FAILURE")):
                cloud("SignalResource", StackName=name, LogicalResourceId="P", UniqueId=f"i-{number}", Status=status)
        cloud.settle()
    assert (cloud.status("all"), cloud.status("half")) == ("ROLLBACK_COMPLETE", "CREATE_COMPLETE")


@pytest.mark.parametrize("replaces", [True, False])
def test_a_replacing_update_policy_makes_a_new_group(cloud, replaces):
    image = cloud.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    def group_of(size):
        return {
            "L": {
                "Type": "AWS::AutoScaling::LaunchConfiguration",
                "Properties": {"ImageId": image, "InstanceType": size},
            },
            "G": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "UpdatePolicy": {"AutoScalingReplacingUpdate": {"WillReplace": replaces}},
                "Properties": {
                    "MinSize": "0",
                    "MaxSize": "1",
                    "AvailabilityZones": ["eu-south-2a"],
                    "LaunchConfigurationName": {"Ref": "L"},
                },
            },
        }

    assert cloud.create(group_of("t3.micro")) == "CREATE_COMPLETE"
    before = cloud.physical("G")
    assert cloud.update(group_of("t3.small")) == "UPDATE_COMPLETE"
    assert (cloud.physical("G") != before) is replaces


def test_what_is_there_under_a_name_is_not_taken_over(cloud):
    """SNS, CloudWatch and EventBridge would: their calls to create are calls to put."""
    cloud.client("sns").create_topic(Name="taken")
    cloud.client("events").put_rule(Name="taken", ScheduleExpression="rate(1 day)")
    cloud.client("cloudwatch").put_dashboard(DashboardName="taken", DashboardBody='{"widgets": []}')
    for sort, properties in (
        ("AWS::SNS::Topic", {"TopicName": "taken"}),
        ("AWS::Events::Rule", {"Name": "taken", "ScheduleExpression": "rate(2 days)"}),
        ("AWS::CloudWatch::Dashboard", {"DashboardName": "taken", "DashboardBody": "{}"}),
    ):
        name = sort.rpartition(":")[2]
        assert cloud.create({"A": {"Type": sort, "Properties": properties}}, name=name) == "ROLLBACK_COMPLETE"
        (why,) = cloud.reasons("CREATE_FAILED", name)
        assert why.startswith(f"Resource of type '{sort}' with identifier '") and why.endswith("taken' already exists.")
    assert cloud.client("events").describe_rule(Name="taken")["ScheduleExpression"] == "rate(1 day)"
    assert cloud.client("sns").list_topics()["Topics"]
