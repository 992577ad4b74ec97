"""A NAT instance that replaces itself: a group of one that takes over address and route at boot."""

from __future__ import annotations

from dataclasses import replace

from troposphere import Base64, GetAtt, Join, Ref, Sub, autoscaling, ec2, iam

from hermes_cfn.config.destination import Destination
from hermes_cfn.instance import documents
from hermes_cfn.stacks.common import named, own_tags, parameter, waive
from hermes_cfn.stacks.network_builder import NetworkBuilder
from hermes_cfn.stacks.roles import allow, service_role

INSTANCE_TYPE = "t4g.nano"
IMAGE_PARAMETER = "NatMachineImage"


def build(builder: NetworkBuilder, kept: ec2.EIP, table: ec2.RouteTable) -> None:
    stack, names = builder.stack, builder.names
    image = parameter(stack, IMAGE_PARAMETER, "AWS::EC2::Image::Id", "Amazon Linux 2023 for arm64")
    group = stack.add_resource(
        ec2.SecurityGroup(
            "NatSecurityGroup",
            GroupDescription="NAT instance",
            VpcId=Ref(builder.vpc),
            SecurityGroupIngress=[
                _through(way, builder.settings.network.cidr, "from the VPC") for way in _once(builder)
            ],
            SecurityGroupEgress=[_through(way, "0.0.0.0/0", "to anywhere") for way in _once(builder)],
            Tags=named(f"{builder.prefix}-nat"),
        )
    )
    role = service_role(
        stack,
        "NatRole",
        names,
        "nat",
        "ec2.amazonaws.com",
        {
            "take-over": [
                allow(
                    "Address",
                    ["ec2:AssociateAddress"],
                    [
                        Sub(
                            f"arn:aws:ec2:${{AWS::Region}}:${{AWS::AccountId}}:elastic-ip/${{{kept.title}.AllocationId}}"
                        ),
                        Sub("arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"),
                        Sub("arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/*"),
                    ],
                ),
                allow(
                    "Route",
                    ["ec2:CreateRoute", "ec2:ReplaceRoute"],
                    [Sub(f"arn:aws:ec2:${{AWS::Region}}:${{AWS::AccountId}}:route-table/${{{table.title}}}")],
                ),
                allow(
                    "Forward",
                    ["ec2:ModifyInstanceAttribute"],
                    [Sub("arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")],
                    {"StringEquals": {"aws:ResourceTag/hermes:role": f"{builder.prefix}-nat"}},
                ),
            ]
        },
    )
    profile = stack.add_resource(iam.InstanceProfile("NatProfile", Path=names.made_path, Roles=[Ref(role)]))
    launch = stack.add_resource(
        ec2.LaunchTemplate(
            "NatLaunchTemplate",
            LaunchTemplateName=f"{builder.prefix}-nat",
            TagSpecifications=own_tags(names),
            LaunchTemplateData=ec2.LaunchTemplateData(
                ImageId=image,
                InstanceType=INSTANCE_TYPE,
                IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(profile, "Arn")),
                MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
                NetworkInterfaces=[
                    ec2.NetworkInterfaces(
                        DeviceIndex=0, AssociatePublicIpAddress=True, Groups=[Ref(group)], DeleteOnTermination=True
                    )
                ],
                BlockDeviceMappings=[
                    ec2.LaunchTemplateBlockDeviceMapping(
                        DeviceName="/dev/xvda", Ebs=ec2.EBSBlockDevice(VolumeSize=8, VolumeType="gp3", Encrypted=True)
                    )
                ],
                UserData=Base64(
                    Join(
                        "",
                        [
                            "#!/bin/bash\nexport AWS_REGION=",
                            Ref("AWS::Region"),
                            "\nNAT_ADDRESS=",
                            GetAtt(kept, "AllocationId"),
                            "\nNAT_TABLE=",
                            Ref(table),
                            f"\nNAT_RANGE={builder.settings.network.cidr}\n{documents.script('nat')}\n",
                        ],
                    )
                ),
            ),
        )
    )
    way_out = "it is the way out: its public address is what the world sees"
    waive(
        launch,
        {
            "CKV_AWS_88": way_out,
            "CT.EC2.PR.9": way_out,
            "CT.EC2.PR.10": "the cheapest way out there is; metrics every minute would cost half as much again",
        },
    )
    group_of_one = stack.add_resource(
        autoscaling.AutoScalingGroup(
            "NatGroup",
            AutoScalingGroupName=f"{builder.prefix}-nat",
            MinSize="1",
            MaxSize="1",
            DesiredCapacity="1",
            HealthCheckType="EC2",
            VPCZoneIdentifier=[Ref(subnet) for subnet in builder.public],
            LaunchTemplate=autoscaling.LaunchTemplateSpecification(
                LaunchTemplateId=Ref(launch), Version=GetAtt(launch, "LatestVersionNumber")
            ),
            Tags=[
                autoscaling.Tag("Name", f"{builder.prefix}-nat", True),
                autoscaling.Tag("hermes:role", f"{builder.prefix}-nat", True),
            ],
            DependsOn=["PublicDefaultRoute"],
        )
    )
    waive(
        group_of_one,
        {
            "CT.AUTOSCALING.PR.1": "its zones are those of its subnets, in all zones of the configuration",
            "CT.AUTOSCALING.PR.6": "a group of one, of the smallest kind",
        },
    )


def _once(builder: NetworkBuilder) -> list[Destination]:
    """Each range of ports once: which addresses they may be at, the instances' own group says."""
    return list(dict.fromkeys(replace(way, network=None) for way in builder.settings.ways_out))


def _through(way: Destination, to: str, what: str) -> ec2.SecurityGroupRule:
    ports = f"{way.first}" if way.first == way.last else f"{way.first}-{way.last}"
    return ec2.SecurityGroupRule(
        IpProtocol=way.protocol, FromPort=way.first, ToPort=way.last, CidrIp=to, Description=f"{ports} {what}"
    )
