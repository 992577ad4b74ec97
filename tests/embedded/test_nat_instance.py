"""A NAT instance takes over address, route and source/destination check at boot, by its own small role, and so does the next."""

import time

import pytest

from hermes_cfn import stacks
from hermes_cfn.aws.clients import connect
from hermes_cfn.config import parse
from hermes_cfn.flows.base.context import stand
from hermes_cfn.flows.stacks.deployer import StackDeployer
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.permissions import NAT
from tests import owners

REGION = "eu-south-2"


class Nat:
    """A network with a NAT instance, in a cloud that enforces permissions."""

    def __init__(self, state) -> None:
        self.state = state
        self.endpoint = control.start(state, Options(follow_parent=True, enforce=True, speed=100)).endpoint
        config = parse("[network]\negress = 'nat-instance'\n")
        deployment = stacks.build(config)
        context = stand(connect(None, REGION, self.endpoint, control.administrator(state)), config, deployment)
        deployer = StackDeployer(context, [deployment.stack(key) for key in ("foundation", "network")])
        list(deployer.run(lambda: None))
        self.outputs = deployer.outputs["network"]
        self.address = self.outputs["NatPublicIps"]

    def client(self, service: str):
        return owners.client(self.state, service)

    def holder(self) -> str:
        """The instance that has the address, the default route of the private subnets, and forwards; or nothing."""
        ec2 = self.client("ec2")
        holder = ec2.describe_addresses(PublicIps=[self.address])["Addresses"][0].get("InstanceId", "")
        private = self.outputs["PrivateSubnets"].split(",")[0]
        named = [{"Name": "association.subnet-id", "Values": [private]}]
        (table,) = ec2.describe_route_tables(Filters=named)["RouteTables"]
        way = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
        if not holder or [route.get("InstanceId") for route in way] != [holder]:
            return ""
        checked = ec2.describe_instance_attribute(InstanceId=holder, Attribute="sourceDestCheck")["SourceDestCheck"]
        running = ec2.describe_instances(InstanceIds=[holder])["Reservations"][0]["Instances"][0]["State"]["Name"]
        return holder if not checked["Value"] and running == "running" else ""

    def taken_over(self, others: set[str]) -> str:
        """Waits until an instance that is none of ``others`` holds everything."""
        for _ in range(240):
            found = self.holder()
            if found and found not in others:
                return found
            time.sleep(0.25)
        raise AssertionError(control.ask(self.state, "instances", {}))


@pytest.fixture(scope="module")
def nat(tmp_path_factory):
    state = tmp_path_factory.mktemp("nat")
    yield Nat(state)
    control.reset(state)


def test_it_takes_over_what_the_dead_one_had(nat):
    first = nat.taken_over(set())
    control.ask(nat.state, "faults", {"instance": first, "do": "kill"})
    second = nat.taken_over({first})
    assert nat.client("ec2").describe_addresses()["Addresses"][0]["PublicIp"] == nat.address
    group = nat.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert [one["InstanceId"] for one in group["Instances"]] == [second]


def test_one_that_cannot_take_over_makes_room_for_the_next(nat):
    first = nat.taken_over(set())
    fault = {"service": "ec2", "action": "ModifyInstanceAttribute", "kind": "error", "times": 5}
    control.ask(nat.state, "faults", {"api": fault})
    control.ask(nat.state, "faults", {"instance": first, "do": "kill"})
    nat.taken_over({first})
    launches = nat.client("autoscaling").describe_scaling_activities()["Activities"]
    assert sum("Launching" in one["Description"] for one in launches) >= 3


def test_its_role_is_small_and_enough(nat):
    nat.taken_over(set())
    asked = [
        (action, why)
        for principal, action, _, why in control.ask(nat.state, "permissions")["asked"]
        if principal.endswith("-nat")
    ]
    assert {action for action, _ in asked} <= set(NAT)
    assert {action for action, _ in asked} >= {"ec2:AssociateAddress", "ec2:CreateRoute", "ec2:ReplaceRoute"}
    assert [why for _, why in asked if why] == []
