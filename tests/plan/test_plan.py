"""What a plan says of changed stacks: property by property, with what it costs, takes and interrupts."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from deployments import ACCOUNT, as_there, built, change_of, changed, planned

from hermes_cfn.flows.stacks import plan_inputs
from hermes_cfn.plan import Deployed, PlanInputs, show
from hermes_cfn.plan.model import MASKED, as_data
from hermes_cfn.plan.timing import BACK_S, CALL_S, Pace
from hermes_cfn.pricing import books

PACE = Pace(drain_s=30, stop_s=2, start_s=8, health_s=20)


@pytest.fixture(scope="module")
def wanted():
    return built()


@pytest.fixture(scope="module")
def there(wanted):
    return as_there(wanted)


@pytest.fixture(scope="module")
def book():
    return books.load("eu-south-2", "snapshot")


def test_what_is_deployed_as_wanted_needs_nothing(wanted, there) -> None:
    plan = planned(wanted, there, release_now="v1", release_next="v1")
    assert plan.empty
    assert not plan.changes
    assert "nothing to do" in "\n".join(show.lines(plan))


def test_a_first_plan_adds_everything_and_says_what_waits_for_which_stack(wanted) -> None:
    plan = planned(wanted, {})
    assert {change.action for change in plan.changes} == {"Add"}
    service = next(stack for stack in plan.stacks if stack.key == "service")
    assert service.action == "create"
    assert set(service.waits_for) >= {"known after network", "known after certificate"}
    assert "known after network" in "\n".join(show.lines(plan))


def test_a_property_is_shown_before_and_after_and_says_whether_it_replaces(there) -> None:
    plan = planned(built("[service]\nhealth_interval_s = 15\nderegistration_delay_s = 60"), there)
    target = change_of(plan, "TargetGroup")
    shown = {one.path: (one.before, one.after, one.replaces) for one in target.details}
    assert shown["HealthCheckIntervalSeconds"] == ("10", "15", False)
    assert shown["TargetGroupAttributes/deregistration_delay.timeout_seconds"] == ("30", "60", False)
    assert target.sign == "~"


def test_what_is_replaced_takes_with_it_those_that_refer_to_it(wanted, there) -> None:
    def other_port(template):
        template["Resources"]["TargetGroup"]["Properties"]["Port"] = 4100

    plan = planned(changed(wanted, "service", other_port), there)
    assert change_of(plan, "TargetGroup").sign == "±"
    assert any(one.path == "Port" and one.replaces for one in change_of(plan, "TargetGroup").details)
    group = change_of(plan, "AutoScalingGroup")
    assert any(one.cause == "TargetGroup" and one.after == "known after TargetGroup" for one in group.details)
    assert plan.interruption.kind == "instances"
    assert ("service", "TargetGroup") in plan.replacements


def test_what_a_replaced_resource_feeds_in_another_stack_is_shown_there(there) -> None:
    plan = planned(built('[certificate]\ndomain = "other.example.com"'), there)
    (shown,) = change_of(plan, "HttpsListener").details
    assert (shown.path, shown.after) == ("Certificates/0/CertificateArn", "known after certificate")
    assert "certificate" in shown.before
    service = next(stack for stack in plan.stacks if stack.key == "service")
    assert "parameter CertificateArn" in [one.path for one in service.parameters]


def test_offline_a_stack_that_is_not_wanted_any_more_is_said_too(wanted) -> None:
    told = plan_inputs.against(PlanInputs(account=ACCOUNT), wanted, built("[watch]\nenabled = true"))
    assert [(one.code, one.where) for one in told.findings] == [("stack-left", "hermes-production-watch")]
    assert not plan_inputs.against(PlanInputs(account=ACCOUNT), built("[watch]\nenabled = true"), wanted).findings


def test_other_addresses_than_the_database_admits_are_said(wanted, there) -> None:
    """A gateway for each zone has addresses of its own, and the one before goes."""
    apart = built('[network]\negress = "nat-gateway-per-zone"')
    (finding,) = [one for one in planned(apart, there, admitted=True).findings if one.code == "database-allow-list"]
    assert "+ network/NatAddressA" in finding.what
    assert "- network/NatAddress" in finding.what
    for plan in (planned(apart, there), planned(wanted, {}, admitted=True), planned(wanted, there, admitted=True)):
        assert "database-allow-list" not in {one.code for one in plan.findings}


def test_a_part_of_the_stacks_is_planned_as_it_is(wanted, there) -> None:
    """As ``release`` does, which may not read the foundation."""
    own = replace(wanted, stacks=tuple(spec for spec in wanted if not spec.account_wide))
    assert planned(own, {key: one for key, one in there.items() if key != "foundation"}).empty


def test_what_an_output_may_take_with_it_elsewhere_may_be_replaced_too(wanted, there) -> None:
    def elsewhere(template):
        template["Resources"]["PublicRoutes"]["Properties"]["VpcId"] = "vpc-other"
        template["Outputs"]["VpcId"]["Value"] = {"Fn::Select": [0, [{"Ref": "PublicSubnetARoutes"}]]}

    def as_before(deployed):
        template = json.loads(json.dumps(dict(deployed.template)))
        template["Outputs"]["VpcId"]["Value"] = {"Fn::Select": [0, [{"Ref": "PublicSubnetARoutes"}]]}
        return replace(deployed, template=template)

    old = {**there, "network": as_before(there["network"])}
    plan = planned(changed(wanted, "network", elsewhere), old)
    assert change_of(plan, "PublicSubnetARoutes").sign == "?"
    target = change_of(plan, "TargetGroup")
    assert (target.sign, target.replacement) == ("?", "Conditional")
    assert target.details[0].after == "known after network, for AWS may replace PublicSubnetARoutes"
    rest = planned(wanted, there)
    assert not rest.changes, "an output whose resource stays is what it was"


def test_a_group_takes_a_new_launch_template_in_place_unless_its_policy_replaces_it(wanted, there) -> None:
    def larger(template):
        template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["InstanceType"] = "t4g.medium"

    def replacing(template):
        larger(template)
        template["Resources"]["AutoScalingGroup"]["UpdatePolicy"] = {
            "AutoScalingReplacingUpdate": {"WillReplace": True}
        }

    plan = planned(changed(wanted, "service", larger), there)
    group = change_of(plan, "AutoScalingGroup")
    assert (group.sign, group.replacement, group.stays != "") == ("~", "Conditional", True)
    assert plan.interruption.what == ()
    text = "\n".join(show.lines(plan))
    assert "that AWS may replace" not in text and "(replaces)" not in text
    assert "as deployed -> known after LaunchTemplate" in text
    plan = planned(changed(wanted, "service", replacing), there)
    assert change_of(plan, "AutoScalingGroup").sign == "?"
    assert "1 that AWS may replace" in show.counts(plan)


def test_secrets_are_masked_by_name_by_depth_and_in_urls(wanted, there) -> None:
    def before(template):
        template["Resources"]["LogGroup"]["Metadata"] = {"note": "postgres://u:hunter2@db/x", "api_key": "hunter3"}
        template["Resources"]["LoadBalancer"]["Properties"]["Tags"] = [{"Key": "a", "Value": "amqp://u:hunter4@h"}]
        template["Resources"]["AppSecurityGroup"]["Metadata"] = {"list": [{"db_password": "hunter5"}]}

    old = changed(wanted, "service", before)
    plan = planned(wanted, there | {"service": replace(there["service"], template=old.stack("service").template)})
    for text in ("\n".join(show.lines(plan)), show.markdown(plan), json.dumps(as_data(plan))):
        assert "hunter" not in text
        assert MASKED in text


def test_of_a_long_value_the_part_that_differs_is_shown(wanted, there) -> None:
    def longer(template):
        data = json.dumps(template["Resources"]["LaunchTemplate"])
        assert "/opt/hermes" in data
        template["Resources"]["LaunchTemplate"] = json.loads(data.replace("/opt/hermes", "/opt/other", 1))

    detail = change_of(planned(changed(wanted, "service", longer), there), "LaunchTemplate").details[0]
    assert "/opt/hermes" in detail.before
    assert "/opt/other" in detail.after
    assert "characters)" in detail.after


def test_a_removed_bucket_stops_the_plan_unless_it_is_named(there) -> None:
    with_assets = built("[edge]\nassets = true\n[worldwide]\ncloudfront = true")
    name = next(n for n, r in with_assets.stack("edge").template["Resources"].items() if r["Type"] == "AWS::S3::Bucket")
    loose = changed(with_assets, "edge", lambda t: t["Resources"][name].update(DeletionPolicy="Delete"))

    def bare(template):
        for title, resource in list(template["Resources"].items()):
            if title == name or f'"{name}' in json.dumps(resource):
                del template["Resources"][title]
        template["Resources"]["Left"] = {"Type": "AWS::SNS::Topic"}
        template["Outputs"] = {}

    there = as_there(loose)
    plan = planned(changed(loose, "edge", bare), there)
    (finding,) = [one for one in plan.errors if one.code == "data-at-risk"]
    assert name in str(finding.next)
    assert plan.interruption.kind == "data"
    assert not planned(changed(loose, "edge", bare), there, replace=frozenset({name})).errors


def test_a_vpc_that_would_be_replaced_is_refused_because_aws_fails_at_its_gateway(there) -> None:
    errors = planned(built("network.cidr = '10.9.0.0/16'"), there).errors
    (finding,) = [error for error in errors if error.code == "vpc-replaced"]
    assert finding.where == "network/Vpc"
    assert "CidrBlock" in finding.why


def test_the_bill_differs_line_by_line_and_in_total(wanted, there, book) -> None:
    plan = planned(built("[compute]\ncount = 3"), there, book=book)
    assert plan.bill is not None
    lines = {line.what: line.monthly for line in plan.bill.changes}
    assert lines["3 × t4g.small"] > 0 > lines["2 × t4g.small"]
    assert sum(lines.values()) == plan.bill.monthly > 0
    assert plan.bill_high is not None
    assert plan.bill_high > plan.bill.after
    assert "P90" in "\n".join(show.summary(plan))


@pytest.mark.parametrize("word", ["expected", "P90"])
def test_above_the_ceiling_the_lines_that_cross_it_are_named(wanted, there, book, word) -> None:
    now = planned(wanted, there, book=book)
    more = built("[compute]\ncount = 3")
    after = planned(more, there, book=book)
    assert now.bill and after.bill and after.bill_high
    high = after.bill_high
    ceiling = (now.bill.after + after.bill.after) / 2 if word == "expected" else (after.bill.after + high) / 2
    (finding,) = [one for one in planned(more, there, book=book, ceiling=ceiling).errors if one.code == "over-budget"]
    assert word in finding.what
    assert "3 × t4g.small" in finding.evidence
    assert "NAT gateway" not in finding.evidence
    assert not planned(more, there, book=book, ceiling=high + 1).errors


def test_above_a_ceiling_that_was_crossed_before_the_dearest_lines_are_named(wanted, there, book) -> None:
    (finding,) = planned(wanted, there, book=book, ceiling=Decimal(50)).errors
    assert finding.evidence.splitlines()[0].startswith("network NatGateway  NAT gateway")


@pytest.mark.parametrize(
    ("instances", "strategy", "kind", "seconds"),
    [
        (2, "in-place", "none", 0),
        (1, "in-place", "instances", PACE.away_s + 2 * CALL_S + BACK_S),
        (1, "surge", "none", 0),
    ],
)
def test_the_interruption_is_none_or_says_for_how_long(wanted, there, instances, strategy, kind, seconds) -> None:
    plan = planned(
        wanted,
        there,
        release_now="v1",
        release_next="v2",
        instances=instances,
        strategy=strategy,
        pace=PACE,
    )
    assert (plan.interruption.kind, plan.interruption.seconds) == (kind, seconds)
    assert plan.rollout_s > 0
    assert "v1 -> v2" in "\n".join(show.summary(plan))


def test_a_new_launch_template_takes_a_boot_for_each_instance(there) -> None:
    plan = planned(built("[compute]\nvolume_gib = 30"), there, instances=1, pace=PACE)
    assert plan.interruption.seconds == PACE.drain_s + PACE.boot_s + PACE.health_s + 2 * CALL_S + BACK_S


def test_the_time_is_the_critical_path_over_the_stacks(wanted) -> None:
    plan = planned(wanted, {})
    seconds = {stack.key: stack.seconds for stack in plan.stacks}
    first = max(seconds["network"], seconds["certificate"])
    assert plan.stacks_s == pytest.approx(seconds["foundation"] + first + seconds["service"])


def test_a_stack_that_was_never_whole_is_created_anew(wanted, there) -> None:
    broken = there | {"service": replace(there["service"], status="ROLLBACK_COMPLETE")}
    plan = planned(wanted, broken)
    assert {stack.key: stack.action for stack in plan.stacks}["service"] == "recreate"


def test_a_document_gets_a_new_version_unless_it_says_otherwise(wanted, there) -> None:
    def content(template):
        template["Resources"]["RunDocument"]["Properties"]["Content"]["description"] = "other"

    def replaced(template):
        content(template)
        del template["Resources"]["RunDocument"]["Properties"]["UpdateMethod"]

    plan = planned(changed(wanted, "service", content), there)
    assert change_of(plan, "RunDocument").sign == "~"
    assert ("service", "RunDocument") not in plan.replacements
    assert change_of(planned(changed(wanted, "service", replaced), there), "RunDocument").sign == "?"


def test_of_lists_the_items_that_differ_are_shown(wanted, there) -> None:
    def more(template):
        template["Resources"]["AutoScalingGroup"]["Properties"]["Tags"].append(
            {"Key": "team", "Value": "a", "PropagateAtLaunch": True}
        )

    (shown,) = change_of(planned(changed(wanted, "service", more), there), "AutoScalingGroup").details
    assert shown.before == "[]"
    assert '"team"' in shown.after


def test_a_hidden_parameter_never_counts_as_a_change_and_is_never_shown(wanted, there) -> None:
    def hide(template):
        template["Parameters"]["Token"] = {"Type": "String", "NoEcho": True, "Default": ""}
        template["Resources"]["LogGroup"]["Metadata"] = {"v": {"Ref": "Token"}}

    new = changed(wanted, "service", hide)
    old = replace(
        there["service"],
        template=new.stack("service").template,
        parameters={**there["service"].parameters, "Token": "****"},
    )
    plan = planned(new, there | {"service": old})
    assert "****" not in "\n".join(show.lines(plan)).replace(MASKED, "")
    assert not plan.errors


def test_every_format_tells_the_same(there) -> None:
    plan = planned(built("[service]\nhealth_interval_s = 15"), there)
    markdown, data = show.markdown(plan), as_data(plan)
    assert markdown.startswith("### Plan for production")
    assert "HealthCheckIntervalSeconds: 10 -> 15" in markdown
    changes = [change for stack in data["stacks"] for change in stack["changes"]]
    assert [change["logical_id"] for change in changes] == ["TargetGroup"]
    assert json.loads(json.dumps(data)) == data


def test_nothing_there_is_not_an_unknown_account(wanted) -> None:
    plan = planned(wanted, {"network": Deployed(None)})
    assert all(ACCOUNT not in one.after for change in plan.changes for one in change.details)


def test_without_a_price_book_the_plan_goes_on_and_only_a_ceiling_stops_it(wanted) -> None:
    plan = planned(wanted, {}, book=None)
    assert plan.bill is None and plan.changes and not plan.errors
    (finding,) = planned(wanted, {}, book=None, ceiling=Decimal(50)).errors
    assert finding.code == "ceiling-undecided"
