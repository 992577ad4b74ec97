"""The guide's prices, sums, shares and savings."""

from __future__ import annotations

from .claims import Claim, Verdict
from .figures import HOURS

COST, MORE, SHARES = "Cost Estimation", "Further Cost Optimization Options", "Architecture Cost Breakdown"
BOOK = "price book (snapshot), eu-south-2"
BILL = "bill engine over the guide's deployment"
OWN = "the guide's own lines"
C = Claim
CONTRA, UNSUP, MISS = Verdict.CONTRADICTORY, Verdict.UNSUPPORTED, Verdict.MISSING

# fmt: off
COSTS: tuple[Claim, ...] = (
    C("ec2-price", COST, "t4g.small costs $0.0168 an hour in Madrid", (0.0168, 0.0168), "USD/hour", lambda f: f.price("BoxUsage:t4g.small"), "0.0168 is us-east-1's price; eu-south-2's is equal to eu-west-1's", BOOK, 0.00005),
    C("ec2-price-virginia", COST, "… and it is somebody's price", (0.0168, 0.0168), "USD/hour", lambda f: f.price("BoxUsage:t4g.small", "us-east-1"), "the figure is us-east-1's", "price book (snapshot), us-east-1", 0.00005),
    C("ec2-sum", COST, "two of them are ~$24 a month", (24, 24), "USD/month", lambda f: 0.0168 * 2 * HOURS, "0.0168 x 2 x 730 = 24.53: right as arithmetic", OWN, 1),
    C("ec2-month", COST, "EC2 costs ~$24 a month", (24, 24), "USD/month", lambda f: f.group("Instances"), "at eu-south-2's price", BILL, 1),
    C("alb-fixed", COST, "the load balancer costs $16 fixed", (16, 16), "USD/month", lambda f: f.price("LoadBalancerUsage", service="AWSELB") * HOURS, "0.0225 x 730 = 16.43 is us-east-1; 0.0252 in Europe", BOOK, 0.5),
    C("alb-sum", COST, "the load balancer costs ~$23 ($16 and ~$7)", (23, 23), "USD/month", lambda f: 16.0 + 7, "adds up", OWN),
    C("lcu-month", COST, "LCU charges are ~$7", (7, 7), "USD/month", lambda f: f.line("capacity units"), "its own traffic explains a fraction of it", BILL, 1, UNSUP),
    C("lcu-hours", COST, "$7 of LCUs: capacity units used around the clock", (0.2, 0.4), "LCU", lambda f: f.lcu_hours_for_7 / HOURS, "875 LCU-hours are 1.2 LCU always; the guide's traffic explains 0.3", BOOK, 0, UNSUP),
    C("lcu-own", COST, "… which the guide's traffic explains", (1.2, 1.2), "LCU", lambda f: f.lcus_explained, "transfer, connections and requests that its other lines imply", BILL, 0.1, UNSUP),
    C("lcu-gb", COST, "$7 of LCUs as transfer: the 156 to 211 GB of its transfer line", (156, 211), "GB/month", lambda f: f.lcu_hours_for_7, "one LCU-hour is 1 GB; $7 would be 875 GB", "AWS: LCU dimensions", 5, UNSUP),
    C("lcu-connections", COST, "$7 of LCUs as new connections, around the clock (a small deployment has about one)", (0, 1), "1/s", lambda f: f.lcu_hours_for_7 / HOURS * 25, "25 new connections a second an LCU", "AWS: LCU dimensions", 0, UNSUP),
    C("lcu-sockets", COST, "$7 of LCUs as open sockets, around the clock (a small deployment has hundreds)", (0, 400), "sockets", lambda f: f.lcu_hours_for_7 / HOURS * 3000, "3,000 active connections a minute an LCU", "AWS: LCU dimensions", 0, UNSUP),
    C("lcu-rules", COST, "$7 of LCUs as rule evaluations (one listener with its default rule has none charged)", (0, 0), "1/s", lambda f: f.lcu_hours_for_7 / HOURS * 1000, "1,000 evaluations a second an LCU, the first ten rules free", "AWS: LCU dimensions", 0, UNSUP),
    C("alb-addresses", COST, "the load balancer's public addresses (not on the list)", (0, 0), "USD/month", lambda f: f.line("ipv4 addresses, one in each"), "public IPv4 costs 0.005 an hour, one a zone", BILL, 0, MISS),
    C("nat-price", COST, "a NAT gateway costs $0.045 an hour", (0.045, 0.045), "USD/hour", lambda f: f.price("NatGateway-Hours"), "0.045 is us-east-1's; 0.048 in Europe", BOOK, 0.0005),
    C("nat-sum", COST, "… which is ~$32 a month", (32, 32), "USD/month", lambda f: 0.045 * HOURS, "0.045 x 730 = 32.85: right within rounding down", OWN, 1),
    C("nat-month", COST, "the NAT gateway costs ~$32 a month", (32, 32), "USD/month", lambda f: f.price("NatGateway-Hours") * HOURS, "hours alone, at Europe's price", BOOK, 1),
    C("nat-gb", COST, "gigabytes through the NAT gateway (not on the list)", (0, 0), "USD/month", lambda f: f.group("NAT") - f.price("NatGateway-Hours") * HOURS, "0.048 a GB, and 0.01 more from another zone", BILL, 0, MISS),
    C("nat-database", COST, "the database's own traffic through the NAT (not on the list)", (0, 0), "USD/month", lambda f: f.line("external database"), "the database is outside AWS: every query and answer passes the NAT gateway", BILL, 0, MISS),
    C("nat-address", COST, "the NAT gateway's address (not on the list)", (0, 0), "USD/month", lambda f: f.line("Elastic IP"), "0.005 an hour", BILL, 0, MISS),
    C("disks", COST, "the instances' disks (not on the list)", (0, 0), "USD/month", lambda f: f.group("Disks"), "two gp3 volumes of 20 GiB", BILL, 0, MISS),
    C("transfer", COST, "transfer costs ~$5-10", (5, 10), "USD/month", lambda f: f.group("Transfer"), "for the 156 to 211 GB that it implies, with what leaves by the NAT", BILL),
    C("transfer-price", COST, "transfer costs $0.09 a GB", (0.09, 0.09), "USD/GB", lambda f: f.price("DataTransfer-Out-Bytes", service="AWSDataTransfer"), "the same in Europe (inferred)", BOOK),
    C("transfer-free", COST, "the first 100 GB are free", (100, 100), "GB/month", lambda f: float(_allowance("internet")), "an account, all services together, permanent", "bill.allowances"),
    C("logs", COST, "CloudWatch Logs cost ~$2-5", (2, 5), "USD/month", lambda f: f.group("Logs and alarms"), "for 7 GB of which 5 are free of charge", BILL, 0.5, UNSUP),
    C("state", COST, "S3 and DynamoDB cost less than $1", (0, 1), "USD/month", lambda f: f.group("Other"), "artifacts, lock and images", BILL),
    C("total-sum-low", COST, "the total begins at $86", (86, 86), "USD/month", lambda f: f.own_sum(low=True), "24 + 23 + 32 + 5 + 2", OWN),
    C("total-sum-high", COST, "the total ends at $95", (95, 95), "USD/month", lambda f: f.own_sum(low=False), "24 + 23 + 32 + 10 + 5 + 1", OWN),
    C("total-own-prices", COST, "the total at its own prices is $86-95", (86, 95), "USD/month", lambda f: float(f.guide_bill.total), "its prices over its deployment and traffic, LCUs as the traffic makes them", "bill engine with the guide's book", 0, UNSUP),
    C("total", COST, "the total is ~$86-95 a month", (86, 95), "USD/month", lambda f: (float(f.bill().low), float(f.bill().high)), "us-east-1's prices, and addresses, disks and NAT gigabytes left out", BILL),
    C("blue-green", COST, "rolling saves ~$24 a month against blue-green", (24, 24), "USD/month", lambda f: f.group("Instances") * _hours_of_deployments(20) / HOURS, "blue-green doubles the instances only while it deploys: 20 releases of half an hour are cents", BILL, 1, UNSUP),
    C("table-total", "Cost Comparison", "AWS Madrid costs $86-94", (86, 94), "USD/month", lambda f: (f.own_sum(low=True), f.own_sum(low=False)), "the headline says 86-95", OWN, 0, CONTRA, inside=True),
    C("reserved-saving", MORE, "reserved instances save 30-40 % on EC2", (30, 40), "per cent", lambda f: f.commitment("reserved-1y"), "one year, no upfront; all upfront 41 %", "hermes_cfn/pricing/commitments.py"),
    C("reserved-sum", MORE, "$24 to $16 is such a saving", (30, 40), "per cent", lambda f: (24 - 16) / 24 * 100, "33 %", OWN),
    C("reserved-total", MORE, "the new total is $78-86", (78, 86), "USD/month", lambda f: f.committed_total("reserved-1y"), "from the true total", BILL),
    C("reserved-start", MORE, "… from the headline's 86-95 less 8", (78, 86), "USD/month", lambda f: 95.0 - 8, "86-95 less 8 is 78-87: it starts from 86-94", OWN, 0, CONTRA),
    C("savings-plan", MORE, "compute savings plans save 20-30 %", (20, 30), "per cent", lambda f: f.commitment("savings-plan-1y"), "about the convertible reserved price", "hermes_cfn/pricing/commitments.py"),
    C("savings-plan-sum", MORE, "$24 to $18 is such a saving", (20, 30), "per cent", lambda f: (24 - 18) / 24 * 100, "25 %", OWN),
    C("savings-plan-total", MORE, "the new total is $80-88", (80, 88), "USD/month", lambda f: f.committed_total("savings-plan-1y"), "from the true total", BILL),
    C("savings-plan-start", MORE, "… from the headline's 86-95 less 6", (80, 88), "USD/month", lambda f: 95.0 - 6, "86-95 less 6 is 80-89: it starts from 86-94", OWN, 0, CONTRA),
    C("one-instance", MORE, "one instance saves ~$12", (12, 12), "USD/month", lambda f: f.saved(("compute.count", 1)), "13.43 and a disk of 1.76", BILL, 1),
    C("one-instance-total", MORE, "the new total is $74-82", (74, 82), "USD/month", lambda f: f.total(("compute.count", 1)), "rendered with one instance", BILL),
    C("micro-saving", MORE, "t4g.micro saves ~$12", (12, 12), "USD/month", lambda f: f.saved(("compute.instance_type", "t4g.micro")), "half of the true price, so more", BILL, 1),
    C("micro-half", MORE, "t4g.micro costs half of t4g.small", (0.5, 0.5), "of t4g.small", lambda f: f.price("BoxUsage:t4g.micro") / f.price("BoxUsage:t4g.small"), "0.0092 to 0.0184", BOOK, 0.001),
    C("micro-total", MORE, "the new total is $74-82", (74, 82), "USD/month", lambda f: f.total(("compute.instance_type", "t4g.micro")), "rendered with t4g.micro", BILL),
    C("micro-memory", MORE, "t4g.micro has 512 MB", (512, 512), "MiB", lambda f: _memory("t4g.micro"), "1 GiB; t4g.nano has 512 MiB", "EC2 user guide, instance types"),
    C("share-sum", SHARES, "the shares are of the total of $86-95 (their dollars add up to)", (86, 95), "USD/month", lambda f: 32.0 + 23 + 24 + 10, "32 + 23 + 24 + 10", OWN),
    C("share-base", SHARES, "36 % is $32: of a total that the guide states (86, 94 or 95)", (94, 95), "USD/month", lambda f: 32 / 0.36, "the shares fit a total of 89 that it never states", OWN, 0.5, CONTRA),
    C("share-nat", SHARES, "NAT is 36 %", (36, 36), "per cent", lambda f: (f.group("NAT") + f.line("Elastic IP")) / f.total() * 100, "gateway, gigabytes and address of the true total", BILL, 1),
    C("share-alb", SHARES, "the load balancer is 26 %", (26, 26), "per cent", lambda f: (f.group("Load balancer") + f.line("one in each")) / f.total() * 100, "with its three addresses", BILL, 2),
    C("share-ec2", SHARES, "EC2 is 27 %", (27, 27), "per cent", lambda f: (f.group("Instances") + f.group("Disks")) / f.total() * 100, "with its disks", BILL, 1),
    C("share-rank", SHARES, "the load balancer (26 %) ranks before EC2 (27 %)", (2, 2), "rank", lambda f: float(sorted((36, 27, 26, 11), reverse=True).index(26) + 1), "by its own shares EC2 is second", OWN, 0, CONTRA),
    C("share-rank-true", SHARES, "the load balancer is the second largest cost", (2, 2), "rank", lambda f: _rank(f.group("Load balancer") + f.line("one in each"), (f.group("NAT") + f.line("Elastic IP"), f.group("Instances") + f.group("Disks"))), "true once its addresses are counted", BILL),
    C("nat-one", SHARES, "one gateway instead of three saves (two gateways)", (70, 90), "USD/month", lambda f: f.total(("network.egress", "nat-gateway-per-zone")) - f.total(), "two gateways and two addresses", BILL),
    C("nat-instance", SHARES, "a NAT instance costs ~$3", (3, 3), "USD/month", lambda f: f.total(("network.egress", "nat-instance")) - f.total() + f.group("NAT") + f.line("Elastic IP"), "t4g.nano is 3.36, its address and disk come on top", BILL, 1),
    C("nat-required", SHARES, "private instances need the NAT gateway to reach the internet", (0, 0), "USD/month saved without", lambda f: f.saved(("network.egress", "public-subnets"), ("database.allow_list", False)), "public subnets with closed security groups, or IPv6, need none where the database admits them", BILL),
    C("arm", SHARES, "ARM saves 20 %", (20, 20), "per cent", lambda f: (1 - f.price("BoxUsage:t4g.small") / f.price("BoxUsage:t3.small")) * 100, "t4g.small against t3.small in eu-south-2", BOOK, 1),
)
# fmt: on


def _allowance(name: str) -> float:
    from hermes_cfn.bill.allowances import ALLOWANCES

    return float(next(item.quantity for key, item in ALLOWANCES.items() if name in key))


def _memory(kind: str) -> float:
    from ..sizing.credits import machine

    return machine(kind).memory_mib


def _hours_of_deployments(releases: int) -> float:
    return releases * 0.5


def _rank(value: float, others: tuple[float, ...]) -> float:
    return 1.0 + sum(other > value for other in others)
