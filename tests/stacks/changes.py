"""Changes of one setting: a row for every key of ``hermes.toml``, and the parts of the templates that it changes."""

import json
import tomllib

from tests.stacks.configurations import ZONE

BASES = {
    "": "",
    "watched": "[watch]\nenabled = true\n[budget]\nceiling_usd = 90\nemails = ['ops@example.com']\n",
    "edged": f"[watch]\nenabled = true\n[service]\nwaf = true\n[edge]\nassets = true\ndns = 'weighted'\n{ZONE}"
    f"[worldwide]\ncloudfront = true\nassets_domain = 'static.example.com'\nwaf = true\n{ZONE}",
    "fetched": "[build]\nimage = 'ghcr.io/me/shop:{tag}'\nregistry_user = 'me'\nregistry_password = 'GHCR'\n",
    "zoned alias": f"[edge]\ndns = 'alias'\n{ZONE}",
    "maintained": "[ingress]\nmaintenance = true\n",
    "signed in": "[sign_in]\npaths = ['/admin']\nissuer = 'https://id.example.com'\nauthorization_endpoint = 'https://id.example.com/a'\n"
    "token_endpoint = 'https://id.example.com/t'\nuser_info_endpoint = 'https://id.example.com/u'\nclient_id = 'c'\nsecret_name = 's'\n",
    "clustered": "[service]\ncluster = true\n",
    "by ids": "[github]\nsubject = 'ids'\nowner_id = 1\nrepository_id = 2\n",
    "by route53": f"[certificate]\nvalidation = 'route53'\n{ZONE}",
    "scaled": "[scaling]\nminimum = 2\nmaximum = 6\ncpu_percent = 50\n",
    "by the hour": "scaling.minimum = 2\nscaling.maximum = 6\nscaling.windows = {night = {begin = '22:00', end = '07:00', minimum = 2, maximum = 3}}\n",
    "zoned": f"[certificate]\n{ZONE}[edge]\n{ZONE}",
}
"""What must be on for a setting to matter at all."""

DOCUMENTS = {
    f"service/{task}Document" for task in ("Prepare", "Deploy", "Confirm", "Migrate", "Rollback", "Diagnose", "Run")
}
SCRIPTS = {*DOCUMENTS, "service/LaunchTemplate"}
TRUSTED = {"foundation/ProductionRelease", "foundation/ProductionInfrastructure", "foundation/ProductionPlan"}
EVERY_ROLE = {*TRUSTED, "foundation/ProductionOperator"}
SERVICE_ROLE = {"foundation/CloudformationRead", "foundation/ProductionCloudformationService"}
"""What CloudFormation may do follows the types of resources that there are."""


SETTINGS: dict[tuple[str, str], set[str]] = {
    ("", "application.architecture = 'x86_64'\ncompute.instance_type = 't3.small'"): {"service/LaunchTemplate", "service:wiring"},
    ("", "application.health_codes = [200, 204]"): {*SCRIPTS, "service/TargetGroup"},
    ("", "application.health_path = '/ready'"): {*SCRIPTS, "service/TargetGroup"},
    ("", "application.memory_mib = 1024"): SCRIPTS,
    ("", "application.migrate = []"): {"service/MigrateDocument"},
    ("", "application.migrate_memory_mib = 512"): {"service/MigrateDocument"},
    ("", "application.port = 8080"): {
        *SCRIPTS, "service/TargetGroup", "service/LoadBalancerToAppIn", "service/LoadBalancerToAppOut"},
    ("", "application.read_only = false"): SCRIPTS,
    ("", "application.secrets = []"): set(),
    ("", "application.start_timeout_s = 100"): {*SCRIPTS, "service/AutoScalingGroup"},
    ("", "application.stop_signal = 'SIGINT'"): SCRIPTS,
    ("", "application.stop_timeout_s = 20"): SCRIPTS,
    ("", "env.PHX_SERVER = 'true'"): set(),
    **{("", f"container.{said}"): SCRIPTS for said in (
        "command = ['serve']", "entrypoint = '/bin/tini'", "user = '1000'", "ulimits = { nofile = '65536' }",
        "tmpfs = ['/var/run']", "shm_mib = 128", "init = true")},
    ("", "account.id = '123456789012'"): set(),
    ("", "account.operators = ['arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Ops_1']"): EVERY_ROLE,
    ("", "account.artifacts_encryption = 'aws:kms'"): {"foundation/Artifacts"},
    ("", "account.github_provider = 'existing'"): {"foundation/GitHubProvider", *TRUSTED},
    ("", "github.repository = 'me/hermes'"): TRUSTED,
    ("by ids", "github.subject = 'names'"): TRUSTED,
    ("by ids", "github.owner_id = 3"): TRUSTED,
    ("by ids", "github.repository_id = 3"): TRUSTED,
    ("", "github.workflow = 'deploy.yml'"): {"foundation/ProductionRelease", "foundation/ProductionInfrastructure"},
    ("", "github.branch = 'trunk'"): {"foundation/ProductionInfrastructure", "foundation/ProductionRelease"},
    ("", "network.cidr = '10.1.0.0/16'"): {
        "network/Vpc", *(f"network/{kind}Subnet{letter}" for kind in ("Public", "Private") for letter in "ABC")},
    ("", "network.zones = ['eu-south-2a', 'eu-south-2b']"): {
        *(f"network/{kind}SubnetC{what}" for kind in ("Public", "Private") for what in ("", "Routes")),
        "network/PublicSubnets", "network/PrivateSubnets"},
    ("", "network.layout = 'order'"): set(),
    ("", "release.allow = 'replace=none'"): set(),
    ("", "network.interface_endpoints = ['ssm']"): {"network/EndpointSecurityGroup", "network/SsmEndpoint"},
    ("", "network.flow_logs = false"): {"foundation/CloudformationRead", "foundation/ProductionCloudformationNetwork", "foundation/ProductionCloudformationService", "network/FlowLog", "network/FlowLogGroup", "network/FlowLogRole"},
    ("", "network.outbound = [6379, '10.9.0.0/16:5433']"): {"service/AppSecurityGroup"},
    ("", "network.flow_log_days = 30"): {"network/FlowLogGroup"},
    ("", "compute.count = 3"): {"service/AutoScalingGroup"},
    ("", "compute.instance_type = 't4g.medium'"): {"service/LaunchTemplate"},
    ("", "compute.volume_gib = 30"): {"service/LaunchTemplate"},
    ("", "compute.detailed_monitoring = true"): {"service/LaunchTemplate"},
    ("", "compute.key_name = 'hermes-production'"): {"foundation/ProductionOperator", "foundation/ProductionPlan", "foundation/ProductionRoll", "service/LaunchTemplate"},
    ("", "scaling.minimum = 2\nscaling.maximum = 6\nscaling.cpu_percent = 50"): {
        "service/AutoScalingGroup", "service/CpuPolicy", "foundation/ProductionRoll", "foundation/ProductionPlan", "foundation/ProductionOperator", "foundation/ProductionCloudformationService"},
    ("scaled", "scaling.minimum = 3"): {"service/AutoScalingGroup"},
    ("scaled", "scaling.maximum = 7"): {"service/AutoScalingGroup"},
    ("scaled", "scaling.cpu_percent = 60"): {"service/CpuPolicy"},
    ("scaled", "scaling.requests_per_target = 600"): {"service/RequestsPolicy"},
    ("scaled", "scaling.windows = {night = {begin = '22:00', end = '07:00', minimum = 2, maximum = 3}}"): {
        "service/SizeAt2200", "service/SizeAt0700", "foundation/ProductionCloudformationService"},
    ("by the hour", "scaling.time_zone = 'Europe/Madrid'"): {"service/SizeAt2200", "service/SizeAt0700"},
    ("", "service.tls_policy = 'ELBSecurityPolicy-TLS13-1-3-2021-06'"): {"service/HttpsListener"},
    ("", "service.deletion_protection = false"): {"service/LoadBalancer"},
    ("", "service.idle_timeout_s = 120"): {"service/LoadBalancer"},
    ("", "service.access_logs = true"): {
        "service/LoadBalancer", "service/AccessLogs", "service/AccessLogsPolicy", *SERVICE_ROLE},
    ("", "service.waf = true"): {
        "edge/WebAcl", "edge/WebAclArn", "edge/Firewall", "edge/LoadBalancerArn", "edge:wiring", *SERVICE_ROLE, "foundation/ProductionCloudformationEdge"},
    ("edged", "service.waf_requests_per_5_min = 500"): {"edge/WebAcl", "worldwide/WebAcl"},
    ("", "service.deregistration_delay_s = 60"): {"service/TargetGroup"},
    ("", "service.slow_start_s = 30"): {"service/TargetGroup"},
    ("", "ingress.hosts = ['api.example.com']"): {"certificate/Certificate"},
    ("zoned alias", "ingress.hosts = ['api.hermes.yourdomain.com']"): {"edge/RecordApiHermesYourdomainCom"},
    ("", "ingress.redirect_hosts = ['www.hermes.yourdomain.com']"): {
        "service/RedirectHosts1Rule", "foundation/ProductionCloudformationService"},
    ("", "ingress.certificates = ['arn:aws:acm:eu-south-2:123456789012:certificate/0f-1e']"): {
        "service/Certificate0f1e", "foundation/ProductionCloudformationService"},
    ("", "ingress.allowed_addresses = ['203.0.113.0/24']"): {"service/LoadBalancerSecurityGroup"},
    ("", "ingress.maintenance = true"): {
        "service/MaintenanceHealthRule", "service/MaintenancePageRule", "service/Maintenance", "service:wiring", "foundation/ProductionCloudformationService"},
    ("maintained", "ingress.maintenance_page = 'soon'"): {"service/MaintenancePageRule"},
    ("maintained", "ingress.maintenance_allows = ['203.0.113.7']"): {"service/MaintenanceAllowsRule"},
    ("signed in", "sign_in.paths = ['/staff']"): {"service/SignInRule"},
    ("signed in", "sign_in.issuer = 'https://other.example.com'"): {"service/SignInRule"},
    ("signed in", "sign_in.authorization_endpoint = 'https://other.example.com'"): {"service/SignInRule"},
    ("signed in", "sign_in.token_endpoint = 'https://other.example.com'"): {"service/SignInRule"},
    ("signed in", "sign_in.user_info_endpoint = 'https://other.example.com'"): {"service/SignInRule"},
    ("signed in", "sign_in.client_id = 'other'"): {"service/SignInRule"},
    ("signed in", "sign_in.secret_name = 'other'"): {"service/SignInRule", "foundation/ProductionCloudformationService"},
    ("signed in", "sign_in.scope = 'openid email'"): {"service/SignInRule"},
    ("signed in", "sign_in.session_s = 3600"): {"service/SignInRule"},
    ("", "build.context = 'app'"): set(),
    ("", "build.dockerfile = 'docker/Dockerfile'"): set(),
    ("", "build.target = 'runtime'"): set(),
    ("", "build.secrets = ['NPM_AUTH']"): set(),
    ("", "build.image = 'ghcr.io/me/shop:{tag}'"): set(),
    ("fetched", "build.registry_user = 'you'"): set(),
    ("fetched", "build.registry_password = 'OTHER'"): set(),
    ("", "service.stickiness = true"): {"service/TargetGroup"},
    ("", "service.health_interval_s = 20"): {"service/TargetGroup"},
    ("", "service.health_timeout_s = 4"): {"service/TargetGroup"},
    ("", "service.healthy_threshold = 3"): {"service/TargetGroup"},
    ("", "service.unhealthy_threshold = 3"): {"service/TargetGroup"},
    ("", "service.log_days = 60"): {"service/LogGroup"},
    ("", "service.cluster = true"): {
        *SCRIPTS, "service/InstanceRole", "foundation/ProductionOperator", *SERVICE_ROLE,
        *(f"service/Cluster{what}" for what in ("NamesIn", "NamesOut", "TrafficIn", "TrafficOut")),
        *(f"service/Cluster{what}" for what in ("Namespace", "Service", "Parameter")), "foundation/ProductionCloudformationEdge"},
    ("clustered", "service.cluster_port = 9200"): {*SCRIPTS, "service/ClusterTrafficIn", "service/ClusterTrafficOut"},
    ("", "certificate.domain = 'app.example.com'"): {"certificate/Certificate", "service/DiagnoseDocument"},
    ("", "certificate.wildcard = false"): {"certificate/Certificate"},
    ("zoned", "certificate.validation = 'route53'"): {"certificate/Certificate"},
    ("by route53", "certificate.hosted_zone_id = 'Z9999999999999'"): {"certificate/Certificate", "foundation/ProductionCloudformationEdge"},
    ("", "certificate.arn = 'arn:aws:acm:eu-south-2:123456789012:certificate/0f'"): {"certificate/Certificate", "certificate/CertificateArn", "certificate:wiring", "foundation/CloudformationRead", "foundation/ProductionCloudformationEdge", "service:wiring"},
    ("", "database.port = 6543"): {"service/AppSecurityGroup"},
    ("", "database.allow_list = false"): set(),
    ("", "database.addresses = ['ipv4', 'ipv6']"): set(),
    ("", "release.strategy = 'surge'"): set(),
    ("", "release.batch = 2"): {"service/AutoScalingGroup"},
    ("", "release.steady_s = 10"): DOCUMENTS,
    ("", "release.surge = 2"): {"service/AutoScalingGroup"},
    ("", "release.canary = 2"): set(),
    ("", "release.canary_s = 60"): {"service/DiagnoseDocument"},
    ("", "release.canary_requests = 100"): set(),
    ("", "release.minimum = 1"): set(),
    ("", "release.before_migrate = ['backup']"): set(),
    ("", "release.after_deploy = ['tell']"): set(),
    ("", "release.on_failure = ['tell']"): set(),
    ("", "release.hook_timeout_s = 60"): set(),
    ("", "release.canary_error_rate = 0.1"): set(),
    ("", "release.return_after_s = 1200"): SCRIPTS,
    ("", "release.healthy_timeout_s = 100"): set(),
    ("", "release.keep_images = 5"): set(),
    ("", "watch.enabled = true"): {
        "watch:wiring", *SERVICE_ROLE, "watch/Topic", "watch/TopicPolicy", "watch/AlarmTopic", "watch/FailedRollout",
        "watch/Dashboard", "watch/NatGatewayId", "watch/LoadBalancerFullName", "watch/TargetGroupFullName",
        "watch/CertificateArn",
        *(f"watch/{what}Alarm" for what in (
            "Certificate", "CpuCredits", "Disk", "ErrorRate", "Memory", "NatPorts", "Slow", "Standby", "Suspended", "UnhealthyHosts"))},
    ("watched", "watch.emails = ['ops@example.com']"): {"watch/Email1", *SERVICE_ROLE},
    ("watched", "watch.dashboard = false"): {"watch/Dashboard", *SERVICE_ROLE},
    ("watched", "watch.audit_trail = true"): {"watch/Trail", "watch/TrailBucket", "watch/TrailBucketPolicy", *SERVICE_ROLE},
    ("watched", "watch.error_rate_percent = 30"): {"watch/ErrorRateAlarm"},
    ("watched", "watch.p99_s = 30"): {"watch/SlowAlarm"},
    ("watched", "watch.cpu_credits = 30"): {"watch/CpuCreditsAlarm"},
    ("watched", "watch.memory_percent = 30"): {"watch/MemoryAlarm"},
    ("watched", "watch.disk_percent = 30"): {"watch/DiskAlarm"},
    ("watched", "watch.certificate_days = 30"): {"watch/CertificateAlarm"},
    ("watched", "watch.rollout_minutes = 30"): {"watch/StandbyAlarm", "watch/SuspendedAlarm"},
    ("", "edge.assets = true"): {"edge/Assets", "edge/AssetsBucket", "edge/AssetsPolicy", "edge:wiring", "foundation/CloudformationRead", "foundation/ProductionCloudformationService", "foundation/ProductionPlan", "foundation/ProductionRelease", "foundation/ProductionRoll"},
    ("zoned", "edge.dns = 'alias'"): {"edge/LoadBalancerDnsName", "edge/LoadBalancerZone", "edge/Record", "edge:wiring", "foundation/CloudformationRead", "foundation/ProductionPlan", "foundation/ProductionRoll"},
    ("edged", "edge.hosted_zone_id = 'Z9999999999999'"): {"edge/Record", "foundation/ProductionCloudformationEdge", "foundation/ProductionPlan", "foundation/ProductionRoll"},
    ("edged", "edge.weight = 1"): {"edge/Record"},
    ("edged", "worldwide.cloudfront = false\nworldwide.assets_domain = ''"): {"edge/AssetsPolicy", "edge/DistributionArn", "edge:wiring", "foundation/CloudformationRead", "foundation/ProductionCloudformationEdge", "foundation/ProductionRelease", "worldwide/AssetsAccess", "worldwide/AssetsCertificate", "worldwide/AssetsDomainName", "worldwide/AssetsErrorsAlarm", "worldwide/AssetsRecord", "worldwide/Distribution", "worldwide/DistributionArn", "worldwide/SecurityHeaders", "worldwide/Topic", "worldwide/TopicPolicy", "worldwide/WebAcl", "worldwide:wiring"},
    ("edged", "worldwide.assets_domain = 'cdn.example.com'"): {
        "worldwide/AssetsCertificate", "worldwide/AssetsRecord", "worldwide/Distribution"},
    ("edged", "worldwide.hosted_zone_id = 'Z9999999999999'"): {"foundation/ProductionCloudformationEdge", "foundation/ProductionPlan", "foundation/ProductionRoll", "worldwide/AssetsCertificate", "worldwide/AssetsRecord"},
    ("edged", "worldwide.price_class = 'PriceClass_All'"): {"worldwide/Distribution"},
    ("edged", "worldwide.waf = false"): {"worldwide/Distribution", "worldwide/WebAcl"},
    ("", "budget.ceiling_usd = 50"): {"foundation/CloudformationRead", "foundation/ProductionCloudformationService", "foundation/ProductionOperator", "foundation/ProductionPlan", "foundation/ProductionRoll", "worldwide/Budget", "worldwide/BudgetCeiling", "worldwide/BudgetEstimate", "worldwide/BudgetTagActive", "worldwide:wiring"},
    ("watched", "budget.ceiling_usd = 50"): {"worldwide:wiring"},
    ("watched", "budget.emails = []"): {"worldwide/Budget"},
    ("watched", "budget.by_tag = 'always'"): {"foundation/ProductionOperator", "foundation/ProductionPlan", "foundation/ProductionRoll", "worldwide/Budget", "worldwide/BudgetTagActive", "worldwide:wiring"},
    ("watched", "budget.by_tag = 'never'"): {"foundation/ProductionOperator", "foundation/ProductionPlan", "foundation/ProductionRoll", "worldwide/Budget", "worldwide/BudgetTagActive", "worldwide:wiring"},
}  # fmt: skip
"""(what is on already, the change) -> the parts that differ: ``stack/resource``, or the wiring of a stack."""


def changed(base, change):
    """``base`` with the lines of ``change`` in it."""
    sections = tomllib.loads(base)
    for section, values in tomllib.loads(change).items():
        sections.setdefault(section, {}).update(values)
    lines = [f"{section}.{key} = {inline(value)}" for section, keys in sections.items() for key, value in keys.items()]
    return "\n".join(lines)


def inline(value):
    """A value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)
