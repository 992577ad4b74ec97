"""The one list of what only a person can do, from what the doors answer."""

from types import SimpleNamespace as Some

import pytest

from hermes_cfn import stacks
from hermes_cfn.config import parse
from hermes_cfn.errors import ExitCode, HermesError, Severity, hermes
from hermes_cfn.flows.stacks import manual_steps
from hermes_cfn.names import Names

ARN = "arn:aws:acm:eu-south-2:123456789012:certificate/one"
NETWORK = {"network": {"NatPublicIps": "203.0.113.7"}}


def context(secrets=(), tags=("v1",), stable=False, pending=True, told_arn=ARN):
    """Clients that answer as an account before its first deployment."""
    settings = parse("")
    names = Names.of(settings, "123456789012")
    certificate = {
        "Status": "PENDING_VALIDATION" if pending else "ISSUED",
        "DomainName": "hermes.yourdomain.com",
        "DomainValidationOptions": [{"ResourceRecord": {"Name": "_x.hermes.yourdomain.com.", "Value": "_y.acm.aws."}}],
    }
    ssm = Some(
        parameter=lambda name: Some(value='{"id": "v1"}') if stable else None,
        described=lambda path: {names.secret(name): Some(version=1) for name in secrets},
    )
    ecr = Some(
        image=lambda repository, tag: Some(tags=(tag,)) if tag in tags else None,
        images=lambda repository: [Some(tags=("released-0", tag)) for tag in tags],
        uri=lambda repository: "uri",
    )
    formation = Some(
        describe=lambda name: {"StackStatus": "CREATE_IN_PROGRESS"},
        resources=lambda name: [Some(physical_id=told_arn, logical_id="Certificate")],
    )
    listed = [
        {"CertificateArn": ARN, "DomainName": "hermes.yourdomain.com"},
        {"CertificateArn": "x", "DomainName": "y"},
    ]
    calls = Some(
        describe_certificate=lambda CertificateArn: {"Certificate": certificate} if CertificateArn == ARN else {},
        pages=lambda action, key, **_: iter(listed),
    )
    clients = Some(ssm=ssm, ecr=ecr, cloudformation=lambda region="": formation, calls=lambda service, region="": calls)
    return Some(clients=clients, names=names, settings=settings, deployment=stacks.build(settings), now=None)


def told(made, image="v1", wait=True, outputs=NETWORK):
    gate = manual_steps.Gate(made, image, wait=wait)
    return gate.chores(made.deployment.stack("service"), outputs)


def test_everything_that_is_to_do_is_told_in_one_list() -> None:
    found = told(context(tags=()), image="")
    by_code = {finding.code: finding for finding in found}
    assert set(by_code) == {"image-not-chosen", "secret-missing", "database-allow-list", "certificate-pending"}
    assert sum(finding.code == "secret-missing" for finding in found) == 3
    assert "203.0.113.7" in by_code["database-allow-list"].what
    assert "_x.hermes.yourdomain.com. CNAME _y.acm.aws." in by_code["certificate-pending"].evidence
    assert all(finding.next for finding in found)


def test_only_what_holds_the_stack_holds_it() -> None:
    done = context(secrets=parse("").application.secrets)
    found = told(done, wait=False)
    assert {finding.severity for finding in found} == {Severity.WARNING}
    assert not told(context(secrets=parse("").application.secrets, pending=False), outputs={"certificate": {}})


def test_the_only_image_is_taken_and_of_several_one_is_named_without_waiting() -> None:
    (taken,) = [finding for finding in told(context(), image="") if "image" in finding.code]
    assert (taken.code, taken.severity) == ("image-taken", Severity.INFO)
    with pytest.raises(HermesError) as caught:
        told(context(tags=("v1", "v2")), image="")
    (finding,) = [finding for finding in caught.value.findings if "image" in finding.code]
    assert (finding.code, finding.next) == ("image-not-chosen", hermes("deploy", "--image", "TAG"))
    assert finding.evidence == "tags there: v1, v2"


def test_where_nobody_waits_the_whole_list_refuses() -> None:
    with pytest.raises(HermesError) as caught:
        told(context(), image="v9", wait=False)
    assert caught.value.exit_code is ExitCode.REFUSED
    codes = {finding.code for finding in caught.value.findings}
    assert {"image-unknown", "secret-missing", "database-allow-list", "certificate-pending"} == codes


def outputs_with(balancer):
    return {"service": {"AlbDnsName": balancer}}


def test_by_hand_the_exact_records_are_told_at_the_top_of_a_zone_and_below_it() -> None:
    for domain in ("app.example.com", "example.com"):
        made = Some(settings=parse(f"[certificate]\ndomain = '{domain}'\n"))
        finding = manual_steps.record(made, {}, outputs_with("hermes-1.eu-south-2.elb.amazonaws.com"))
        assert finding is not None
        assert finding.evidence.splitlines() == [
            f"{domain} CNAME hermes-1.eu-south-2.elb.amazonaws.com",
            f"where {domain} is the top of its zone: ALIAS or ANAME to hermes-1.eu-south-2.elb.amazonaws.com, "
            'or the zone in Route 53 and edge.dns = "alias"',
        ]


def test_nobody_is_asked_for_a_record_that_a_stack_makes() -> None:
    made = Some(settings=parse("[edge]\ndns = 'alias'\nhosted_zone_id = 'Z0123456789ABC'\n"))
    assert manual_steps.record(made, {}, outputs_with("hermes-1.eu-south-2.elb.amazonaws.com")) is None


def test_the_record_is_told_again_where_the_load_balancer_is_another() -> None:
    made, one, two = (
        Some(settings=parse("")),
        outputs_with("one.elb.amazonaws.com"),
        outputs_with("two.elb.amazonaws.com"),
    )
    assert manual_steps.record(made, one, one) is None
    told_again = manual_steps.record(made, one, two)
    assert told_again is not None
    assert "two.elb.amazonaws.com" in told_again.evidence


@pytest.mark.parametrize(
    ("wildcard", "records"),
    [
        (True, '{0} CAA 0 issue "amazon.com"; {0} CAA 0 issuewild "amazon.com"'),
        (False, '{0} CAA 0 issue "amazon.com"'),
    ],
)
def test_a_zone_with_caa_records_is_told_what_lets_acm_issue(wildcard, records) -> None:
    made = context()
    made.settings = parse(f"[certificate]\nwildcard = {str(wildcard).lower()}\n")
    (finding,) = [one for one in told(made) if one.code == "certificate-pending"]
    domain = "hermes.yourdomain.com"
    assert finding.evidence.splitlines()[-1] == (
        f"only where {domain} or a zone above it has CAA records: {records.format(domain)}"
    )


def test_the_records_are_told_also_while_cloudformation_does_not_tell_the_certificates_arn() -> None:
    found = {finding.code: finding for finding in told(context(tags=(), told_arn=""), image="")}
    assert "_x.hermes.yourdomain.com. CNAME _y.acm.aws." in found["certificate-pending"].evidence
