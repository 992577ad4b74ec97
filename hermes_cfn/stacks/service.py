"""``service``: load balancer, target group, launch template, group, instance role, documents, logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Template, ec2, logs, ssm
from troposphere import elasticloadbalancingv2 as elb

from hermes_cfn.config import Settings
from hermes_cfn.instance import documents
from hermes_cfn.names import Names
from hermes_cfn.stacks import cluster, fleet, grants, ingress, scaling, security_groups
from hermes_cfn.stacks.buckets import private_bucket
from hermes_cfn.stacks.common import fresh, named, parameter, put, waive

_OWN_KEY = (
    "CloudWatch encrypts logs with its own key; a key of one's own costs USD 1 a month and one more way to lose them"
)
_ACCESS_LOGS = "access logs are an option, service.access_logs; they cost storage"


AT_THE_BALANCER = {
    "LoadBalancerDnsName": "alb_dns_name",
    "LoadBalancerZone": "alb_hosted_zone_id",
    "LoadBalancerArn": "alb_arn",
    "LoadBalancerFullName": "alb_full_name",
}
OF_THE_BALANCER = {
    ingress.LISTENER: "https_listener_arn",
    security_groups.BALANCER_GROUP: "alb_security_group",
    **AT_THE_BALANCER,
}
"""Parameters of a service that is a rule of an existing listener -> outputs of the one whose listener it is."""


def template(settings: Settings, granted: Sequence[grants.Granted] = (), ports: Sequence[int] = ()) -> Template:
    """``granted``: what the application may use of extras; ``ports``: of extras, on which instances open connections within the VPC."""
    names = Names.of(settings)
    stack = fresh(f"{names.auto_scaling_group}: load balancer and instances")
    vpc = parameter(stack, "VpcId", "AWS::EC2::VPC::Id", "From the network stack")
    subnets: Any = None
    if settings.own_balancer or settings.network.egress == "public-subnets":
        subnets = parameter(stack, "PublicSubnets", "List<AWS::EC2::Subnet::Id>", "Subnets of the load balancer")
    public = subnets
    if settings.network.egress != "public-subnets":
        subnets = parameter(stack, "PrivateSubnets", "List<AWS::EC2::Subnet::Id>", "Subnets of the instances")
    certificate = parameter(stack, "CertificateArn", "String", "From the certificate stack, or the configuration")
    image = parameter(stack, "MachineImage", "AWS::EC2::Image::Id", "Resolved and recorded by the deployer")

    group = _logs(stack, settings, names)
    groups = security_groups.build(stack, settings, names, vpc, ports)
    balancer = _balancer(stack, settings, names, public, groups.balancer) if groups.balancer is not None else None
    target = _target(stack, settings, names, vpc)
    if balancer is not None and groups.balancer is not None:
        secure = _listeners(stack, settings, balancer, target, certificate)
        ingress.build(stack, settings, secure, target)
        at = {
            "LoadBalancerDnsName": GetAtt(balancer, "DNSName"),
            "LoadBalancerZone": GetAtt(balancer, "CanonicalHostedZoneID"),
            "LoadBalancerArn": Ref(balancer),
            "LoadBalancerFullName": GetAtt(balancer, "LoadBalancerFullName"),
        }
        if settings.sharers:
            put(
                stack,
                "https_listener_arn",
                Ref(secure),
                "Where an environment that shares the load balancer has its rule",
            )
            put(stack, "alb_security_group", GetAtt(groups.balancer, "GroupId"), "From where its instances are reached")
    else:
        at = {name: parameter(stack, name, "String", "Of the load balancer that is shared") for name in AT_THE_BALANCER}
        ingress.as_a_rule(stack, settings, target, certificate)
    if settings.service.cluster:
        cluster.build(stack, names, vpc)
    launch, instances = fleet.build(stack, settings, names, image, subnets, groups.app, target)
    scaling.build(stack, settings, instances, at["LoadBalancerFullName"], target)
    grants.build(stack, settings, names, granted)
    _documents(stack, settings, names)

    put(stack, "alb_dns_name", at["LoadBalancerDnsName"], "What the DNS record points at")
    put(stack, "alb_hosted_zone_id", at["LoadBalancerZone"], "For an alias record")
    put(stack, "alb_arn", at["LoadBalancerArn"], "The load balancer")
    put(stack, "alb_full_name", at["LoadBalancerFullName"], "Its dimension in CloudWatch")
    put(stack, "alb_target_group_arn", Ref(target), "The target group")
    put(stack, "target_group_full_name", GetAtt(target, "TargetGroupFullName"), "Its dimension in CloudWatch")
    put(stack, "auto_scaling_group", Ref(instances), "The group; instance_ids are read from it")
    put(stack, "launch_template_id", Ref(launch), "The launch template")
    put(stack, "launch_template_version", GetAtt(launch, "LatestVersionNumber"), "What a new instance is made of")
    put(stack, "log_group", Ref(group), "Application logs")
    return stack


def _logs(stack: Template, settings: Settings, names: Names) -> logs.LogGroup:
    group = stack.add_resource(
        logs.LogGroup(
            "LogGroup",
            LogGroupName=names.log_group,
            RetentionInDays=settings.service.log_days,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    waive(
        group,
        {
            "CKV_AWS_158": _OWN_KEY,
            "CT.CLOUDWATCH.PR.3": _OWN_KEY,
            "CT.CLOUDWATCH.PR.2": "kept as long as service.log_days says",
        },
    )
    return group


def _balancer(
    stack: Template, settings: Settings, names: Names, subnets: Ref, group: ec2.SecurityGroup
) -> elb.LoadBalancer:
    service = settings.service
    # Every attribute is always said: CloudFormation leaves one as it is that a template stops saying
    # (aws-cloudformation/cloudformation-coverage-roadmap#554, aws/aws-cdk#31609).
    attributes = {
        "access_logs.s3.enabled": "false",
        "deletion_protection.enabled": _flag(service.deletion_protection),
        "idle_timeout.timeout_seconds": str(service.idle_timeout_s),
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http2.enabled": "true",
    }
    depends = []
    if service.access_logs:
        bucket = _access_logs(stack, names)
        attributes |= {
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": bucket,
            "access_logs.s3.prefix": "alb",
        }
        depends = ["AccessLogsPolicy"]
    balancer = elb.LoadBalancer(
        "LoadBalancer",
        Name=names.load_balancer,
        Type="application",
        Scheme="internet-facing",
        Subnets=subnets,
        SecurityGroups=[Ref(group)],
        LoadBalancerAttributes=[elb.LoadBalancerAttributes(Key=key, Value=value) for key, value in attributes.items()],
        Tags=named(names.load_balancer),
    )
    if settings.network.egress == "ipv6":
        balancer.IpAddressType = "dualstack"
    if depends:
        balancer.DependsOn = depends
    if not service.access_logs:
        waive(balancer, {"CKV_AWS_91": _ACCESS_LOGS, "CT.ELASTICLOADBALANCING.PR.6": _ACCESS_LOGS})
    if not service.deletion_protection:
        waive(balancer, {"CT.ELASTICLOADBALANCING.PR.5": "chosen in the configuration, service.deletion_protection"})
    return stack.add_resource(balancer)


def _access_logs(stack: Template, names: Names) -> Ref:
    """The bucket lies in the load balancer's region and is encrypted by S3 (ELB user guide, access logs)."""
    from awacs.aws import Principal

    from hermes_cfn.stacks.buckets import may_put

    bucket = private_bucket(
        stack,
        "AccessLogs",
        names.logs_bucket,
        expire_old_days=7,
        expire_days=90,
        statements=[
            may_put(
                "LoadBalancerWrites",
                Principal("Service", "logdelivery.elasticloadbalancing.amazonaws.com"),
                f"arn:aws:s3:::{names.logs_bucket}/alb/AWSLogs/{names.account}/*",
            )
        ],
    )
    return Ref(bucket)


def _target(stack: Template, settings: Settings, names: Names, vpc: Ref) -> elb.TargetGroup:
    service, application = settings.service, settings.application
    attributes = {
        "deregistration_delay.timeout_seconds": str(service.deregistration_delay_s),
        "slow_start.duration_seconds": str(service.slow_start_s),
        "load_balancing.algorithm.type": "least_outstanding_requests" if not service.slow_start_s else "round_robin",
        "stickiness.enabled": _flag(service.stickiness),
        "stickiness.type": "lb_cookie",
    }
    return stack.add_resource(
        elb.TargetGroup(
            "TargetGroup",
            Name=names.target_group,
            Port=application.port,
            Protocol="HTTP",
            TargetType="instance",
            VpcId=vpc,
            HealthCheckEnabled=True,
            HealthCheckPath=application.health_path,
            HealthCheckProtocol="HTTP",
            HealthCheckPort="traffic-port",
            HealthCheckIntervalSeconds=service.health_interval_s,
            HealthCheckTimeoutSeconds=service.health_timeout_s,
            HealthyThresholdCount=service.healthy_threshold,
            UnhealthyThresholdCount=service.unhealthy_threshold,
            Matcher=elb.Matcher(HttpCode=",".join(map(str, application.health_codes))),
            TargetGroupAttributes=[elb.TargetGroupAttribute(Key=key, Value=value) for key, value in attributes.items()],
            Tags=named(names.target_group),
        )
    )


def _listeners(
    stack: Template, settings: Settings, balancer: elb.LoadBalancer, target: elb.TargetGroup, certificate: Ref
) -> elb.Listener:
    secure = stack.add_resource(
        elb.Listener(
            "HttpsListener",
            LoadBalancerArn=Ref(balancer),
            Port=443,
            Protocol="HTTPS",
            SslPolicy=settings.service.tls_policy,
            Certificates=[elb.Certificate(CertificateArn=certificate)],
            DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(target))],
        )
    )
    if headers := ingress.attributes(settings):
        secure.ListenerAttributes = headers
    waive(
        secure,
        {"CT.ELASTICLOADBALANCING.PR.2": "its certificate is ACM's, in a stack of its own, and comes as a parameter"},
    )
    stack.add_resource(
        elb.Listener(
            "HttpListener",
            LoadBalancerArn=Ref(balancer),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[
                elb.Action(
                    Type="redirect",
                    RedirectConfig=elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301"),
                )
            ],
        )
    )
    return secure


def _documents(stack: Template, settings: Settings, names: Names) -> None:
    for task in documents.TASKS:
        stack.add_resource(
            ssm.Document(
                f"{task.capitalize()}Document",
                Name=names.document(task),
                DocumentType="Command",
                DocumentFormat="JSON",
                TargetType="/AWS::EC2::Instance",
                UpdateMethod="NewVersion",
                Content=documents.document(task, settings),
            )
        )


def _flag(value: bool) -> str:
    return "true" if value else "false"
