"""The bill that ``make demo`` prints, against a table that somebody computed by hand."""

from collections import Counter
from decimal import Decimal as D
from pathlib import Path

from hermes_cfn import bill, config, stacks
from hermes_cfn.bill import State
from hermes_cfn.pricing import books
from hermes_cfn.units import dollars

ROOT = Path(__file__).parents[2]
HOURS = 730
OUT = D("183.5")
"""GB to users: the middle of the 156 to 211 that the guide's $5 to 10 mean."""

BY_HAND = [
    # stack, resource, what, quantity beyond what is free of charge, USD a unit
    ("foundation", "Artifacts", "storage", 1, "0.023"),
    ("foundation", "Artifacts", "PUT, COPY, POST, LIST", 20_000, "0.0000053"),
    ("foundation", "Artifacts", "GET and others", 20_000, "0.0000004"),
    ("foundation", "LockTable", "storage", D("0.001"), "0"),  # the first 25 GB-Mo of an account are free
    ("foundation", "LockTable", "continuous backup", D("0.001"), "0.22"),
    ("foundation", "LockTable", "reads", 2_000, "0.0000001415"),
    ("foundation", "LockTable", "writes", 2_000, "0.000000705"),
    ("foundation", "Repository", "images kept", 10 * D("0.15"), "0.10"),
    ("network", "NatGateway", "NAT gateway", HOURS, "0.048"),
    ("network", "NatAddress", "public IPv4 address (Elastic IP)", HOURS, "0.005"),
    ("network", "NatGateway", "NAT, the external database", 10 + 30, "0.048"),
    ("network", "NatGateway", "NAT, other APIs", 3 + 3, "0.048"),
    ("network", "NatGateway", "NAT, CloudWatch Logs", 7, "0.048"),
    # two of three zones are not the gateway's, and both ends pay
    ("network", "NatGateway", "from other zones to the NAT gateway, the external database", D(40) * 2 / 3 * 2, "0.01"),
    ("network", "NatGateway", "from other zones to the NAT gateway, other APIs", D(6) * 2 / 3 * 2, "0.01"),
    ("network", "NatGateway", "from other zones to the NAT gateway, CloudWatch Logs", D(7) * 2 / 3 * 2, "0.01"),
    ("network", "FlowLog", "flow logs (vended)", 1, "0.57"),
    ("network", "FlowLogGroup", "logs kept", D("2.5"), "0.03"),
    ("service", "AutoScalingGroup", "2 × t4g.small", 2 * HOURS, "0.0184"),
    ("service", "AutoScalingGroup", "disk gp3", 2 * 20, "0.088"),
    ("service", "AutoScalingGroup", "surplus CPU credits", 0, "0.04"),  # 10 % is below the baseline of 20 %
    ("service", "AutoScalingGroup", "custom metrics", 0, "0.30"),  # 6 of the ten that are free
    ("service", "LoadBalancer", "load balancer", HOURS, "0.0252"),
    ("service", "LoadBalancer", "capacity units (LCU)", OUT + 20, "0.008"),  # 1 GB an hour each is the largest
    ("service", "LoadBalancer", "public IPv4 addresses, one in each of 3 zones", 3 * HOURS, "0.005"),
    # 100 GB out of an account are free, shared by all that leaves it: 183.5 + 3 + 10
    ("service", "LoadBalancer", "transfer to users", OUT + 3 + 10 - 100, "0.09"),
    ("service", "AutoScalingGroup", "transfer to other APIs", 0, "0.09"),
    ("service", "AutoScalingGroup", "transfer to the external database", 0, "0.09"),
    ("service", "LogGroup", "log ingestion", 7 - 5, "0.57"),  # 5 GB of logs are free
    ("service", "LogGroup", "logs kept", D("2.5"), "0.03"),
]


def test_every_line_and_the_total_are_what_one_computes_by_hand():
    found = bill.compute(stacks.build(config.load(ROOT / "hermes.toml")), books.snapshot())
    expected = {(stack, where, what): D(count) * D(price) for stack, where, what, count, price in BY_HAND}
    lines = found.of(State.PRICED)
    assert Counter((line.stack, line.logical_id, line.what) for line in lines) == Counter(expected.keys())
    cents = {(line.stack, line.logical_id, line.what): dollars(line.monthly) for line in lines}
    assert cents == {key: dollars(money) for key, money in expected.items()}
    assert dollars(found.total) == dollars(sum(expected.values(), D(0))) == "$114.13"
