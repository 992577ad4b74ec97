"""What changes, and what it replaces, by the create-only properties of AWS's own schemas."""

from __future__ import annotations

import pytest

from hermes_cfn.cfn.changes import changes, direct_changes, recreation
from hermes_cfn.cfn.intrinsics import Scope, active_resources
from hermes_cfn.cfn.schemas import schema, supported
from hermes_cfn.cfn.template import Template
from hermes_cfn.errors import HermesError

REGION = "eu-south-2"


def template(**resources):
    return Template.parse({"Resources": resources})


def deployed(name, attribute):
    return f"{name}-{attribute or 'id'}"


def changed(before, after, **more):
    scope = Scope(region=REGION, attributes=deployed)
    found = changes(active_resources(before, scope), active_resources(after, scope), REGION, after, **more)
    return {change.logical_id: change for change in found}


def group(**properties):
    return {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Port": 4000, **properties}}


def test_nothing_changes():
    same = template(G=group())
    assert changed(same, same) == {}


def test_numbers_and_their_text_are_the_same():
    assert changed(template(G=group(Port=4000)), template(G=group(Port="4000"))) == {}
    before, after = group(HealthCheckEnabled=True), group(HealthCheckEnabled="true")
    assert changed(template(G=before), template(G=after)) == {}


def test_add_and_remove_with_their_policies():
    before = template(A={"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"})
    found = changed(before, template(B={"Type": "AWS::S3::Bucket"}))
    assert (found["B"].action, found["B"].replacement) == ("Add", None)
    assert (found["A"].action, found["A"].policy) == ("Remove", "Retain")


def test_in_place():
    found = changed(template(G=group()), template(G=group(HealthCheckPath="/health")))["G"]
    assert (found.action, found.replacement, found.scope, found.policy) == ("Modify", "False", ("Properties",), "")
    (detail,) = found.details
    assert (detail.path, detail.before, detail.after) == ("/Properties/HealthCheckPath", None, "/health")
    assert (detail.name, detail.requires_recreation) == ("HealthCheckPath", "Never")


def test_create_only_replaces():
    found = changed(template(G=group()), template(G=group(Port=4001)))["G"]
    assert (found.replacement, found.policy) == ("True", "ReplaceAndDelete")
    assert found.details[0].requires_recreation == "Always"


def test_replaced_but_kept():
    kept = {**group(Port=4001), "UpdateReplacePolicy": "Retain"}
    assert changed(template(G=group()), template(G=kept))["G"].policy == "ReplaceAndRetain"


def test_replacement_spreads_to_those_that_refer():
    def stack(port):
        return template(
            G=group(Port=port),
            L={
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": "arn",
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "G"}}],
                },
            },
            Other={"Type": "AWS::SNS::Topic"},
        )

    found = changed(stack(1), stack(2))
    assert set(found) == {"G", "L"}
    assert found["L"].replacement == "False"
    (detail,) = found["L"].details
    assert (detail.cause, detail.dynamic, detail.name) == ("G", True, "DefaultActions")


def test_replacement_spreads_as_conditional_and_on():
    def stack(cidr):
        return template(
            V={"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": cidr}},
            S={"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "V"}, "CidrBlock": "10.0.0.0/24"}},
            N={"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": {"Ref": "S"}}},
        )

    found = changed(stack("10.0.0.0/16"), stack("10.0.0.0/8"))
    assert {name: change.replacement for name, change in found.items()} == {
        "V": "True",
        "S": "Conditional",
        "N": "Conditional",
    }


def test_an_attribute_of_what_changes_in_place_may_change_but_its_name_does_not():
    def stack(image):
        return template(
            T={
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": {"ImageId": image}},
            },
            G={
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "Properties": {
                    "MinSize": "1",
                    "MaxSize": "1",
                    "LaunchTemplate": {
                        "LaunchTemplateId": {"Ref": "T"},
                        "Version": {"Fn::GetAtt": ["T", "LatestVersionNumber"]},
                    },
                },
            },
        )

    found = changed(stack("ami-1"), stack("ami-2"))
    assert found["T"].replacement == "False"
    assert [detail.cause for detail in found["G"].details] == ["T.LatestVersionNumber"]


def test_tags_of_the_stack_change_what_can_be_tagged():
    stack = template(T={"Type": "AWS::SNS::Topic"}, R={"Type": "AWS::EC2::Route"})
    found = changed(stack, stack, tags_before={}, tags_after={"a": "b"})
    assert {name: change.scope for name, change in found.items()} == {"T": ("Tags",)}


def test_metadata_and_policies():
    before = template(T={"Type": "AWS::SNS::Topic"})
    after = template(T={"Type": "AWS::SNS::Topic", "Metadata": {"a": 1}, "DeletionPolicy": "Retain"})
    assert changed(before, after)["T"].scope == ("DeletionPolicy", "Metadata")


def test_another_type_is_refused():
    with pytest.raises(HermesError, match="Update of resource type is not permitted"):
        changed(template(T={"Type": "AWS::SNS::Topic"}), template(T={"Type": "AWS::SQS::Queue"}))


def test_import():
    found = changes({}, active_resources(template(B={"Type": "AWS::S3::Bucket"}), Scope()), REGION, imported={"B"})
    assert found[0].action == "Import"


@pytest.mark.parametrize(
    ("kind", "path", "needs"),
    [
        ("AWS::Logs::LogGroup", "/LogGroupName", "Always"),
        ("AWS::Logs::LogGroup", "/RetentionInDays", "Never"),
        ("AWS::EC2::SecurityGroup", "/GroupDescription", "Always"),
        ("AWS::ECR::Repository", "/RepositoryName", "Always"),
        ("AWS::SSM::Document", "/Name", "Always"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "/TargetGroupAttributes", "Never"),
        ("AWS::RDS::DBInstance", "/DBInstanceIdentifier", "Always"),
        ("AWS::Nobody::Knows", "/Name", "Never"),
    ],
)
def test_recreation(kind, path, needs):
    assert recreation(schema(kind, REGION), path, "a", "b") == needs


def test_conditionally():
    rds = schema("AWS::RDS::DBInstance", REGION)
    path = rds.conditional_create_only[0]
    assert recreation(rds, path, "a", "b") == "Conditionally"


def test_schemas_know_regions():
    assert supported("AWS::Budgets::Budget", "us-east-1")
    assert schema("AWS::Budgets::Budget", "eu-south-2") is None
    assert schema("AWS::SNS::Topic", REGION).primary_identifier == ("/TopicArn",)
    assert "sns:CreateTopic" in schema("AWS::SNS::Topic", REGION).handler_permissions("create")
    with pytest.raises(HermesError, match="no resource schemas"):
        schema("AWS::SNS::Topic", "mars-1")


def test_direct_changes_of_one_that_is_equal():
    resource = template(T={"Type": "AWS::SNS::Topic"}).resources["T"]
    assert list(direct_changes(resource, resource, None)) == []
