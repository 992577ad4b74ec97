"""A stack lets go of what others use only after they have moved."""

from dataclasses import replace

from deployments import as_there, built, planned

from hermes_cfn.cfn.template import Template
from hermes_cfn.plan import show
from hermes_cfn.plan.handover import held_back

THREE = built()
TWO = built("network.zones = ['eu-south-2a', 'eu-south-2b']")
GONE = {"PublicSubnetC", "PublicSubnetCRoutes", "PrivateSubnetC", "PrivateSubnetCRoutes"}


def test_a_zone_that_is_dropped_keeps_its_subnets_until_the_service_has_moved() -> None:
    plan = planned(TWO, as_there(THREE))
    assert list(plan.held_back) == ["network"]
    first = plan.held_back["network"].template
    assert set(first["Resources"]) - set(TWO.stack("network").template["Resources"]) == GONE
    assert first["Outputs"] == TWO.stack("network").template["Outputs"]
    Template.parse(dict(first))
    assert "network lets go" in "\n".join(show.lines(plan))


def test_nothing_is_held_back_for_what_is_added_or_unused() -> None:
    assert not planned(THREE, as_there(TWO)).held_back
    assert not planned(THREE, {}).held_back
    assert not planned(built("[network]\nflow_logs = false"), as_there(THREE)).held_back


def test_a_run_that_was_cut_off_between_the_two_updates_goes_on_where_it_was() -> None:
    """The network gives out two subnets and still has three; whether the service has moved says what comes next."""
    there = as_there(THREE)
    first = held_back(TWO, there)["network"]
    outputs = {**there["network"].outputs, "PublicSubnets": "s-a,s-b", "PrivateSubnets": "p-a,p-b"}
    cut = {**there, "network": replace(there["network"], template=first.template, outputs=outputs)}
    assert set(held_back(TWO, cut)["network"].template["Resources"]) >= GONE
    moved = {**there["service"].parameters, "PublicSubnets": "s-a,s-b"}
    if "PrivateSubnets" in moved:
        moved["PrivateSubnets"] = "p-a,p-b"
    after = {**cut, "service": replace(there["service"], parameters=moved)}
    assert not held_back(TWO, after)
