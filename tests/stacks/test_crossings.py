"""No role of one environment or application changes anything of another one, or reads what somebody put there.

Policies are evaluated, not read: those of the rendered foundation, on everything that another environment has, for pairs of
names that the configuration accepts.
"""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from hermes_cfn.config import parse
from hermes_cfn.config.extras import ExtraFile
from hermes_cfn.errors import ConfigurationError
from hermes_cfn.local.services.policies import Asked, allowed
from hermes_cfn.names import Names
from hermes_cfn.permissions import GRANTS
from hermes_cfn.service_role import EXTRA_TYPES

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("make_crossings", ROOT / "docs/make_crossings.py")
crossings = importlib.util.module_from_spec(_spec)
sys.modules["make_crossings"] = crossings
_spec.loader.exec_module(crossings)

FULL = """
[application]
name = "{application}"
[environment]
name = "{environment}"
[network]
egress = "nat-instance"
[service]
access_logs = true
waf = true
cluster = true
[watch]
enabled = true
audit_trail = true
[edge]
assets = true
dns = "alias"
hosted_zone_id = "{zone}"
[worldwide]
cloudfront = true
assets_domain = "static.example.com"
hosted_zone_id = "{zone}"
[budget]
ceiling_usd = 10
[access]
read-write = ["extras.own"]
"""


OWN = ExtraFile(
    "own",
    "extras/own.template.json",
    json.dumps(
        {
            "Resources": {
                f"R{n}": {
                    "Type": kind,
                    "Properties": {"EmailIdentity": "hermes.yourdomain.com"} if "SES" in kind else {},
                }
                for n, kind in enumerate(sorted(EXTRA_TYPES))
            },
            "Outputs": {
                f"O{n}": {"Value": {"Ref": f"R{n}"} if GRANTS[kind][3] else {"Fn::GetAtt": [f"R{n}", "Arn"]}}
                for n, kind in enumerate(sorted(EXTRA_TYPES))
                if kind in GRANTS
            },
        }
    ),
)
"""A stack of one's own with one of each type that is offered."""


def full(application, environment, others=()):
    return family(application, environment, others)[0]


def family(application, environment, others=()):
    """The settings of the environments of one file, the file's own first."""

    def zone(name):
        return f"ZOF{f'{application}{name}'.upper().replace('-', '')[-28:]}"

    text = FULL.format(application=application, environment=environment, zone=zone(environment))
    for other in others:
        text += f'[environments.{other}]\nedge.hosted_zone_id = "{zone(other)}"\nworldwide.hosted_zone_id = "{zone(other)}"\n'
    return [parse(text, name, files=(OWN,)) for name in (environment, *others)]


def found(one, some):
    """What any principal of ``one`` reaches, without looks at configuration: (who, action, ARN)."""
    return {
        (who.name, action, thing.arn)
        for who in crossings.principals(one)
        for action, thing in crossings.reached(who, some, one.region)
        if not crossings.looks(action)
    }


PAIRS = [
    (("hermes", "production"), ("hermes", "staging")),
    (("hermes", "production"), ("hermes", "eu-production")),
    (("hermes", "production"), ("shop", "production")),
    (("hermes", "production"), ("hermes-shop", "production")),
    (("a-long-name", "production-here-too"), ("a-long-name", "production-here-now")),
    (("ab", "cd"), ("abc", "d1")),
]


def pair(one, other):
    """The settings of two environments, that know each other where they are of one application."""
    if one[0] != other[0]:
        return full(*one), full(*other)
    return family(*one, [other[1]])


def foreign(one, other, reaching):
    """What is reached but for the reads that the environments of one file have of each other's images."""
    declared = set(crossings.DECLARED) if one[0] == other[0] else set()
    return {each for each in reaching if each[1] not in declared}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_role_reaches_what_another_environment_has(one, other):
    mine, theirs = pair(one, other)
    assert foreign(one, other, found(mine, crossings.things(theirs))) == set()


def test_no_role_reaches_what_other_teams_have():
    one = full("hermes", "production")
    reaching = {(who, action, arn) for who, action, arn in found(one, crossings.strangers(one.region))}
    assert {action for _, action, _ in reaching} - set(crossings.TAKEN) == set(), sorted(reaching)


def test_the_page_is_fresh():
    for path, page in crossings.PAGES.items():
        assert path.read_text(encoding="utf-8") == page(), "next: python docs/make.py"


def test_what_is_said_to_be_left_is_left():
    """The tables have no line that nothing needs."""
    mine, theirs = pair(*PAIRS[0])
    assert {action for _, action, _ in found(mine, crossings.things(theirs))} == set(crossings.DECLARED)
    one = full("hermes", "production")
    assert {action for _, action, _ in found(one, crossings.strangers(one.region))} == set(crossings.TAKEN)


def test_an_environment_that_shares_a_load_balancer_reaches_its_listener_and_nothing_else():
    text = (
        "[environments.staging.environment]\nshares = 'production'\n[environments.staging.ingress]\nlistener_priority = 200\n"
        "[environments.staging.certificate]\ndomain = 'staging.example.com'\n"
    )
    owner, sharer = parse(text), parse(text, "staging")
    reached = {(action, arn.split(":")[5].split("/")[0]) for _, action, arn in found(sharer, crossings.things(owner))
               if action not in crossings.DECLARED}  # fmt: skip
    certificates = {f"elasticloadbalancing:{verb}ListenerCertificates" for verb in ("Add", "Remove")}
    assert reached == {(action, "listener") for action in certificates}
    assert {action for _, action, _ in found(owner, crossings.things(sharer))} <= set(crossings.DECLARED)


def test_every_kind_of_thing_is_one_that_policies_can_mean():
    """A thing whose ARN no action is about would be evaluated by nothing."""
    mine = full("hermes", "production")
    reference = crossings.reference()
    for thing in [*crossings.things(mine), *crossings.strangers(mine.region)]:
        assert any(
            thing.kind in service.get("resources", {}) and crossings.formed(name, thing.kind, thing.arn)
            for name, service in reference.items()
            if isinstance(service, dict)
        ), thing


def test_cloudformation_touches_an_id_of_awss_only_where_somebody_may_import_it(production):
    (who,) = [one for one in production if one.name == "cloudformation"]
    assert who.handles == frozenset()
    control = crossings.Thing("origin-access-control", "x", type=crossings.NAMELESS[0])
    assert not who.touches(control)
    assert replace(who, handles=None).touches(control) and replace(who, handles={control.type}).touches(control)


NAME = st.from_regex(r"[a-z][a-z0-9-]{0,12}[a-z0-9]", fullmatch=True)


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(NAME, NAME, st.one_of(st.just(""), NAME), NAME)
def test_no_role_reaches_across_whatever_the_names(application, environment, second, tail):
    """The other one begins like this one as often as not; pairs that a rule refuses are refused, and drawn again."""
    other = (second or application, tail if second else f"{environment}{tail}"[:20].rstrip("-"))
    try:
        mine, theirs = pair((application, environment), other)
    except ConfigurationError:
        assume(False)
    assume(not Names.of(mine).clashes(Names.of(theirs)))
    reaching = found(mine, crossings.things(theirs))
    assert foreign((application, environment), other, reaching) == set()


@pytest.mark.parametrize(
    ("environment", "others"),
    [("production", ["production-eu"]), ("eu", ["eu-west"]), ("a1", ["a1-b", "a1-b-c"]), ("staging-2", ["staging"])],
)
def test_an_environment_whose_name_begins_another_ones_is_refused(environment, others):
    with pytest.raises(ConfigurationError) as refused:
        full("hermes", environment, others)
    assert all(finding.code == "configuration-conflict" for finding in refused.value.findings)


@pytest.mark.parametrize("name", ["artifacts", "foundation", "cloudformation", "boundary", "deploy", "artifacts-2"])
def test_a_word_that_names_of_the_account_have_is_no_environment(name):
    with pytest.raises(ConfigurationError):
        full("hermes", name)


def test_two_applications_that_name_the_same_are_seen():
    one = Names("hermes", "blue-x", "", "")
    assert one.clashes(Names("hermes-blue", "x", "", ""))
    assert Names("hermes", "production", "", "").clashes(Names("hermes-production", "x1", "", ""))
    assert not one.clashes(Names("hermes-red", "x", "", ""))


# Techniques by which a principal makes itself, or another one, more powerful (Rhino Security Labs, "AWS IAM privilege
# escalation"; each with the resource on which it would work).

US, REGION = crossings.ACCOUNT, "eu-south-2"
IAM = f"arn:aws:iam::{US}"
ITSELF = [
    f"{IAM}:role/hermes-production-{task}"
    for task in ("release", "infrastructure", "plan", "operator", "cloudformation")
]
MADE = f"{IAM}:role/hermes/production/hermes-production-instance"
ESCALATIONS = {
    "iam:CreatePolicyVersion": [f"{IAM}:policy/hermes-production-boundary", f"{IAM}:policy/hermes-observe"],
    "iam:SetDefaultPolicyVersion": [f"{IAM}:policy/hermes-production-boundary"],
    "iam:CreateAccessKey": [f"{IAM}:user/ana"],
    "iam:CreateLoginProfile": [f"{IAM}:user/ana"],
    "iam:UpdateLoginProfile": [f"{IAM}:user/ana"],
    "iam:AttachUserPolicy": [f"{IAM}:user/ana"],
    "iam:AttachGroupPolicy": [f"{IAM}:group/all"],
    "iam:AttachRolePolicy": [*ITSELF, MADE],
    "iam:PutUserPolicy": [f"{IAM}:user/ana"],
    "iam:PutGroupPolicy": [f"{IAM}:group/all"],
    "iam:PutRolePolicy": [*ITSELF, MADE],
    "iam:AddUserToGroup": [f"{IAM}:group/all"],
    "iam:UpdateAssumeRolePolicy": ITSELF,
    "iam:DeleteRolePermissionsBoundary": [MADE],
    "iam:PutRolePermissionsBoundary": [*ITSELF, MADE],
    "iam:CreateRole": [MADE, f"{IAM}:role/anything"],
    "iam:CreateUser": [f"{IAM}:user/new"],
    "iam:CreateServiceSpecificCredential": [f"{IAM}:user/ana"],
    "iam:UpdateOpenIDConnectProviderThumbprint": [f"{IAM}:oidc-provider/token.actions.githubusercontent.com"],
    "iam:PassRole": [f"{IAM}:role/Administrator", *ITSELF[:4]],
    "sts:AssumeRole": [f"{IAM}:role/Administrator", *ITSELF],
    "lambda:CreateFunction": [f"arn:aws:lambda:{REGION}:{US}:function:x"],
    "lambda:UpdateFunctionCode": [f"arn:aws:lambda:{REGION}:{US}:function:x"],
    "lambda:AddPermission": [f"arn:aws:lambda:{REGION}:{US}:function:x"],
    "glue:CreateDevEndpoint": [f"arn:aws:glue:{REGION}:{US}:devEndpoint/x"],
    "datapipeline:CreatePipeline": ["*"],
    "codestar:CreateProject": ["*"],
    "codebuild:CreateProject": [f"arn:aws:codebuild:{REGION}:{US}:project/x"],
    "sagemaker:CreateNotebookInstance": [f"arn:aws:sagemaker:{REGION}:{US}:notebook-instance/x"],
    "ecs:RunTask": [f"arn:aws:ecs:{REGION}:{US}:task-definition/x:1"],
    "cloudformation:UpdateStack": [f"arn:aws:cloudformation:{REGION}:{US}:stack/hermes-foundation/0"],
    "cloudformation:CreateChangeSet": [f"arn:aws:cloudformation:{REGION}:{US}:stack/hermes-foundation/0"],
    "cloudformation:SetStackPolicy": [f"arn:aws:cloudformation:{REGION}:{US}:stack/hermes-foundation/0"],
    "ssm:SendCommand": [f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript"],
    "ssm:StartSession": [f"arn:aws:ec2:{REGION}:{US}:instance/another-teams"],
    "ssm:CreateAssociation": [f"arn:aws:ssm:{REGION}:{US}:document/hermes-production-run"],
    "ssm:ModifyDocumentPermission": [f"arn:aws:ssm:{REGION}:{US}:document/hermes-production-run"],
    "ec2:CreateTags": [f"arn:aws:ec2:{REGION}:{US}:instance/another-teams"],
    "ec2:ModifyInstanceAttribute": [f"arn:aws:ec2:{REGION}:{US}:instance/another-teams"],
    "ec2:AssociateIamInstanceProfile": [f"arn:aws:ec2:{REGION}:{US}:instance/i-of-production"],
    "ec2:ReplaceIamInstanceProfileAssociation": [f"arn:aws:ec2:{REGION}:{US}:instance/i-of-production"],
    "ec2-instance-connect:SendSSHPublicKey": [f"arn:aws:ec2:{REGION}:{US}:instance/i-of-production"],
    "kms:CreateGrant": [f"arn:aws:kms:{REGION}:{US}:key/k"],
    "kms:Decrypt": [f"arn:aws:kms:{REGION}:{US}:key/k"],
    "s3:PutBucketPolicy": [f"arn:aws:s3:::hermes-artifacts-{US}-{REGION}"],
    "s3:DeleteObjectVersion": [f"arn:aws:s3:::hermes-production-trail-{US}-{REGION}/x"],
    "s3:DeleteObject": [f"arn:aws:s3:::hermes-production-trail-{US}-{REGION}/x"],
    "s3:DeleteBucket": [f"arn:aws:s3:::hermes-production-trail-{US}-{REGION}"],
    "dynamodb:DeleteItem": [f"arn:aws:dynamodb:{REGION}:{US}:table/hermes-deploy-lock"],
    "ecr:SetRepositoryPolicy": [f"arn:aws:ecr:{REGION}:{US}:repository/hermes"],
    "route53:ChangeResourceRecordSets": ["arn:aws:route53:::hostedzone/ZANOTHERTEAMS"],
}  # fmt: skip


@pytest.fixture(scope="module")
def production():
    return crossings.principals(full("hermes", "production"))


@pytest.mark.parametrize("action", ESCALATIONS)
def test_no_role_makes_anybody_more_powerful(production, action):
    for who in production:
        for arn in ESCALATIONS[action]:
            asked = Asked(action, arn, {"aws:requestedregion": (REGION,), **who.more})
            assert allowed(asked, who.policies, who.boundary), (who.name, arn)


BOUNDARY = {"iam:permissionsboundary": (f"{IAM}:policy/hermes-production-boundary",)}
OTHER_BOUNDARY = {"iam:permissionsboundary": (f"{IAM}:policy/hermes-staging-boundary",)}


@pytest.mark.parametrize(
    ("action", "arn", "context", "well"),
    [
        ("iam:CreateRole", MADE, BOUNDARY, True),
        ("iam:CreateRole", MADE, OTHER_BOUNDARY, False),
        ("iam:CreateRole", f"{IAM}:role/hermes-production-new", BOUNDARY, False),
        ("iam:CreateRole", f"{IAM}:role/hermes/production-eu/x", BOUNDARY, False),
        ("iam:PutRolePolicy", MADE, BOUNDARY, True),
        ("iam:PassRole", MADE, {"iam:passedtoservice": ("ec2.amazonaws.com",)}, True),
        ("iam:PassRole", MADE, {"iam:passedtoservice": ("lambda.amazonaws.com",)}, False),
        ("ec2:CreateTags", "*", {"ec2:createaction": ("CreateVpc",)}, True),
        ("ec2:CreateTags", "*", {"ec2:createaction": ("CreateImage",)}, False),
        ("ec2:DeleteVpc", f"arn:aws:ec2:{REGION}:{US}:vpc/v", {}, False),
        ("ec2:CreateSubnet", f"arn:aws:ec2:{REGION}:{US}:vpc/v", {}, False),
    ],
)
def test_what_cloudformation_may_for_its_environment(production, action, arn, context, well):
    (who,) = [one for one in production if one.name == "cloudformation"]
    assert (not allowed(Asked(action, arn, {"aws:requestedregion": (REGION,), **context}), who.policies, None)) is well


@pytest.mark.parametrize(
    ("types", "well"),
    [
        ((), True),
        (("AWS::EC2::EIP",), True),
        (("AWS::EC2::Instance",), False),
        (("AWS::IAM::Role", "AWS::EC2::EIP"), False),
    ],
)
def test_only_what_an_environment_keeps_is_imported(production, types, well):
    (who,) = [one for one in production if one.name == "infrastructure"]
    context = {"cloudformation:importresourcetypes": types} if types else {}
    stack = f"arn:aws:cloudformation:{REGION}:{US}:stack/hermes-production-network/0"
    assert (not allowed(Asked("cloudformation:CreateChangeSet", stack, context), who.policies, None)) is well


@pytest.mark.parametrize(
    ("keys", "well"), [(("production",), True), (("staging",), False), (("production", "staging"), False), ((), False)]
)
def test_the_lock_has_one_row_for_each_environment(production, keys, well):
    (who,) = [one for one in production if one.name == "release"]
    context = {"dynamodb:leadingkeys": keys} if keys else {}
    table = f"arn:aws:dynamodb:{REGION}:{US}:table/hermes-deploy-lock"
    assert (not allowed(Asked("dynamodb:UpdateItem", table, context), who.policies, None)) is well


def test_a_made_role_reads_no_secret_unless_an_instance_has_it(production):
    secret = f"arn:aws:ssm:{REGION}:{US}:parameter/hermes/production/secret/KEY"
    well = {
        who.name: not allowed(Asked("ssm:GetParameter", secret, who.more), who.policies, who.boundary)
        for who in production
    }
    assert {name for name, may in well.items() if may} == {"an instance"}


@pytest.mark.parametrize("action", ["PutImage", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"])
def test_each_environment_pushes_where_no_other_one_does(action):
    for one, own, other in zip(
        family("hermes", "production", ["staging"]),
        ("hermes", "hermes/staging"),
        ("hermes/staging", "hermes"),
        strict=True,
    ):
        who = next(who for who in crossings.principals(one) if who.name == "release")
        for name, well in ((own, True), (other, False)):
            asked = Asked(f"ecr:{action}", f"arn:aws:ecr:{REGION}:{US}:repository/{name}", {})
            assert (not allowed(asked, who.policies, None)) is well


def test_nobody_deletes_an_image_that_another_environment_may_run():
    for others, well in (((), True), (("staging",), False)):
        for one, name in zip(family("hermes", "production", others), ("hermes", "hermes/staging"), strict=False):
            who = next(who for who in crossings.principals(one) if who.name == "release")
            asked = Asked("ecr:BatchDeleteImage", f"arn:aws:ecr:{REGION}:{US}:repository/{name}", {})
            assert (not allowed(asked, who.policies, None)) is well
