"""Change sets, imports and drift, over moto's models in process."""

from __future__ import annotations

import json

from tests.local.conftest import body, group, parameter, refused, topic


def test_an_empty_change_set_fails_with_the_documented_reason(cloud):
    cloud.create({"A": topic()})
    found = cloud.change_set({"A": topic()})
    assert found["Status"] == "FAILED" and found["ExecutionStatus"] == "UNAVAILABLE"
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    words = refused("InvalidChangeSetStatus", cloud.execute)
    assert "cannot be executed in its current status of [FAILED]" in words
    assert refused("ValidationError", cloud.update, resources={"A": topic()}) == "No updates are to be performed."


def test_a_stale_change_set_cannot_be_executed(cloud):
    cloud.create({"A": topic()})
    cloud.change_set({"A": topic(), "B": topic()}, name="old")
    cloud.update({"A": topic(DisplayName="x")})
    words = refused("InvalidChangeSetStatus", cloud.execute, name="old")
    assert "current execution status of [OBSOLETE]" in words


def test_executing_one_change_set_deletes_the_others(cloud):
    cloud.create({"A": topic()})
    for name in ("one", "other"):
        cloud.change_set({"A": topic(DisplayName=name)}, name=name)
    assert cloud.execute(name="one") == "UPDATE_COMPLETE"
    assert cloud("DescribeChangeSet", StackName="s", ChangeSetName="one")["ExecutionStatus"] == "EXECUTE_COMPLETE"
    refused("ChangeSetNotFound", cloud.execute, name="other")
    cloud.change_set({"A": topic(), "B": topic()}, name="two")
    cloud.fail("B", "create")
    assert cloud.execute(name="two") == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud("DescribeChangeSet", StackName="s", ChangeSetName="two")["ExecutionStatus"] == "EXECUTE_FAILED"


def test_a_change_set_says_which_parameter_and_shows_values_on_request_but_no_secret(cloud):
    sections = {"Parameters": {"P": {"Type": "String"}, "S": {"Type": "String", "NoEcho": True}}}
    resources = {"A": topic(DisplayName={"Ref": "P"}), "B": topic(DisplayName={"Ref": "S"})}

    def given(name, secret):
        return [{"ParameterKey": "P", "ParameterValue": name}, {"ParameterKey": "S", "ParameterValue": secret}]

    cloud.create(resources, sections=sections, Parameters=given("before", "canary-1"))
    cloud.change_set(resources, sections=sections, Parameters=given("after", "canary-2"))
    plain = cloud("DescribeChangeSet", StackName="s", ChangeSetName="c")
    first = plain["Changes"][0]["ResourceChange"]
    assert [(one["ChangeSource"], one.get("CausingEntity"), one["Evaluation"]) for one in first["Details"]] == [
        ("ParameterReference", "P", "Static"),
        ("DirectModification", None, "Dynamic"),
    ]
    assert "BeforeContext" not in first and "BeforeValue" not in first["Details"][0]["Target"]
    valued = cloud("DescribeChangeSet", StackName="s", ChangeSetName="c", IncludePropertyValues=True)
    first, second = (one["ResourceChange"] for one in valued["Changes"])
    assert first["Details"][0]["Target"]["Path"] == "/Properties/DisplayName"
    assert (first["Details"][0]["Target"]["BeforeValue"], first["Details"][0]["Target"]["AfterValue"]) == (
        "before",
        "after",
    )
    assert json.loads(first["AfterContext"]) == {"Properties": {"DisplayName": "after"}}
    assert json.loads(second["BeforeContext"]) == {"Properties": {"DisplayName": "****"}}
    assert "canary" not in json.dumps(valued, default=str)


def test_an_output_that_only_a_parameter_changes_is_an_update(cloud):
    sections = {"Parameters": {"P": {"Type": "String"}}, "Outputs": {"O": {"Value": {"Ref": "P"}}}}
    cloud.create({"A": topic()}, sections=sections, Parameters=[{"ParameterKey": "P", "ParameterValue": "a"}])
    assert cloud.change_set({"A": topic()}, name="same", sections=sections, Parameters=[
        {"ParameterKey": "P", "UsePreviousValue": True}])["Status"] == "FAILED"  # fmt: skip
    other = [{"ParameterKey": "P", "ParameterValue": "b"}]
    assert cloud.update({"A": topic()}, sections=sections, Parameters=other) == "UPDATE_COMPLETE"
    assert cloud.stack()["Outputs"][0]["OutputValue"] == "b"


def test_drift(cloud):
    cloud.create({"T": topic(DisplayName="a"), "G": group("/a", RetentionInDays=7), "D": group("/d")})
    with cloud.service.engine.lock:  # nothing goes on meanwhile
        found = cloud("DetectStackDrift", StackName="s")
        assert cloud("DescribeStackDriftDetectionStatus", **found)["DetectionStatus"] == "DETECTION_IN_PROGRESS"
        assert "already in progress" in refused("ValidationError", cloud, action="DetectStackDrift", StackName="s")
    cloud.settle()
    assert cloud("DescribeStackDriftDetectionStatus", **found)["StackDriftStatus"] == "IN_SYNC"
    cloud.client("logs").put_retention_policy(logGroupName="/a", retentionInDays=1)
    cloud.client("logs").delete_log_group(logGroupName="/d")
    found = cloud("DetectStackDrift", StackName="s")
    cloud.settle()
    assert cloud("DescribeStackDriftDetectionStatus", **found)["DriftedStackResourceCount"] == 2
    drifts = {
        each["LogicalResourceId"]: each
        for each in cloud("DescribeStackResourceDrifts", StackName="s")["StackResourceDrifts"]
    }
    assert drifts["D"]["StackResourceDriftStatus"] == "DELETED"
    assert drifts["T"]["StackResourceDriftStatus"] == "IN_SYNC"
    assert json.loads(drifts["G"]["ExpectedProperties"])["RetentionInDays"] == 7
    assert json.loads(drifts["G"]["ActualProperties"])["RetentionInDays"] == 1
    assert drifts["T"]["ActualProperties"] == drifts["T"]["ExpectedProperties"]
    (difference,) = drifts["G"]["PropertyDifferences"]
    assert difference == {
        "PropertyPath": "/RetentionInDays",
        "ExpectedValue": "7",
        "ActualValue": "1",
        "DifferenceType": "NOT_EQUAL",
    }


def drift_aware(cloud, resources, name="c"):
    found = cloud.change_set(resources, name=name, DeploymentMode="REVERT_DRIFT")
    shown = cloud("DescribeChangeSet", StackName="s", ChangeSetName=name, IncludePropertyValues=True)
    return found, {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in shown["Changes"]}


DRIFTS = {
    "T": topic(DisplayName="a"),
    "G": group("/a", RetentionInDays=7),
    "D": group("/d"),
    "R": parameter({"Ref": "D"}),
}


def test_a_drift_aware_change_set_brings_back_what_the_template_says(cloud):
    cloud.create(DRIFTS, Tags=[{"Key": "team", "Value": "blue"}])
    cloud.client("logs").put_retention_policy(logGroupName="/a", retentionInDays=1)
    cloud.client("logs").delete_log_group(logGroupName="/d")
    assert cloud.change_set(DRIFTS, name="plain")["Status"] == "FAILED", "templates alone do not differ"
    found, changes = drift_aware(cloud, DRIFTS)
    assert (found["DeploymentMode"], found["StackDriftStatus"]) == ("REVERT_DRIFT", "DRIFTED")
    assert {name: (one["Action"], one["ResourceDriftStatus"]) for name, one in changes.items()} == {
        "G": ("Modify", "MODIFIED"), "D": ("Add", "DELETED"), "R": ("Modify", "IN_SYNC")}  # fmt: skip
    (detail,) = changes["G"]["Details"]
    target = detail["Target"]
    assert target["Drift"].pop("DriftDetectionTimestamp")
    assert target == {
        "Attribute": "Properties", "Name": "RetentionInDays", "Path": "/Properties/RetentionInDays",
        "RequiresRecreation": "Never", "BeforeValue": "1", "BeforeValueFrom": "ACTUAL_STATE", "AfterValue": "7",
        "AfterValueFrom": "TEMPLATE", "AttributeChangeType": "Modify",
        "Drift": {"PreviousValue": "7", "ActualValue": "1"},
    }  # fmt: skip
    assert json.loads(changes["G"]["PreviousDeploymentContext"])["Properties"]["RetentionInDays"] == 7
    assert cloud.execute() == "UPDATE_COMPLETE"
    groups = {one["logGroupName"]: one for one in cloud.client("logs").describe_log_groups()["logGroups"]}
    assert groups["/a"]["retentionInDays"] == 7 and set(groups) == {"/a", "/d"}
    once_more, changes = drift_aware(cloud, DRIFTS, name="again")
    assert (once_more["Status"], once_more["StackDriftStatus"], changes) == ("FAILED", "IN_SYNC", {})


def test_a_failing_drift_aware_update_returns_to_what_was_really_there(cloud):
    cloud.create(DRIFTS)
    cloud.client("logs").put_retention_policy(logGroupName="/a", retentionInDays=1)
    drift_aware(cloud, {**DRIFTS, "New": {**topic(), "DependsOn": "G"}})
    cloud.fail("New", "create")
    assert cloud.execute() == "UPDATE_ROLLBACK_COMPLETE"
    groups = {one["logGroupName"]: one for one in cloud.client("logs").describe_log_groups()["logGroups"]}
    assert groups["/a"]["retentionInDays"] == 1


def test_a_template_that_says_what_is_there_changes_nothing_but_the_record(cloud):
    cloud.create(DRIFTS)
    cloud.client("logs").put_retention_policy(logGroupName="/a", retentionInDays=1)
    really = {**DRIFTS, "G": group("/a", RetentionInDays=1)}
    _, changes = drift_aware(cloud, really)
    assert [(name, one["Action"]) for name, one in changes.items()] == [("G", "SyncWithActual")]
    (detail,) = changes["G"]["Details"]
    assert (detail["ChangeSource"], detail["Target"]["AttributeChangeType"]) == ("NoModification", "SyncWithActual")
    before = len(cloud.events("G"))
    assert cloud.execute() == "UPDATE_COMPLETE" and len(cloud.events("G")) == before
    cloud("DetectStackDrift", StackName="s")
    cloud.settle()
    assert cloud.stack()["DriftInformation"]["StackDriftStatus"] == "IN_SYNC"


def test_drift_of_what_a_dynamic_reference_gave_is_not_looked_at_nor_shown(cloud):
    cloud.client("secretsmanager").create_secret(Name="word", SecretString="canary")
    numbers = {"Namespace": "n", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1, "Statistic": "Sum"}
    rest = {**numbers, "AlarmName": "a", "ComparisonOperator": "GreaterThanThreshold"}
    properties = {**rest, "Threshold": 1, "AlarmDescription": "{{resolve:secretsmanager:word}}"}
    word = topic(DisplayName="{{resolve:secretsmanager:word}}")
    resources = {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}, "T": word}
    assert cloud.create(resources) == "CREATE_COMPLETE"
    found = cloud("DetectStackResourceDrift", StackName="s", LogicalResourceId="T")["StackResourceDrift"]
    assert found["StackResourceDriftStatus"] == "IN_SYNC" and "canary" not in json.dumps(found, default=str)
    cloud.client("cloudwatch").put_metric_alarm(**rest, Threshold=2, AlarmDescription="canary")
    _, changes = drift_aware(cloud, resources)
    assert changes["A"]["ResourceDriftIgnoredAttributes"] == [
        {"Path": "/Properties/AlarmDescription", "Reason": "SENSITIVE_PROPERTY"}
    ]
    assert [one["Target"]["Name"] for one in changes["A"]["Details"]] == ["Threshold"]


def test_only_updates_revert_drift(cloud):
    assert "DeploymentMode" in refused(
        "ValidationError", cloud, action="CreateChangeSet", StackName="new", ChangeSetName="c", ChangeSetType="CREATE",
        TemplateBody=body(DRIFTS), DeploymentMode="REVERT_DRIFT",
    )  # fmt: skip


NETWORK = {
    "V": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "I": {"Type": "AWS::EC2::InternetGateway"},
    "A": {
        "Type": "AWS::EC2::VPCGatewayAttachment",
        "Properties": {"VpcId": {"Ref": "V"}, "InternetGatewayId": {"Ref": "I"}},
    },
    "Six": {"Type": "AWS::EC2::VPCCidrBlock", "Properties": {"VpcId": {"Ref": "V"}, "CidrBlock": "10.1.0.0/16"}},
    "Out": {"Type": "AWS::EC2::EgressOnlyInternetGateway", "Properties": {"VpcId": {"Ref": "V"}}},
    "S": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.0.0/24"}},
    "R": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "V"}}},
    "Via": {
        "Type": "AWS::EC2::SubnetRouteTableAssociation",
        "Properties": {"SubnetId": {"Ref": "S"}, "RouteTableId": {"Ref": "R"}},
    },
}
WATCH = {
    "T": topic(),
    "Mail": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "email", "Endpoint": "a@example.com"},
    },
    "May": {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [{"Ref": "T"}],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sns:Publish",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Resource": {"Ref": "T"},
                    }
                ],
            },
        },
    },
    "E": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)", "State": "ENABLED"}},
    "G": group("/filtered"),
    "F": {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": {"Ref": "G"},
            "FilterPattern": "error",
            "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
        },
    },
    "O": {
        "Type": "AWS::CloudFront::OriginAccessControl",
        "Properties": {
            "OriginAccessControlConfig": {
                "Name": "o",
                "OriginAccessControlOriginType": "s3",
                "SigningBehavior": "always",
                "SigningProtocol": "sigv4",
            }
        },
    },
}


def drifted(cloud) -> dict[str, str]:
    cloud("DetectStackDrift", StackName="s")
    cloud.settle()
    found = cloud("DescribeStackResourceDrifts", StackName="s")["StackResourceDrifts"]
    return {one["LogicalResourceId"]: one["StackResourceDriftStatus"] for one in found}


def test_drift_of_what_connects_a_network(cloud):
    assert cloud.create(NETWORK) == "CREATE_COMPLETE"
    assert set(drifted(cloud).values()) == {"IN_SYNC"}
    ec2 = cloud.client("ec2")
    ec2.detach_internet_gateway(VpcId=cloud.physical("V"), InternetGatewayId=cloud.physical("I"))
    ec2.disassociate_vpc_cidr_block(AssociationId=cloud.physical("Six"))
    ec2.disassociate_route_table(AssociationId=cloud.physical("Via"))
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=cloud.physical("Out"))
    found = drifted(cloud)
    assert {name for name, status in found.items() if status == "DELETED"} == {"A", "Six", "Via", "Out"}
    assert {found[name] for name in ("V", "I", "S", "R")} == {"IN_SYNC"}


def test_drift_of_what_watches(cloud):
    assert cloud.create(WATCH) == "CREATE_COMPLETE"
    assert set(drifted(cloud).values()) == {"IN_SYNC"}
    arn = cloud.physical("T")
    other = json.dumps({"Version": "2012-10-17", "Statement": []})
    cloud.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=other)
    cloud.client("sns").unsubscribe(SubscriptionArn=cloud.physical("Mail"))
    cloud.client("events").put_rule(Name=cloud.physical("E"), ScheduleExpression="rate(2 days)", State="ENABLED")
    cloud.client("logs").put_metric_filter(
        logGroupName="/filtered",
        filterName=cloud.physical("F"),
        filterPattern="warning",
        metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
    )
    cloud.client("cloudfront").delete_origin_access_control(Id=cloud.physical("O"), IfMatch="x")
    expected = {"T": "IN_SYNC", "G": "IN_SYNC", "Mail": "DELETED", "O": "DELETED"}
    assert drifted(cloud) == {**expected, "May": "MODIFIED", "E": "MODIFIED", "F": "MODIFIED"}


def test_import(cloud):
    cloud.client("logs").create_log_group(logGroupName="/old")
    cloud.create({"T": topic()})
    kept = {**group("/old"), "DeletionPolicy": "Retain"}
    wanted = {
        "LogicalResourceId": "G",
        "ResourceType": "AWS::Logs::LogGroup",
        "ResourceIdentifier": {"LogGroupName": "/old"},
    }
    found = cloud.change_set({"T": topic(), "G": kept}, "IMPORT", ResourcesToImport=[wanted])
    assert [c["ResourceChange"]["Action"] for c in found["Changes"]] == ["Import"]
    assert cloud.execute() == "IMPORT_COMPLETE"
    assert cloud.events("G") == ["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"]
    found = cloud.change_set({"T": topic(), "G": group("/old"), "H": kept}, "IMPORT", "bad", ResourcesToImport=[])
    assert found["Status"] == "FAILED"


def test_an_import_changes_nothing_else(cloud):
    cloud.create({"A": topic()})
    cloud.client("logs").create_log_group(logGroupName="/there")
    new = group("/there") | {"DeletionPolicy": "Retain"}
    asked = [{"ResourceType": new["Type"], "LogicalResourceId": "G", "ResourceIdentifier": {"LogGroupName": "/there"}}]
    found = cloud.change_set(
        {"A": topic(DisplayName="x"), "G": new}, "IMPORT", name="modified", ResourcesToImport=asked
    )
    assert "You have modified resources [A]" in found["StatusReason"]
    sections = {"Outputs": {"O": {"Value": "x"}}}
    found = cloud.change_set({"A": topic(), "G": new}, "IMPORT", name="out", ResourcesToImport=asked, sections=sections)
    assert "you cannot modify or add [Outputs]" in found["StatusReason"]
    assert cloud.change_set({"A": topic(), "G": new}, "IMPORT", ResourcesToImport=asked)["Status"] == "CREATE_COMPLETE"
    assert cloud.execute() == "IMPORT_COMPLETE"


def test_import_needs_a_deletion_policy_and_an_existing_resource(cloud):
    wanted = {
        "LogicalResourceId": "G",
        "ResourceType": "AWS::Logs::LogGroup",
        "ResourceIdentifier": {"LogGroupName": "/old"},
    }
    given = {"kind": "IMPORT", "ResourcesToImport": [wanted]}
    words = refused("ValidationError", cloud.change_set, resources={"G": group("/old")}, **given)
    assert "does not exist in the account" in words
    cloud.client("logs").create_log_group(logGroupName="/old")
    found = cloud.change_set({"G": group("/old")}, "IMPORT", "again", ResourcesToImport=[wanted])
    assert "DeletionPolicy" in found["StatusReason"]


def test_import_existing_resources(cloud):
    cloud.client("logs").create_log_group(logGroupName="/old")
    kept = {"G": {**group("/old"), "DeletionPolicy": "Retain"}, "T": topic()}
    found = cloud.change_set(kept, "CREATE", ImportExistingResources=True)
    assert {c["ResourceChange"]["Action"] for c in found["Changes"]} == {"Import", "Add"}
    assert cloud.execute() == "CREATE_COMPLETE"
    assert cloud.physical("G") == "/old"
