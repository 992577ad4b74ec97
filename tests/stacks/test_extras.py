"""Stacks of one's own: read, fed by name, wired, and every bad input as one finding."""

import json

import pytest

from hermes_cfn import service_role, stacks
from hermes_cfn.cfn.schemas import schema
from hermes_cfn.config import load, parse
from hermes_cfn.config.extras import LIMIT_BYTES, TAKEN, ExtraFile
from hermes_cfn.deployment import FromOutput, FromSetting
from hermes_cfn.errors import HermesError
from hermes_cfn.plan import Deployed, PlanInputs
from hermes_cfn.plan.make import make as plan
from hermes_cfn.templates import read, write

BUCKET = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}},
    "Outputs": {"BucketName": {"Value": {"Ref": "Bucket"}}},
}
QUEUE = """
from troposphere import GetAtt, Output, Ref, Template, sqs
print("whatever it prints")
def template(settings):
    made = Template()
    made.add_resource(sqs.Queue("Work", DelaySeconds=settings.compute.count))
    made.add_output(Output("QueueUrl", Value=Ref("Work")))
    return made
"""


def extra(name, body, ending=".template.json"):
    return ExtraFile(name, f"extras/{name}{ending}", body if isinstance(body, str) else json.dumps(body))


def built(text="", *files):
    return stacks.build(parse(text, files=files))


def codes(text, *files):
    with pytest.raises(HermesError) as refused:
        built(text, *files)
    return [finding.code for finding in refused.value.findings], refused.value.findings


def test_files_beside_hermes_toml_become_stacks_and_outputs_variables(tmp_path):
    (tmp_path / "hermes.toml").write_text(
        '[env]\nBUCKET = { output = "uploads.BucketName" }\nPLAIN = "x"\n[environments.staging.compute]\ncount = 1\n'
    )
    folder = tmp_path / "extras"
    folder.mkdir()
    (folder / "uploads.template.yaml").write_text(
        "Parameters: {VpcId: {Type: String}, NetworkCidr: {Type: String}, WorkQueueUrl: {Type: String}}\n"
        "Resources: {Bucket: {Type: AWS::S3::Bucket}}\nOutputs: {BucketName: {Value: !Ref Bucket}}\n"
    )
    (folder / "work.py").write_text(QUEUE)
    (folder / "_shared.py").write_text("raise SystemExit(1)")
    for environment, count in (("production", 2), ("staging", 1)):
        deployment = stacks.build(load(tmp_path / "hermes.toml", environment))
        uploads, work = deployment.stack("extra-uploads"), deployment.stack("extra-work")
        assert uploads.name == f"hermes-{environment}-extra-uploads"
        assert dict(uploads.parameters) == {
            "VpcId": FromOutput("network", "VpcId"),
            "NetworkCidr": FromSetting("10.0.0.0/16"),
            "WorkQueueUrl": FromOutput("extra-work", "QueueUrl"),
        }
        assert work.template["Resources"]["Work"]["Properties"]["DelaySeconds"] == count
        waves = [{spec.key for spec in wave} for wave in deployment.waves()]
        place = {key: number for number, wave in enumerate(waves) for key in wave}
        assert place["extra-work"] < place["extra-uploads"] < place["service"]
        write(deployment, tmp_path / environment)
        assert read(tmp_path / environment) == deployment


def test_without_a_folder_nothing_is_other_than_before():
    assert [spec.key for spec in built()] == ["foundation", "network", "certificate", "service"]


def test_what_hermes_toml_says_goes_before_names_and_defaults():
    body = {**BUCKET, "Parameters": {"VpcId": {"Type": "String"}, "Other": {"Type": "String", "Default": "x"}}}
    spec = built('[extras.uploads]\nVpcId = "vpc-1"\n', extra("uploads", body)).stack("extra-uploads")
    assert dict(spec.parameters) == {"VpcId": FromSetting("vpc-1")}
    spec = built('[extras.uploads]\nVpcId = { output = "service.AlbArn" }\n', extra("uploads", body))
    assert spec.stack("extra-uploads").parameters["VpcId"] == FromOutput("service", "AlbArn")


WANTS = {"Parameters": {"Thing": {"Type": "String"}}, **BUCKET}
RAISES = "def template():\n    raise RuntimeError('no')\n"
BAD = {
    "a name of ours": ("", [], "extra-name-taken"),
    "nothing feeds it": ("", [extra("uploads", WANTS)], "extra-parameter"),
    "two feed it": (
        "",
        [
            extra("a1", BUCKET),
            extra("a2", BUCKET),
            extra("own", {**WANTS, "Parameters": {"BucketName": {"Type": "String"}}}),
        ],
        "extra-parameter",
    ),
    "a parameter that it has not": ('[extras.uploads]\nNone = "x"\n', [extra("uploads", BUCKET)], "extra-parameter"),
    "no such extra": ('[extras.uploads]\nA = "x"\n', [], "extra-unknown"),
    "no such output": ('[env]\nA = { output = "uploads.Bucket" }\n', [extra("uploads", BUCKET)], "output-unknown"),
    "no such stack": ('[env]\nA = { output = "upload.Bucket" }\n', [extra("uploads", BUCKET)], "output-unknown"),
    "an export": (
        "",
        [extra("own", {**BUCKET, "Outputs": {"A": {"Value": "x", "Export": {"Name": "theirs"}}}})],
        "extra-not-offered",
    ),
    "an import": (
        "",
        [extra("own", {**BUCKET, "Outputs": {"A": {"Value": {"Fn::ImportValue": "theirs"}}}})],
        "extra-not-offered",
    ),
    "a macro": ("", [extra("own", {**BUCKET, "Transform": "AWS::Serverless-2016-10-31"})], "extra-not-offered"),
    "a role": ("", [extra("own", {"Resources": {"R": {"Type": "AWS::IAM::Role"}}})], "extra-not-offered"),
    "a secret parameter": (
        "",
        [extra("own", {**BUCKET, "Parameters": {"P": {"Type": "String", "NoEcho": True, "Default": ""}}})],
        "extra-not-offered",
    ),
    "a property without rights": (
        "",
        [
            extra(
                "own", {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": {}}}}}
            )
        ],
        "extra-not-offered",
    ),
    "no template": ("", [extra("own", "[]")], "extra-invalid"),
    "broken yaml": ("", [extra("own", "a: [", ".template.yaml")], "extra-invalid"),
    "raises": ("", [extra("own", RAISES, ".py")], "extra-invalid"),
    "returns nonsense": ("", [extra("own", "def template(): return 7\n", ".py")], "extra-invalid"),
    "is no function": ("", [extra("own", "template = 1\n", ".py")], "extra-invalid"),
    "cannot be imported": ("", [extra("own", "import nothing_of_this_name\n", ".py")], "extra-invalid"),
    "a syntax error": ("", [extra("own", "def template(:\n", ".py")], "extra-invalid"),
    "leaves": ("", [extra("own", "import os\nos._exit(3)\n", ".py")], "extra-invalid"),
    "exits": ("", [extra("own", "import sys\nsys.exit(0)\n", ".py")], "extra-invalid"),
    "mail of another domain": (
        "",
        [
            extra(
                "own",
                {"Resources": {"M": {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": "x.org"}}}},
            )
        ],
        "extra-not-offered",
    ),
    "the service first": (
        '[env]\nA = { output = "own.BucketName" }\n',
        [extra("own", {**BUCKET, "Parameters": {"AlbArn": {"Type": "String"}}})],
        "extra-cycle",
    ),
    "each other": (
        "",
        [
            extra("aa", {**BUCKET, "Parameters": {"BbBucketName": {"Type": "String"}}}),
            extra("bb", {**BUCKET, "Parameters": {"AaBucketName": {"Type": "String"}}}),
        ],
        "extra-cycle",
    ),
}


@pytest.mark.parametrize(("text", "files", "code"), list(BAD.values())[1:], ids=list(BAD)[1:])
def test_bad_input_is_one_finding(text, files, code):
    found, findings = codes(text, *files)
    assert found == [code], [str(one) for one in findings]
    assert all(one.where and one.what for one in findings)


@pytest.mark.parametrize("name", [*sorted(TAKEN), "Uploads", "a_b", "x"])
def test_a_file_of_a_wrong_name_is_one_finding(tmp_path, name):
    (tmp_path / "hermes.toml").write_text("")
    (tmp_path / "extras").mkdir()
    (tmp_path / f"extras/{name}.template.json").write_text(json.dumps(BUCKET))
    with pytest.raises(HermesError) as refused:
        load(tmp_path / "hermes.toml")
    (finding,) = refused.value.findings
    assert finding.code == ("extra-name-taken" if name in TAKEN else "extra-invalid")


@pytest.mark.parametrize("size", [LIMIT_BYTES, LIMIT_BYTES + 1])
def test_a_template_has_51200_bytes_at_most(tmp_path, size):
    (tmp_path / "hermes.toml").write_text("")
    (tmp_path / "extras").mkdir()
    text = json.dumps({**BUCKET, "Description": "x" * 1000})
    (tmp_path / "extras/own.template.json").write_text(text + " " * (size - len(text)))
    if size == LIMIT_BYTES:
        assert "extra-own" in stacks.build(load(tmp_path / "hermes.toml")).keys
        return
    with pytest.raises(HermesError) as refused:
        load(tmp_path / "hermes.toml")
    assert [one.code for one in refused.value.findings] == ["extra-too-large"]


def test_every_type_that_is_offered_has_its_rights_and_a_fence():
    """No action of an extra that changes something is allowed on everything, and the policies fit."""
    kinds = sorted(service_role.EXTRA_TYPES)
    for kind in kinds:
        assert schema(kind, "us-east-1") is not None
        assert any(row.type == kind and row.granted for row in service_role.rows()), kind
    body = {"Resources": {f"R{number}": {"Type": kind, "Properties": {}} for number, kind in enumerate(kinds)}}
    body["Resources"][f"R{kinds.index('AWS::SES::EmailIdentity')}"]["Properties"] = {
        "EmailIdentity": "shop.example.com"
    }
    file = extra("own", body)
    settings = '[certificate]\ndomain = "shop.example.com"\n[watch]\nenabled = true\n'
    foundation = built(settings, file).stack("foundation").template["Resources"]
    for title, resource in foundation.items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert len(json.dumps(resource["Properties"]["PolicyDocument"], separators=(",", ":"))) <= 6144, title
    rows = foundation["ProductionCloudformationExtras"]["Properties"]["PolicyDocument"]["Statement"]
    wide = {action for row in rows if "*" in row["Resource"] for action in row["Action"]}
    assert wide <= {"sns:SetSubscriptionAttributes", "sns:Unsubscribe"}
    read = foundation["CloudformationRead"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"]
    assert "secretsmanager:GetSecretValue" not in read


def test_plan_names_what_is_foreign_what_is_taken_and_each_new_permission():
    named = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "somebodys"}}}}
    ours = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "hermes-production-unhealthy-hosts"}}
    text = "[watch]\nenabled = true\n"
    before = built(text)
    there = {spec.key: Deployed("CREATE_COMPLETE", spec.template) for spec in before}
    after = built(text, extra("own", named), extra("two", {"Resources": {"Alarm": ours}}))
    found = plan(after, there, PlanInputs(account="123456789012")).findings
    by_code = {one.code: one for one in found}
    assert by_code["extra-name-foreign"].where == "extra-own/Bucket"
    assert by_code["extra-name-taken"].where == "extra-two/Alarm"
    new = [one for one in found if one.code == "permission-new"]
    assert any("s3:PutBucketCORS on arn:aws:s3:::hermes-production-*" in one.evidence for one in new)
    assert not any(one.code == "permission-new" for one in plan(before, there, PlanInputs()).findings)


def granted(words, *files):
    return built(f"[access]\n{words}\n", *files)


ARN = {"Outputs": {"BucketName": {"Value": {"Ref": "Bucket"}}, "QueueArn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}}
BOTH = {"Resources": {**BUCKET["Resources"], "Queue": {"Type": "AWS::SQS::Queue"}}, **ARN}


@pytest.mark.parametrize(("key", "writes"), [("read", False), ("read-write", True), ("read_write", True)])
def test_a_grant_makes_a_role_apart_that_only_the_instance_may_assume(key, writes):
    deployment = granted(f'{key} = ["extras.own"]', extra("own", BOTH))
    service = deployment.stack("service")
    role = service.template["Resources"]["ApplicationRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": {"Fn::GetAtt": ["InstanceRole", "Arn"]}}
    assert "hermes-production-boundary" in json.dumps(role["PermissionsBoundary"])
    rows = role["Policies"][0]["PolicyDocument"]["Statement"]
    actions = {action for row in rows for action in row["Action"]}
    assert ({"s3:PutObject", "sqs:SendMessage"} <= actions) is writes
    assert {"s3:GetObject", "sqs:ReceiveMessage"} <= actions
    assert all("${Grant" in json.dumps(row["Resource"]) for row in rows)
    assert service.parameters["GrantOwnQueueArn"] == FromOutput("extra-own", "QueueArn")
    instance = service.template["Resources"]["InstanceRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assume = [row for row in instance if "sts:AssumeRole" in row["Action"]]
    assert [json.dumps(row["Resource"]).count("hermes-production-application") for row in assume] == [1]
    assert not {action for row in instance for action in row["Action"]} & actions
    boundary = deployment.stack("foundation").template["Resources"]["ProductionBoundary"]["Properties"][
        "PolicyDocument"
    ]
    bounded = {action for row in boundary["Statement"] for action in row["Action"]}
    assert actions <= bounded
    metadata = service.template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]
    assert metadata["HttpPutResponseHopLimit"] == 1 and metadata["HttpTokens"] == "required"


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ('read = ["extras.none"]', [extra("own", BOTH)]),
        ('read = ["extras.own"]', [extra("own", {**BOTH, "Outputs": {}, "Resources": BUCKET["Resources"]})]),
        ('read = ["extras.own"]', [extra("own", {"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}})]),
        (
            'read = ["extras.own"]',
            [
                extra(
                    "own", {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"T": {"Value": {"Ref": "T"}}}}
                )
            ],
        ),
    ],
    ids=["not there", "no output", "nothing to grant", "nothing to read"],
)
def test_a_grant_on_what_is_not_there_is_one_finding(words, files):
    with pytest.raises(HermesError) as refused:
        granted(words, *files)
    assert [one.code for one in refused.value.findings] == ["grant-unknown"]
