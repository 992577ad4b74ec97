"""``network``: VPC, subnets in every zone, the way out with addresses that stay, endpoints, flow logs."""

from __future__ import annotations

from awacs.aws import Action, Allow, Condition, PolicyDocument, Principal, Statement, StringEquals
from troposphere import Cidr, GetAtt, Ref, Select, Sub, Template, ec2, iam, logs

from hermes_cfn.config import Settings
from hermes_cfn.config.network import MOST_ZONES
from hermes_cfn.names import Names
from hermes_cfn.stacks import egress
from hermes_cfn.stacks.common import fresh, named, put, text, together, waive
from hermes_cfn.stacks.network_builder import NetworkBuilder


def template(settings: Settings) -> Template:
    names = Names.of(settings)
    prefix = names.auto_scaling_group
    stack = fresh(f"{prefix}: network")
    vpc = stack.add_resource(
        ec2.VPC(
            "Vpc",
            CidrBlock=settings.network.cidr,
            EnableDnsHostnames=True,
            EnableDnsSupport=True,
            Tags=named(prefix),
        )
    )
    gateway = stack.add_resource(ec2.InternetGateway("InternetGateway", Tags=named(prefix)))
    attached = stack.add_resource(
        ec2.VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    builder = NetworkBuilder(stack, settings, names, vpc, attached, [], [])
    ipv6 = settings.network.egress == "ipv6"
    if ipv6:
        stack.add_resource(ec2.VPCCidrBlock("Ipv6Block", VpcId=Ref(vpc), AmazonProvidedIpv6CidrBlock=True))
    _subnets(builder, ipv6)
    table = builder.table("PublicRoutes", "public", builder.public)
    builder.route("PublicDefaultRoute", table, GatewayId=Ref(gateway), DependsOn=attached.title)
    if ipv6:
        builder.route("PublicIpv6Route", table, "::/0", GatewayId=Ref(gateway), DependsOn=attached.title)
    addresses = egress.build(builder)
    _s3_endpoint(builder)
    _interface_endpoints(builder)
    if settings.network.flow_logs:
        _flow_logs(builder)
    put(stack, "vpc_id", Ref(vpc), "The VPC")
    put(stack, "public_subnets", together(Ref(subnet) for subnet in builder.public), "Where the load balancer is")
    put(
        stack,
        "private_subnets",
        together(Ref(subnet) for subnet in builder.private),
        "Where nothing is reached from outside",
    )
    if addresses:
        put(stack, "nat_public_ips", together(addresses), "What the external database sees and admits")
    return stack


def _subnets(builder: NetworkBuilder, ipv6: bool) -> None:
    network = builder.settings.network
    for (zone, public_range, private_range), (public, private) in zip(
        network.subnets, network.ipv6_places, strict=True
    ):
        for kind, block, number, found in (
            ("Public", public_range, public, builder.public),
            ("Private", private_range, private, builder.private),
        ):
            subnet = ec2.Subnet(
                f"{kind}Subnet{zone[-1].upper()}",
                VpcId=Ref(builder.vpc),
                AvailabilityZone=zone,
                CidrBlock=block,
                MapPublicIpOnLaunch=False,
                Tags=named(f"{builder.prefix}-{kind.lower()}-{zone[-1]}"),
            )
            waive(subnet, {"W3010": "zones are named in the configuration, so that a subnet never moves by itself"})
            if ipv6:
                most = 2 * MOST_ZONES if network.layout == "zone" else 2 * len(network.zones)
                ranges = Cidr(Select(0, GetAtt(builder.vpc, "Ipv6CidrBlocks")), most, 64)
                subnet.Ipv6CidrBlock = Select(number, ranges)
                subnet.AssignIpv6AddressOnCreation = True
                subnet.DependsOn = "Ipv6Block"
            found.append(builder.stack.add_resource(subnet))


def _s3_endpoint(builder: NetworkBuilder) -> None:
    """Free, and images and packages take it.

    ECR's layers lie in a bucket of AWS (Amazon ECR user guide, "Amazon ECR interface VPC endpoints",
    minimum permissions), AL2023's packages in another (AL2023 user guide, "Networking").
    """
    region, account = builder.settings.region, "${AWS::AccountId}"
    readable = [
        f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*",
        f"arn:aws:s3:::al2023-repos-{region}-de612dc2/*",
        f"arn:aws:s3:::amazoncloudwatch-agent-{region}/*",
    ]
    ours = f"arn:aws:s3:::{builder.names.application}-*-{account}-{region}"
    policy = PolicyDocument(
        Version="2012-10-17",
        Statement=[
            Statement(
                Sid="ImagesAndPackages",
                Effect=Allow,
                Principal=Principal("*"),
                Action=[Action("s3", "GetObject")],
                Resource=readable,
            ),
            Statement(
                Sid="OurBuckets",
                Effect=Allow,
                Principal=Principal("*"),
                Action=[Action("s3", "GetObject"), Action("s3", "PutObject"), Action("s3", "ListBucket")],
                Resource=[text(ours), text(f"{ours}/*")],
                Condition=Condition(StringEquals({"aws:PrincipalAccount": Ref("AWS::AccountId")})),
            ),
        ],
    )
    builder.stack.add_resource(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=Ref(builder.vpc),
            ServiceName=f"com.amazonaws.{region}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[Ref(table) for table in builder.tables],
            PolicyDocument=policy,
        )
    )


def _interface_endpoints(builder: NetworkBuilder) -> None:
    wanted = builder.settings.network.interface_endpoints
    if not wanted:
        return
    group = builder.stack.add_resource(
        ec2.SecurityGroup(
            "EndpointSecurityGroup",
            GroupDescription="Interface endpoints",
            VpcId=Ref(builder.vpc),
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    IpProtocol="tcp",
                    FromPort=443,
                    ToPort=443,
                    CidrIp=builder.settings.network.cidr,
                    Description="HTTPS from the VPC",
                )
            ],
            SecurityGroupEgress=[nowhere()],
            Tags=named(f"{builder.prefix}-endpoints"),
        )
    )
    for service in wanted:
        builder.stack.add_resource(
            ec2.VPCEndpoint(
                "".join(part.capitalize() for part in service.split(".")) + "Endpoint",
                VpcId=Ref(builder.vpc),
                ServiceName=f"com.amazonaws.{builder.settings.region}.{service}",
                VpcEndpointType="Interface",
                PrivateDnsEnabled=True,
                SubnetIds=[Ref(subnet) for subnet in builder.private],
                SecurityGroupIds=[Ref(group)],
            )
        )


def nowhere() -> ec2.SecurityGroupRule:
    """An egress rule that lets nothing out.

    A group without one gets a rule to everywhere (AWS::EC2::SecurityGroup, SecurityGroupEgress).
    """
    return ec2.SecurityGroupRule(
        IpProtocol="icmp", FromPort=252, ToPort=86, CidrIp="255.255.255.255/32", Description="Nothing goes out"
    )


def _flow_logs(builder: NetworkBuilder) -> None:
    group = builder.stack.add_resource(
        logs.LogGroup(
            "FlowLogGroup",
            LogGroupName=f"/aws/vpc/{builder.names.environment}/{builder.names.application}",
            RetentionInDays=builder.settings.network.flow_log_days,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
    )
    waive(
        group,
        {
            "CKV_AWS_158": "flow logs hold addresses and ports, no content; CloudWatch encrypts them with its own key",
            "CT.CLOUDWATCH.PR.3": "flow logs hold addresses and ports, no content; CloudWatch encrypts them with its own key",
            "CT.CLOUDWATCH.PR.2": "kept as long as network.flow_log_days says",
        },
    )
    role = builder.stack.add_resource(
        iam.Role(
            "FlowLogRole",
            RoleName=builder.names.role("flow-logs"),
            Path=builder.names.made_path,
            PermissionsBoundary=text(f"arn:aws:iam::${{AWS::AccountId}}:policy/{builder.names.boundary}"),
            AssumeRolePolicyDocument=PolicyDocument(
                Version="2012-10-17",
                Statement=[
                    Statement(
                        Effect=Allow,
                        Principal=Principal("Service", "vpc-flow-logs.amazonaws.com"),
                        Action=[Action("sts", "AssumeRole")],
                        Condition=Condition(StringEquals({"aws:SourceAccount": Ref("AWS::AccountId")})),
                    )
                ],
            ),
            Policies=[
                iam.Policy(
                    PolicyName="write",
                    PolicyDocument=PolicyDocument(
                        Version="2012-10-17",
                        Statement=[
                            Statement(
                                Effect=Allow,
                                Action=[
                                    Action("logs", "CreateLogStream"),
                                    Action("logs", "PutLogEvents"),
                                    Action("logs", "DescribeLogStreams"),
                                ],
                                Resource=[GetAtt(group, "Arn"), Sub(f"${{{group.title}.Arn}}:log-stream:*")],
                            ),
                            Statement(Effect=Allow, Action=[Action("logs", "DescribeLogGroups")], Resource=["*"]),
                        ],
                    ),
                )
            ],
        )
    )
    builder.stack.add_resource(
        ec2.FlowLog(
            "FlowLog",
            ResourceId=Ref(builder.vpc),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=Ref(group),
            DeliverLogsPermissionArn=GetAtt(role, "Arn"),
            MaxAggregationInterval=600,
            Tags=named(f"{builder.prefix}"),
        )
    )
