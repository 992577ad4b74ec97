import itertools

import pytest

from analysis.assumptions import planning
from analysis.options import availability
from analysis.options.availability import Part, there
from analysis.sizing.credits import machine
from hermes_cfn.config.planning import Planning


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 2), (2, 3), (3, 3), (0, 2), (3, 2)])
def test_k_of_n_is_the_sum_over_what_may_fail(k, n):
    each = availability.commitments()["instance"].availability
    exhaustive = 0.0
    for up in itertools.product((True, False), repeat=n):
        if sum(up) >= k:
            exhaustive += each ** sum(up) * (1 - each) ** (n - sum(up))
    assert Part("instance", k, n).value == pytest.approx(exhaustive)


def test_what_is_in_line_multiplies_and_a_gateway_in_each_zone_does_not():
    alb, nat = (availability.commitments()[key].availability for key in ("alb", "nat-gateway"))
    assert there((Part("alb"), availability.way_out("nat-gateway", 3))) == pytest.approx(alb * nat)
    assert availability.way_out("nat-gateway-per-zone", 3).value == pytest.approx(1 - (1 - nat) ** 3)


def test_a_heavier_load_needs_more_instances():
    kind = machine("t4g.small")
    assert availability.needed(Planning(), kind, "eu-south-2") == 1
    assert availability.needed(planning({"peak_requests_per_s": 300}), kind, "eu-south-2") > 2


def test_an_assumption_is_called_one():
    assert "assumption" in str(Part("fly-machine", 1, 2)) and "1 of 2" in str(Part("fly-machine", 1, 2))
    assert "assumption" not in str(Part("alb"))
    assert all(known.basis in ("published", "assumption") for known in availability.commitments().values())
