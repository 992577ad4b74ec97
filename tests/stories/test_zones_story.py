"""One story, in order: a zone is dropped while the service uses its subnets, and comes back at the same addresses."""

TWO = "network.zones = ['eu-south-2a', 'eu-south-2b']\n"


def configure(cloud, text: str) -> None:
    (cloud.directory / "hermes.toml").write_text(text)


def subnets(cloud) -> dict[str, str]:
    found = cloud.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["false"]}])["Subnets"]
    return {subnet["CidrBlock"]: subnet["SubnetId"] for subnet in found}


def events(cloud, stack: str) -> list[tuple[str, str]]:
    found = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(found)]


def test_a_dropped_zone_goes_after_the_service_has_moved_and_comes_back_where_it_was(cloud) -> None:
    before = subnets(cloud)
    configure(cloud, TWO)
    assert "network lets go" in cloud.type("plan")
    cloud.type("deploy --yes --stacks-only")
    left = subnets(cloud)
    assert len(left) == len(before) - 2 and left.items() <= before.items()
    (balancer,) = cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert {zone["SubnetId"] for zone in balancer["AvailabilityZones"]} <= set(left.values())
    assert not [row for row in events(cloud, "hermes-production-network") if row[1].endswith("FAILED")]
    assert {stack["action"] for stack in cloud.json("plan")["stacks"]} == {"unchanged"}

    configure(cloud, "network.zones = ['eu-south-2c', 'eu-south-2a', 'eu-south-2b']\n")
    cloud.type("deploy --yes --stacks-only")
    again = subnets(cloud)
    assert set(again) == set(before)
    assert {block: again[block] for block in left} == left
