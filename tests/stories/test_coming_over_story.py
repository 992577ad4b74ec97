"""One story, in order: a stack as somebody's Terraform would build it is adopted: its network kept, its visitors handed over and back.

Then a release that fails is told by its own words.
"""

import http.client
import json
import random
import ssl
import threading
import time

import pytest

from hermes_cfn.errors import ExitCode
from hermes_cfn.local import control
from hermes_cfn.local.options import Options

DOMAIN = "hermes.yourdomain.com"
OWN = "[application]\nstart_timeout_s = 8\n[compute]\ncount = 1\n[network]\nflow_logs = false\n"
PASSWORD = "hunter2-of-the-state"


class Terraform:
    """What a Terraform file of a VPC, a load balancer and a record makes, by plain calls, and the state that it writes."""

    def __init__(self, cloud) -> None:
        ec2, elb, zones = cloud.client("ec2"), cloud.client("elbv2"), cloud.client("route53")
        self.resources = []
        cloud.client("ecr").create_repository(repositoryName="hermes")
        self.add("aws_ecr_repository", "app", id="hermes", name="hermes")
        vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": True}})
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        self.add("aws_vpc", "main", id=vpc)
        self.add("aws_internet_gateway", "main", id=gateway, vpc_id=vpc)
        subnets = {}
        for number, (kind, zone) in enumerate((kind, zone) for kind in ("public", "private") for zone in ("a", "b")):
            made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.50.{number}.0/24", AvailabilityZone=f"eu-south-2{zone}")[
                "Subnet"
            ]["SubnetId"]
            subnets[kind, zone] = made
            self.add("aws_subnet", f"{kind}_{zone}", id=made, vpc_id=vpc, availability_zone=f"eu-south-2{zone}", map_public_ip_on_launch=False)  # fmt: skip
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets["public", "a"], AllocationId=address)["NatGateway"][
            "NatGatewayId"
        ]
        self.add("aws_eip", "nat", id=address)
        self.add("aws_nat_gateway", "main", id=nat)
        for kind, way in (("public", {"GatewayId": gateway}), ("private", {"NatGatewayId": nat})):
            table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
            self.add("aws_route", kind, id=f"r-{kind}", route_table_id=table, gateway_id=way.get("GatewayId", ""))
            for zone in ("a", "b"):
                ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[kind, zone])
                self.add("aws_route_table_association", f"{kind}_{zone}", id="x", route_table_id=table, subnet_id=subnets[kind, zone])  # fmt: skip
        group = ec2.create_security_group(GroupName="old", Description="old", VpcId=vpc)["GroupId"]
        self.balancer = elb.create_load_balancer(
            Name="old", Subnets=[subnets["public", zone] for zone in ("a", "b")], SecurityGroups=[group]
        )["LoadBalancers"][0]
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "old", "ContentType": "text/plain"}}  # fmt: skip
        elb.create_listener(LoadBalancerArn=self.balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[answer])  # fmt: skip
        self.add("aws_lb", "old", id=self.balancer["LoadBalancerArn"])
        self.add("aws_db_instance", "db", id="db", password=PASSWORD)
        self.zone = zones.create_hosted_zone(Name="yourdomain.com", CallerReference="1")["HostedZone"]["Id"].rpartition(
            "/"
        )[2]
        self.record = {
            "Name": f"{DOMAIN}.",
            "Type": "A",
            "AliasTarget": {"HostedZoneId": self.balancer["CanonicalHostedZoneId"], "DNSName": self.balancer["DNSName"], "EvaluateTargetHealth": False},
        }  # fmt: skip
        zones.change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": self.record}]}
        )
        self.add("aws_route53_record", "app", id="x", zone_id=self.zone, name=DOMAIN, type="A")
        (cloud.directory / "state.json").write_text(json.dumps({"version": 4, "resources": self.resources}))

    def add(self, kind: str, title: str, /, **attributes) -> None:
        self.resources.append(
            {"mode": "managed", "type": kind, "name": title, "instances": [{"attributes": attributes}]}
        )


class Visitors:
    """Who ask for the name over and over: each time the record is resolved anew, by the weights that it has."""

    def __init__(self, cloud, zone: str, seed: int = 1) -> None:
        self.cloud, self.zone, self.random = cloud, zone, random.Random(seed)
        self.answers, self.failed, self.over = [], [], threading.Event()
        self.thread = threading.Thread(target=self.ask, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *told) -> None:
        self.over.set()
        self.thread.join(30)

    def ask(self) -> None:
        zones, seen, records = self.cloud.client("route53"), 0.0, []
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        where = {}
        while not self.over.is_set():
            if time.monotonic() - seen > 0.5:
                found = zones.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
                records = [one for one in found if one["Type"] == "A"]
                where, seen = control.status(self.cloud.state).load_balancers, time.monotonic()
            (chosen,) = self.random.choices(records, [one.get("Weight", 1) for one in records])
            mapped = where[chosen["AliasTarget"]["DNSName"].rstrip(".").removeprefix("dualstack.")]
            try:
                if "https" in mapped:
                    connection = http.client.HTTPSConnection(mapped["https"], context=tls, timeout=10)
                else:
                    connection = http.client.HTTPConnection(mapped["http"], timeout=10)
                connection.request("GET", "/", headers={"Host": DOMAIN})
                answer = connection.getresponse()
                self.answers.append(answer.read().decode().strip())
                if answer.status != 200:
                    self.failed.append(answer.status)
                connection.close()
            except OSError as error:
                self.failed.append(error)
            time.sleep(0.005)


@pytest.fixture(scope="module")
def cloud(new_cloud, tmp_path_factory):
    made = new_cloud(tmp_path_factory.mktemp("cloud"))
    control.start(made.state, Options(follow_parent=True))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def old(cloud):
    return Terraform(cloud)


def shares(cloud, old) -> dict[str, int]:
    found = cloud.client("route53").list_resource_record_sets(HostedZoneId=old.zone)["ResourceRecordSets"]
    return {one.get("SetIdentifier", "simple"): one.get("Weight", -1) for one in found if one["Type"] == "A"}


def test_a_state_says_what_is_kept_and_its_secrets_are_nowhere(cloud, old) -> None:
    (cloud.directory / "hermes.toml").write_text(OWN)
    said = cloud.type("adopt look --state state.json --write")
    ways = {one["address"]: one["way"] for one in cloud.json("adopt look --state state.json")["resources"]}
    assert (ways["aws_vpc.main"], ways["aws_lb.old"], ways["aws_route53_record.app"]) == ("keep", "beside", "cut over")
    written = (cloud.directory / "hermes.toml").read_text()
    assert PASSWORD not in said + written
    assert "vpc_id" in written and 'dns = "weighted"' in written
    left = cloud.type("adopt left --state state.json")
    assert "-target='aws_lb.old'" in left and "-target='aws_vpc.main'" not in left


def test_the_new_one_stands_beside_the_old_one_in_its_network_and_has_no_visitor_yet(cloud, old) -> None:
    cloud.type("bootstrap")
    found = cloud.client("cloudformation").describe_stack_resource(StackName="hermes-foundation", LogicalResourceId="Repository")  # fmt: skip
    assert found["StackResourceDetail"]["PhysicalResourceId"] == "hermes", "taken up as it was"
    cloud.type("local image v1 --variable HEALTH_NEEDS_DATABASE=yes")
    for name in ("SECRET_KEY_BASE", "ANTHROPIC_API_KEY", "DATABASE_URL"):
        value = control.database(cloud.state) if name == "DATABASE_URL" else "x" * 64
        cloud.type(f"secrets set {name}", given=f"{value}\n")
    cloud.type("adopt prepare --yes")
    assert shares(cloud, old) == {"before-hermes-cfn": 100}
    cloud.type("deploy --image v1 --yes")
    assert shares(cloud, old) == {"before-hermes-cfn": 100, "hermes-production": 0}


def test_visitors_are_handed_over_in_steps_and_back_and_none_is_lost(cloud, old) -> None:
    with Visitors(cloud, old.zone) as visitors:
        cloud.killed_at("adopt cut-over --steps 25,100 --hold 60 --yes", "25 % to the new one")
        assert shares(cloud, old) == {"before-hermes-cfn": 75, "hermes-production": 25}, "cut off in the middle"
        cloud.type("adopt cut-over --steps 25,100 --hold 60 --yes --lock-wait 900")
        assert shares(cloud, old) == {"before-hermes-cfn": 0, "hermes-production": 100}
        time.sleep(1.5)
        visitors.answers.clear()
        time.sleep(1.0)
        assert set(visitors.answers) == {"v1"}
        cloud.type("adopt back --yes")
        time.sleep(1.5)
        visitors.answers.clear()
        time.sleep(1.0)
        assert set(visitors.answers) == {"old"}
    assert visitors.failed == []


def test_a_new_one_that_fails_sends_everybody_back_by_itself(cloud, old) -> None:
    cloud.fault(kind="database-gone")
    try:
        cloud.type("adopt cut-over --hold 60 --yes", codes=(ExitCode.ROLLED_BACK,))
    finally:
        control.fault(cloud.state, "clear")
    assert shares(cloud, old) == {"before-hermes-cfn": 100, "hermes-production": 0}


def test_a_release_that_fails_is_told_by_its_own_words_first(cloud, old) -> None:
    cloud.type(["local", "image", "needy", "--variable", "NEEDS=MAIL_URL"])
    cloud.type("release --image needy --yes", codes=(ExitCode.ROLLED_BACK,))
    (subject,) = [one["id"] for one in cloud.json("releases") if one["tag"] == "needy"]
    first, *_ = cloud.json(f"why {subject}")["findings"]
    assert (
        first["code"] == "application-variable-missing" and first["what"] == "environment variable MAIL_URL is missing"
    )
    assert first["evidence"].splitlines()[-1].startswith("health check: ")
