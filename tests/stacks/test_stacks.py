"""The stacks: complete, hardened, free of cycles, and changed only where a setting says so."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from hermes_cfn import lint, stacks, templates
from hermes_cfn.cfn.intrinsics import Scope, active_resources
from hermes_cfn.cfn.template import Template
from hermes_cfn.config import load, parse
from hermes_cfn.names import output_id
from tests.stacks.changes import BASES, SETTINGS, changed
from tests.stacks.configurations import EGRESS, ZONE, configurations

ROOT = Path(__file__).parents[2]


def build(text=""):
    return stacks.build(parse(text))


def resources(deployment, kind=None):
    return {
        (spec.key, title): resource
        for spec in deployment
        for title, resource in spec.template["Resources"].items()
        if kind is None or resource["Type"] == kind
    }


def one(deployment, kind):
    (found,) = resources(deployment, kind).values()
    return found["Properties"]


def everything(egress="nat-gateway"):
    return f"""
[account]
artifacts_encryption = "aws:kms"
[network]
egress = "{egress}"
interface_endpoints = ["ssm", "ecr.api"]
[database]
allow_list = false
addresses = ["ipv4", "ipv6"]
[compute]
detailed_monitoring = true
key_name = "hermes-production"
[service]
access_logs = true
waf = true
cluster = true
stickiness = true
[certificate]
validation = "route53"
{ZONE}
[scaling]
minimum = 2
maximum = 4
cpu_percent = 50
requests_per_target = 600
[scaling.windows.nights]
begin = "22:00"
end = "07:00"
minimum = 2
maximum = 2
[watch]
enabled = true
emails = ["ops@example.com"]
audit_trail = true
[edge]
assets = true
dns = "weighted"
{ZONE}
[worldwide]
cloudfront = true
waf = true
assets_domain = "static.example.com"
{ZONE}
[budget]
ceiling_usd = 100
emails = ["ops@example.com"]
"""


def test_a_first_deployment_needs_four_stacks():
    deployment = build()
    assert deployment.keys == ("foundation", "network", "certificate", "service")
    assert [[spec.key for spec in wave] for wave in deployment.waves()] == [
        ["foundation"],
        ["network", "certificate"],
        ["service"],
    ]
    assert deployment.stack("service").gates == ("image", "secrets", "stable")


@pytest.mark.slow
@pytest.mark.parametrize("egress", EGRESS)
def test_cfn_lint_has_nothing_to_say_with_everything_on(egress):
    assert [str(finding) for finding in lint.lint(build(everything(egress)))] == []


def test_cfn_lint_has_nothing_to_say_about_the_default():
    assert lint.lint(stacks.build(load(ROOT / "hermes.toml"))) == []


def test_the_committed_templates_are_fresh():
    assert templates.compare(stacks.build(load(ROOT / "hermes.toml")), ROOT / "templates/production") == ""


REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)")


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            elif key == "Fn::Sub":
                yield from REFERENCE.findall(inner if isinstance(inner, str) else inner[0])
            yield from references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations())
def test_any_combination_is_wired_completely_and_without_a_cycle(text):
    deployment = build(text)
    assert sum(len(wave) for wave in deployment.waves()) == len(deployment.stacks)
    for spec in deployment:
        assert set(spec.parameters) == set(spec.template.get("Parameters", {})), spec.key
        for source in spec.parameters.values():
            if hasattr(source, "output"):
                assert source.output in deployment.stack(source.stack).template["Outputs"]
        known = {*spec.template["Resources"], *spec.template.get("Parameters", {})}
        used = {name for name in references(spec.template) if not name.startswith("AWS")} - {
            "Address",
            "Table",
            "Range",
        }
        assert used <= known, spec.key
        unused = set(spec.template.get("Parameters", {})) - used
        assert not unused, f"{spec.key} never uses {unused}"
        assert "Fn::ImportValue" not in json.dumps(spec.template)
        assert len(json.dumps(spec.template)) < 1_000_000
        assert len(spec.template["Resources"]) <= 500
    assert templates.render(deployment) == templates.render(build(text))


@pytest.mark.parametrize("egress", [kind for kind in EGRESS if kind.startswith("nat-")])
def test_addresses_that_the_database_sees_are_kept_and_told(egress):
    deployment = build(f"network.egress = '{egress}'\n")
    addresses = resources(deployment, "AWS::EC2::EIP").values()
    assert len(addresses) == (3 if egress in ("nat-gateway-per-zone", "nat-gateway-regional") else 1)
    assert all(address["DeletionPolicy"] == address["UpdateReplacePolicy"] == "Retain" for address in addresses)
    assert output_id("nat_public_ips") in deployment.stack("network").template["Outputs"]


def test_only_public_subnets_give_instances_a_public_address():
    for egress in EGRESS:
        deployment = build(f"network.egress = '{egress}'\n[database]\nallow_list = false\naddresses = ['ipv6']\n")
        launch = deployment.stack("service").template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
        assert launch["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is (egress == "public-subnets")


def test_the_launch_template_is_hardened():
    launch = one(build(), "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert launch["MetadataOptions"]["HttpTokens"] == "required"
    assert launch["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert launch["BlockDeviceMappings"][0]["Ebs"] == {
        "VolumeSize": 20,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    assert launch["ImageId"] == {"Ref": "MachineImage"}
    assert "KeyName" not in launch


def test_the_machine_image_is_of_the_architecture_of_the_type():
    arm = build().stack("service").parameters["MachineImage"]
    x86 = (
        build("compute.instance_type = 't3.small'\napplication.architecture = 'x86_64'\n")
        .stack("service")
        .parameters["MachineImage"]
    )
    assert (arm.lookup, arm.argument.rsplit("-", 1)[1], x86.argument.rsplit("-", 1)[1]) == (
        "machine-image",
        "arm64",
        "x86_64",
    )


@pytest.mark.parametrize("count, batch, smallest", [(1, 1, "0"), (2, 1, "1"), (5, 2, "3")])
def test_the_group_leaves_room_for_a_batch_and_a_surge(count, batch, smallest):
    deployment = build(f"compute.count = {count}\nrelease.batch = {batch}\nrelease.canary = 1\n")
    group = one(deployment, "AWS::AutoScaling::AutoScalingGroup")
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (smallest, str(count), str(count + 1))
    assert group["HealthCheckType"] == "EC2"
    (hook,) = group["LifecycleHookSpecificationList"]
    assert (hook["LifecycleTransition"], hook["DefaultResult"]) == ("autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON")
    ((_, body),) = resources(deployment, "AWS::AutoScaling::AutoScalingGroup").items()
    assert "UpdatePolicy" not in body


def test_the_application_is_reached_from_the_load_balancer_alone():
    deployment = build()
    groups = resources(deployment, "AWS::EC2::SecurityGroup")
    app = groups["service", "AppSecurityGroup"]["Properties"]
    assert app["GroupName"] == "production-app-sg"
    assert "SecurityGroupIngress" not in app
    assert sorted(rule["FromPort"] for rule in app["SecurityGroupEgress"]) == [443, 5432]
    (ingress,) = resources(deployment, "AWS::EC2::SecurityGroupIngress").values()
    assert ingress["Properties"]["FromPort"] == 4000
    assert ingress["Properties"]["SourceSecurityGroupId"] == {"Fn::GetAtt": ["LoadBalancerSecurityGroup", "GroupId"]}
    balancer = groups["service", "LoadBalancerSecurityGroup"]["Properties"]
    assert sorted(rule["FromPort"] for rule in balancer["SecurityGroupIngress"]) == [80, 443]


def test_buckets_are_closed():
    for (key, title), bucket in resources(build(everything()), "AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, title
        assert properties["VersioningConfiguration"]["Status"] == "Enabled"
        assert properties["BucketEncryption"]
        assert bucket["DeletionPolicy"] == "Retain"
        policy = resources(build(everything()))[key, f"{title}Policy"]["Properties"]["PolicyDocument"]
        assert any(row["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(row) for row in policy["Statement"])


def test_what_the_account_has_once():
    deployment = build()
    repository = one(deployment, "AWS::ECR::Repository")
    assert (repository["RepositoryName"], repository["ImageTagMutability"]) == ("hermes", "IMMUTABLE")
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"].get("tagPatternList", rule["selection"]["tagStatus"]) for rule in rules] == [
        ["released-*"],
        "untagged",
        ["build-*"],
    ]
    lock = one(deployment, "AWS::DynamoDB::Table")
    assert lock["BillingMode"] == "PAY_PER_REQUEST"
    assert lock["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "ThumbprintList" not in one(deployment, "AWS::IAM::OIDCProvider")
    assert deployment.stack("foundation").account_wide


def test_the_foundation_is_the_same_whichever_environment_asks():
    text = "[environments.staging.compute]\ncount = 1\n[environments.staging.service]\nwaf = true\n"
    first, second = stacks.build(parse(text)), stacks.build(parse(text, "staging"))
    assert first.stack("foundation") == second.stack("foundation")
    assert {spec.name for spec in first} & {spec.name for spec in second} == {"hermes-foundation"}


def test_two_environments_share_no_name():
    text = "[environments.staging.compute]\ncount = 1\n"
    first, second = stacks.build(parse(text)), stacks.build(parse(text, "staging"))

    def names(deployment):
        fixed = (
            "Name",
            "RoleName",
            "GroupName",
            "LogGroupName",
            "AutoScalingGroupName",
            "LaunchTemplateName",
            "BucketName",
        )
        return {
            json.dumps(value)
            for (key, _), resource in resources(deployment).items()
            if key != "foundation"
            for name, value in resource.get("Properties", {}).items()
            if name in fixed and "Ref" not in value
        }

    assert names(first)
    assert not names(first) & names(second)


def test_the_listener_redirects_http_and_speaks_modern_tls():
    deployment = build()
    https = resources(deployment)["service", "HttpsListener"]["Properties"]
    http = resources(deployment)["service", "HttpListener"]["Properties"]
    assert (https["Port"], https["Protocol"], https["SslPolicy"]) == (
        443,
        "HTTPS",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
    )
    assert http["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"
    attributes = {
        item["Key"]: item["Value"]
        for item in one(deployment, "AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"]
    }
    assert attributes["deletion_protection.enabled"] == "true"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_an_existing_certificate_has_no_stack():
    arn = "arn:aws:acm:eu-south-2:123456789012:certificate/0f"
    deployment = build(f"certificate.arn = '{arn}'\n")
    assert "certificate" not in deployment.keys
    assert deployment.stack("service").parameters["CertificateArn"].value == arn


def test_outputs_keep_the_guides_names():
    outputs = build().stack("service").template["Outputs"]
    for name in ("alb_dns_name", "alb_arn", "alb_target_group_arn", "auto_scaling_group"):
        assert output_id(name) in outputs


def test_the_group_and_the_budget_live_where_they_can():
    deployment = build(everything())
    assert deployment.stack("worldwide").region == "us-east-1"
    assert {spec.region for spec in deployment if spec.key != "worldwide"} == {"eu-south-2"}
    keys = [[spec.key for spec in wave] for wave in deployment.waves()]
    assert next(i for i, wave in enumerate(keys) if "worldwide" in wave) < next(
        i for i, wave in enumerate(keys) if "edge" in wave
    )


@pytest.mark.parametrize(
    ("by_tag", "active", "counted"),
    [
        ("when-active", "false", None),
        ("when-active", "true", {"TagKeyValue": ["user:hermes:environment$production"]}),
        ("always", None, {"TagKeyValue": ["user:hermes:environment$production"]}),
        ("never", None, None),
    ],
)
def test_the_budget_counts_the_environment_once_its_tag_is_active(by_tag, active, counted):
    spec = build(f"[budget]\nceiling_usd = 90\nby_tag = '{by_tag}'\n").stack("worldwide")
    assert ("BudgetTagActive" in spec.parameters) == (active is not None)
    given = {"BudgetCeiling": "90", "BudgetEstimate": "80"} | ({"BudgetTagActive": active} if active else {})
    found = active_resources(Template.parse(dict(spec.template)), Scope(parameters=given))
    assert found["Budget"].properties["Budget"].get("CostFilters") == counted


def test_two_machine_images_are_looked_up_apart():
    text = "network.egress = 'nat-instance'\ncompute.instance_type = 't3.small'\napplication.architecture = 'x86_64'\n"
    deployment = build(text)
    nat, own = (
        deployment.stack("network").parameters["NatMachineImage"],
        deployment.stack("service").parameters["MachineImage"],
    )
    assert nat.lookup == own.lookup and nat.key != own.key


def test_alarms_do_not_fire_on_silence():
    alarms = resources(build(everything()), "AWS::CloudWatch::Alarm")
    assert {name for _, name in alarms} >= {
        "UnhealthyHostsAlarm", "ErrorRateAlarm", "SlowAlarm", "CpuCreditsAlarm", "MemoryAlarm", "DiskAlarm",
        "NatPortsAlarm", "CertificateAlarm", "StandbyAlarm", "SuspendedAlarm", "AssetsErrorsAlarm",
    }  # fmt: skip
    assert all(alarm["Properties"]["TreatMissingData"] == "notBreaching" for alarm in alarms.values())


def test_another_application_has_another_name_everywhere():
    text = "[application]\nname = 'shop'\nport = 8000\nmigrate = []\n"
    rendered = json.dumps([spec.template for spec in build(text)])
    left = set(re.findall(r"[\w/-]*hermes-production[\w-]*|/hermes/production[\w/-]*", rendered))
    assert left == set()


@pytest.mark.slow
def test_an_attribute_that_some_configuration_sets_is_said_by_every_other():
    """CloudFormation leaves an attribute as it is that a template stops saying (coverage roadmap, 554)."""
    said = {}
    for base, change in SETTINGS:
        for spec in stacks.build(parse(changed(BASES[base], change))):
            for title, one in spec.template["Resources"].items():
                for name, pairs in one.get("Properties", {}).items():
                    if name.endswith("Attributes") and isinstance(pairs, list) and all("Key" in pair for pair in pairs):
                        said.setdefault(f"{title}.{name}", []).append({pair["Key"] for pair in pairs})
    assert said
    hangs_on = {"access_logs.s3.bucket", "access_logs.s3.prefix"}
    for place, keys in said.items():
        assert {frozenset(one - hangs_on) for one in keys} == {frozenset(set().union(*keys) - hangs_on)}, place
