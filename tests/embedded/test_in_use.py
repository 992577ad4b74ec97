"""What is in use cannot go: the table, direct and by stack."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from hermes_cfn.local.services.in_use import RULES
from tests.soak.corpus import World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    state = tmp_path_factory.mktemp("in-use")
    endpoint = control.start(state, Options(speed=1000, processes=False)).endpoint
    yield World(state, endpoint, "us-east-1")
    control.stop(state)


@pytest.fixture(scope="module")
def made(world):
    """A VPC with a load balancer, an instance, a NAT gateway and an endpoint; names by kind."""
    ec2, elb = world.client("ec2"), world.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("abc")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("balancer", "instance", "referred", "free")
    }
    pair = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": groups["referred"]}]}]
    ec2.authorize_security_group_ingress(GroupId=groups["instance"], IpPermissions=pair)
    address = ec2.allocate_address(Domain="vpc")
    nat = ec2.create_nat_gateway(SubnetId=subnets[2], AllocationId=address["AllocationId"])["NatGateway"][
        "NatGatewayId"
    ]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    instance = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0], SecurityGroupIds=[groups["instance"]]
    )["Instances"][0]
    certificate = world.client("acm").request_certificate(DomainName="a.example.com", ValidationMethod="DNS")
    balancer = elb.create_load_balancer(Name="b", Subnets=subnets[:2], SecurityGroups=[groups["balancer"]])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    elb.create_listener(
        LoadBalancerArn=arn, Port=443, Protocol="HTTPS", DefaultActions=fixed,
        Certificates=[{"CertificateArn": certificate["CertificateArn"]}],
    )  # fmt: skip
    return {
        "vpc": vpc, "subnets": subnets, "gateway": gateway, "groups": groups, "address": address, "nat": nat,
        "instance": instance["InstanceId"], "interface": instance["NetworkInterfaces"][0]["NetworkInterfaceId"],
        "certificate": certificate["CertificateArn"], "balancer": arn,
    }  # fmt: skip


def calls(made):
    """For each row of the table the calls that it must refuse: service, method, arguments."""
    yield from (
        (("ec2", "DeleteSecurityGroup"), "delete_security_group", {"GroupId": made["groups"][name]})
        for name in ("balancer", "instance", "referred")
    )
    yield from ((("ec2", "DeleteSubnet"), "delete_subnet", {"SubnetId": subnet}) for subnet in made["subnets"])
    both = {"VpcId": made["vpc"], "InternetGatewayId": made["gateway"]}
    yield ("ec2", "DetachInternetGateway"), "detach_internet_gateway", both
    yield ("ec2", "ReleaseAddress"), "release_address", {"AllocationId": made["address"]["AllocationId"]}
    yield ("ec2", "DeleteVpc"), "delete_vpc", {"VpcId": made["vpc"]}
    yield ("ec2", "DeleteNetworkInterface"), "delete_network_interface", {"NetworkInterfaceId": made["interface"]}
    yield ("acm", "DeleteCertificate"), "delete_certificate", {"CertificateArn": made["certificate"]}


def test_what_is_in_use_stays_and_goes_once_nothing_uses_it(world, made):
    seen = set()
    for row, method, arguments in calls(made):
        seen.add(row)
        with pytest.raises(ClientError) as caught:
            getattr(world.client(row[0]), method)(**arguments)
        assert caught.value.response["Error"]["Code"] == RULES[row].code
    assert seen == set(RULES), "the whole table"
    ec2 = world.client("ec2")
    ec2.delete_security_group(GroupId=made["groups"]["free"])
    template = json.dumps({"Resources": {"S": {"Type": "AWS::EC2::Subnet", "DeletionPolicy": "Delete", "Properties": {
        "VpcId": made["vpc"], "CidrBlock": "10.0.9.0/24", "AvailabilityZone": "us-east-1a"}}}})  # fmt: skip
    formation = world.client("cloudformation")
    stack = formation.create_stack(StackName="s", TemplateBody=template)["StackId"]
    formation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    subnet = formation.describe_stack_resources(StackName=stack)["StackResources"][0]["PhysicalResourceId"]
    world.client("elbv2").set_subnets(LoadBalancerArn=made["balancer"], Subnets=[made["subnets"][1], subnet])
    formation.delete_stack(StackName=stack)
    with pytest.raises(Exception, match="DELETE_FAILED"):
        formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    world.client("elbv2").delete_load_balancer(LoadBalancerArn=made["balancer"])
    formation.delete_stack(StackName=stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    ec2.terminate_instances(InstanceIds=[made["instance"]])
    ec2.delete_nat_gateway(NatGatewayId=made["nat"])
    ec2.release_address(AllocationId=made["address"]["AllocationId"])
    ec2.detach_internet_gateway(VpcId=made["vpc"], InternetGatewayId=made["gateway"])
    for name in ("balancer", "instance"):
        ec2.delete_security_group(GroupId=made["groups"][name])
    for each in made["subnets"]:
        ec2.delete_subnet(SubnetId=each)
    world.client("acm").delete_certificate(CertificateArn=made["certificate"])
    ec2.delete_security_group(GroupId=made["groups"]["referred"])
    ec2.delete_internet_gateway(InternetGatewayId=made["gateway"])
    ec2.delete_vpc(VpcId=made["vpc"])
    assert made["vpc"] not in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
    acls = {one["VpcId"] for one in ec2.describe_network_acls()["NetworkAcls"]}
    assert made["vpc"] not in acls
