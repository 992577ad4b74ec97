"""Launch template, instance role and Auto Scaling group.

CloudFormation never replaces an instance: a change makes a new launch template version and no
more, so the group has no rolling update policy.  With ``[scaling]`` (``stacks.scaling``) the template says the range and
never how many there are in it.
"""

from __future__ import annotations

from typing import Any

from troposphere import Base64, GetAtt, Join, Ref, Tags, Template, autoscaling, ec2, iam
from troposphere import elasticloadbalancingv2 as elb
from troposphere.policies import AutoScalingScheduledAction, UpdatePolicy

from hermes_cfn.config import Settings
from hermes_cfn.instance import documents
from hermes_cfn.names import Names
from hermes_cfn.stacks.common import own_tags, waive
from hermes_cfn.stacks.instance_role import instance_role

_PUBLIC = "chosen in the configuration, network.egress; nothing comes in but from the load balancer"

WARMUP_S = 60
"""Seconds after which an instance in service counts in the group's metrics: one period of them."""

HOOK_SPARE_S = 600
"""Seconds that a launch hook waits beyond the start of the application: packages, image, agent."""


def build(
    stack: Template,
    settings: Settings,
    names: Names,
    image: Ref,
    subnets: Any,
    group: ec2.SecurityGroup,
    target: elb.TargetGroup,
) -> tuple[ec2.LaunchTemplate, autoscaling.AutoScalingGroup]:
    role = instance_role(stack, settings, names)
    profile = stack.add_resource(iam.InstanceProfile("InstanceProfile", Path=names.made_path, Roles=[Ref(role)]))
    launch = stack.add_resource(
        ec2.LaunchTemplate(
            "LaunchTemplate",
            LaunchTemplateName=names.launch_template,
            TagSpecifications=own_tags(names),
            LaunchTemplateData=_machine(settings, names, image, group, profile),
        )
    )
    if settings.network.egress == "public-subnets":
        waive(launch, {"CT.EC2.PR.9": _PUBLIC, "CKV_AWS_88": _PUBLIC})
    if not settings.compute.detailed_monitoring:
        waive(launch, {"CT.EC2.PR.10": "an option, compute.detailed_monitoring; metrics every minute cost money"})
    group_of_instances = stack.add_resource(_group(settings, names, launch, subnets, target))
    waive(
        group_of_instances,
        {
            "CT.AUTOSCALING.PR.1": "its zones are those of its subnets, in all zones of the configuration",
            "CT.AUTOSCALING.PR.4": "with type ELB an outage of the external database would replace the whole fleet, for nothing",
            "CT.AUTOSCALING.PR.6": "instances of one kind, so that the bill and the capacity are known",
        },
    )
    return launch, group_of_instances


def _machine(
    settings: Settings, names: Names, image: Ref, group: ec2.SecurityGroup, profile: iam.InstanceProfile
) -> ec2.LaunchTemplateData:
    compute = settings.compute
    interface = ec2.NetworkInterfaces(
        DeviceIndex=0,
        AssociatePublicIpAddress=settings.network.egress == "public-subnets",
        DeleteOnTermination=True,
        Groups=[GetAtt(group, "GroupId")],
    )
    if settings.network.egress == "ipv6":
        interface.Ipv6AddressCount = 1
    data = ec2.LaunchTemplateData(
        ImageId=image,
        InstanceType=compute.instance_type,
        IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(profile, "Arn")),
        MetadataOptions=ec2.MetadataOptions(
            HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=1, InstanceMetadataTags="disabled"
        ),
        Monitoring=ec2.Monitoring(Enabled=compute.detailed_monitoring),
        NetworkInterfaces=[interface],
        BlockDeviceMappings=[
            ec2.LaunchTemplateBlockDeviceMapping(
                DeviceName="/dev/xvda",
                Ebs=ec2.EBSBlockDevice(
                    VolumeSize=compute.volume_gib, VolumeType="gp3", Encrypted=True, DeleteOnTermination=True
                ),
            )
        ],
        TagSpecifications=[
            ec2.TagSpecifications(ResourceType=kind, Tags=_tags(names)) for kind in ("volume", "network-interface")
        ],
        UserData=Base64(Join("\n", documents.user_data(settings).split("\n"))),
    )
    if compute.key_name:
        data.KeyName = compute.key_name
    return data


def _tags(names: Names) -> Tags:
    return Tags({"Name": names.auto_scaling_group, **names.tags})


def _group(
    settings: Settings, names: Names, launch: ec2.LaunchTemplate, subnets: Any, target: elb.TargetGroup
) -> autoscaling.AutoScalingGroup:
    return autoscaling.AutoScalingGroup(
        "AutoScalingGroup",
        AutoScalingGroupName=names.auto_scaling_group,
        **_sizes(settings),
        VPCZoneIdentifier=subnets,
        LaunchTemplate=autoscaling.LaunchTemplateSpecification(
            LaunchTemplateId=Ref(launch), Version=GetAtt(launch, "LatestVersionNumber")
        ),
        TargetGroupARNs=[Ref(target)],
        HealthCheckType="EC2",
        HealthCheckGracePeriod=settings.longest_start_s,
        LifecycleHookSpecificationList=[
            autoscaling.LifecycleHookSpecification(
                LifecycleHookName=names.launch_hook,
                LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
                HeartbeatTimeout=settings.longest_start_s + HOOK_SPARE_S,
                DefaultResult="ABANDON",
            )
        ],
        MetricsCollection=[autoscaling.MetricsCollection(Granularity="1Minute")],
        Tags=[
            autoscaling.Tag("Name", names.auto_scaling_group, True),
            *(autoscaling.Tag(key, value, True) for key, value in names.tags.items()),
        ],
    )


def _sizes(settings: Settings) -> dict[str, Any]:
    """How many instances.  A fixed group has room for its rollouts; one that scales gets that room while it is rolled.

    Without ``IgnoreUnmodifiedGroupSizeProperties`` an update of anything would set back what a schedule set
    (CloudFormation template reference, "UpdatePolicy attribute", AutoScalingScheduledAction).
    """
    count, release, scaling = settings.compute.count, settings.release, settings.scaling
    if not scaling.on:
        return {
            "MinSize": str(max(0, count - release.in_place_batch(count))),
            "DesiredCapacity": str(count),
            "MaxSize": str(count + release.surge),
        }
    return {
        "MinSize": str(scaling.minimum),
        "MaxSize": str(scaling.maximum),
        "DefaultInstanceWarmup": WARMUP_S,
        "UpdatePolicy": UpdatePolicy(
            AutoScalingScheduledAction=AutoScalingScheduledAction(IgnoreUnmodifiedGroupSizeProperties=True)
        ),
    }
