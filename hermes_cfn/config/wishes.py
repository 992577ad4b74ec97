"""Keys that people write and that are not keys here: what to write instead, or what to use.

The words are those of Kamal, Fly.io, Copilot, Compose, Heroku, App Runner and Terraform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hermes_cfn.errors import Advice, hermes


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that people want to say.

    ``words`` are the keys by which they say it, in lower case with underscores.  ``setting`` is where it is said
    here (``section.key`` or a section); empty where it is not offered, which ``why`` says then.  ``instead`` is what
    to do.
    """

    words: tuple[str, ...]
    instead: str | Advice
    setting: str = ""
    why: str = ""

    @property
    def sentence(self) -> str | Advice:
        """Why it is not offered, where it is not, and what to do."""
        return f"{self.why}; " + self.instead if self.why else self.instead


def _said(setting: str, words: str, more: str | Advice = "") -> Wish:
    written = f"write {setting}" if "." in setting else f"write the section [{setting}]"
    return Wish(tuple(words.split()), f"{written} (" + more + ")" if more else written, setting)


def _missing(words: str, why: str, instead: str | Advice) -> Wish:
    return Wish(tuple(words.split()), instead, why=why)


WISHES: tuple[Wish, ...] = (
    _said("compute.count", "replicas instances desired_count desired_capacity instance_count num_instances"),
    _said(
        "scaling",
        "autoscaling auto_scaling autoscale scale auto_stop_machines",
        "minimum, maximum, and cpu_percent or requests_per_target",
    ),
    _said("scaling.minimum", "min min_size min_instances min_machines_running min_replicas min_capacity min_count"),
    _said("scaling.maximum", "max max_size max_instances max_replicas max_capacity max_count"),
    _said("scaling.cpu_percent", "cpu_target target_cpu cpu_percentage target_cpu_utilization average_cpu"),
    _said("scaling.requests_per_target", "requests target_requests request_count_per_target soft_limit", "a minute"),
    _missing(
        "queue_delay queue_length queue_target acceptable_latency msg_processing_time response_time",
        "scaling by a queue or by response times is not offered",
        "write scaling.cpu_percent or scaling.requests_per_target",
    ),
    _said("compute.instance_type", "instance machine machine_type vm vm_size size cpu cpus", "t4g.small, t3.small, …"),
    _said("compute.volume_gib", "disk disk_size disk_gib root_volume_size ephemeral_storage", "the size in GiB"),
    _said("application.memory_mib", "memory mem mem_limit memory_mb memory_limit", "MiB of the container"),
    _said("application.port", "http_port internal_port container_port app_port target_port listen_port"),
    _said(
        "application.health_path", "health healthcheck health_check healthcheck_path health_check_path health_url probe"
    ),
    _said("application.health_codes", "success_codes health_code matcher"),
    _said("application.migrate", "release_command migration migrations predeploy pre_deploy", "a list of words"),
    _said(
        "application.secrets",
        "secret_names secret_keys",
        "names only; " + hermes("secrets", "set", "NAME") + " keeps the value",
    ),
    _said("application.stop_timeout_s", "stop_grace_period kill_timeout drain_timeout stop_timeout", "seconds"),
    _said("application.stop_signal", "kill_signal stopsignal"),
    _said("application.start_timeout_s", "start_timeout boot_timeout deploy_timeout grace_period start_period"),
    _said("application.architecture", "arch platform platforms cpu_architecture", '"arm64" or "x86_64"'),
    _said("application.name", "app app_name application_name project", "the application's name"),
    _said("application.read_only", "readonly read_only_root_filesystem readonly_root"),
    _said("env", "environment_variables env_vars variables vars environ clear", 'NAME = "value"'),
    _said("account.id", "account_id aws_account_id"),
    _said("account.region", "region aws_region primary_region location"),
    _said("network.zones", "availability_zones azs availability_zone", "zones of account.region"),
    _said("network.cidr", "cidr_block vpc_cidr vpc_cidr_block ip_range"),
    _said("network.egress", "nat nat_gateway nat_gateways single_nat_gateway", '"nat-gateway", "nat-instance", …'),
    _said("certificate.domain", "domain domain_name host hostname fqdn", "wildcard = true covers the names below it"),
    _said("certificate.arn", "certificate_arn ssl_certificate acm_arn", "a certificate of your own"),
    _said("certificate", "ssl tls https cert"),
    _said("certificate.hosted_zone_id", "hosted_zone zone_id route53_zone_id", "edge.hosted_zone_id for the record"),
    _said("github.repository", "repo github_repository source_repository"),
    _said("github.branch", "deploy_branch git_branch"),
    _said("service.idle_timeout_s", "idle_timeout response_timeout request_timeout proxy_timeout"),
    _said("service.deregistration_delay_s", "deregistration_delay drain_delay draining"),
    _said("service.stickiness", "sticky sticky_sessions session_affinity"),
    _said("service.log_days", "log_retention retention retention_days log_retention_days logs logging"),
    _said("watch", "alarms monitoring observability alerts"),
    _said("worldwide.cloudfront", "cdn cloudfront_enabled"),
    _said("edge.assets", "static statics asset_path static_files"),
    _said("release.strategy", "deploy_strategy deployment rolling update_policy rollout"),
    _said("release.steady_s", "min_healthy_time min_ready_seconds stabilization_time", "seconds"),
    _said("release.canary", "canaries boot_limit"),
    _said(
        "processes",
        "worker workers background queue_worker sidekiq celery horizon",
        "[processes.worker] with its command",
    ),
    _said("container.command", "cmd args start_command run_command start", "a list of words; or CMD in the Dockerfile"),
    _said("container.entrypoint", "entry_point", "or ENTRYPOINT in the Dockerfile"),
    _said("container.user", "run_as uid", '"1000:1000"'),
    _said("container.ulimits", "ulimit nofile", 'nofile = "65536"'),
    _said("container.shm_mib", "shm_size shm", "MiB of /dev/shm"),
    _missing(
        "singleton singletons scheduler beat clock leader",
        "a process that runs on one instance at a time is not offered: each process runs on every instance",
        "let the processes agree on one by a lock in the database, or let a scheduler of your own call "
        + hermes("run", "--", "COMMAND"),
    ),
    _missing(
        "env_file env_files dotenv",
        "variables from a file are not offered",
        "write them in [env], and secrets by " + hermes("secrets", "set", "NAME"),
    ),
    _missing(
        "config_files files configs",
        "files of the checkout are not mounted",
        "COPY them in the Dockerfile, or give their content as a variable",
    ),
    _missing(
        "cron crons cronjob cronjobs schedule schedules scheduled job jobs timer timers tasks",
        "scheduled jobs are not offered",
        "let a scheduler of your own, such as GitHub Actions' `on: schedule`, call " + hermes("run", "--", "COMMAND"),
    ),
    _missing(
        "sidecar sidecars containers services accessories accessory init_containers nginx",
        "a container of another image is not offered",
        "[processes.NAME] runs further containers of the same image; use another deployment for another service",
    ),
    _missing(
        "volume volumes mount mounts efs persistent_volume persistence ebs nfs file_system",
        "volumes are not offered: the container keeps nothing between releases, and only /tmp can be written",
        "keep files in S3 and data in the database",
    ),
    _said(
        "extras",
        "bucket buckets s3 storage uploads object_storage",
        hermes("extras", "add", "bucket") + " writes one",
    ),
    _said(
        "extras",
        "queue queues sqs topic topics sns dynamodb",
        hermes("extras", "add", "queue") + ", or topic, writes one",
    ),
    _said("extras", "resources resource cloudformation addons custom_resources stacks", "and templates in extras/"),
    _said(
        "access",
        "iam policy policies iam_policies task_role task_role_arn role permissions grants",
        'read-write = ["extras.uploads"]',
    ),
    _missing(
        "instance_role role_arn",
        "a role of your own is not offered",
        "write the section [access], and the containers are handed a role with its grants",
    ),
    _said(
        "network.vpc_id",
        "vpc vpc_id vpcs existing_vpc vpc_name",
        "with public_subnets and private_subnets; without it a VPC is made",
    ),
    _said(
        "network.private_subnets",
        "subnet subnets subnet_ids private_subnets public_subnets placement",
        "and public_subnets, of network.vpc_id",
    ),
    _said(
        "ingress.listener_arn",
        "alb existing_alb load_balancer load_balancer_arn alb_arn listener_arns",
        "an existing HTTPS listener, with listener_priority",
    ),
    _said("environment.shares", "share shared share_with shared_environment", "another environment of this file"),
    _missing(
        "security_group security_groups security_group_ids",
        "groups of your own are not offered: one is made, outward as network.outbound says, inward from the load balancer",
        "let the other side admit that group, which " + hermes("outputs") + " and the console show",
    ),
    _said(
        "extras",
        "rds postgres postgresql",
        hermes("extras", "add", "postgres") + " writes one; or a database elsewhere",
    ),
    _missing(
        "mysql mariadb aurora db databases sqlite mongodb",
        "such a database is not written for you",
        "make it elsewhere and " + hermes("secrets", "set", "DATABASE_URL") + ", or write extras/NAME.template.yaml",
    ),
    _said(
        "extras",
        "redis valkey cache caches elasticache",
        hermes("extras", "add", "redis") + " writes one; for one that you have, network.outbound opens its port",
    ),
    _said(
        "network.outbound",
        "memcached rabbitmq kafka",
        "[5672] opens the port of one that you have; its address is a secret: " + hermes("secrets", "set", "NAME"),
    ),
    _said(
        "network.outbound",
        "smtp mail mailer email ses sendmail",
        "[587] opens the port of your mail provider; " + hermes("extras", "add", "mail") + ": Amazon SES over HTTPS",
    ),
    _said("extras", "search elasticsearch opensearch", (hermes("extras", "add", "search") + " writes one")),
    _said("network.outbound", "egress_port egress_ports outbound_ports allow_outbound outbound_rules", "[6379, 587]"),
    _missing(
        "ports open_ports inbound inbound_ports",
        "inward it is 443 (80 redirects), the container's is application.port",
        "outward they are network.outbound",
    ),
    _said(
        "ingress.hosts",
        "domains aliases hosts hostnames subject_alternative_names san custom_domains server_names",
        "names beside certificate.domain",
    ),
    _said(
        "ingress.redirect_hosts", "www apex www_redirect redirect_www", "names that are sent on to certificate.domain"
    ),
    _said("ingress.certificates", "extra_certificates ssl_certificates certificate_arns", "ARNs"),
    _said("ingress.headers", "headers header response_headers security_headers hsts cors"),
    _said(
        "routes",
        "redirect redirects rewrite rewrites route path paths rule rules listener listeners fixed_response",
        "[routes.NAME] with priority, paths, and redirect or answer",
    ),
    _said(
        "ingress.maintenance",
        "maintenance maintenance_page maintenance_mode error_page error_pages",
        "true; then " + hermes("maintenance", "on") + " and off",
    ),
    _said("sign_in", "oidc sign_on login authentication auth cognito sso", "paths, and what the OpenID provider tells"),
    _said(
        "ingress.allowed_addresses",
        "ip_allow_list allowed_ips whitelist allowlist allowed_cidrs",
        '["203.0.113.0/24"]; for some paths only: [routes.NAME] allowed_addresses',
    ),
    _missing(
        "basic_auth basicauth htpasswd",
        "a password at the load balancer is not offered by AWS",
        "write [sign_in], or let the application ask",
    ),
    _missing(
        "grpc http2 h2c protocol_version",
        "the container is asked over HTTP/1.1, with WebSockets",
        "visitors get HTTP/2 from the load balancer by itself",
    ),
    _missing(
        "tcp udp nlb network_load_balancer tcp_port udp_port",
        "the load balancer speaks HTTP and HTTPS only",
        "for another protocol put a Network Load Balancer of your own beside this deployment",
    ),
    _said("build.dockerfile", "dockerfile dockerfile_path docker_file"),
    _said("build.context", "context build_context docker_build_context"),
    _said("build.target", "target build_target stage"),
    _said("build.args", "build_args buildargs args_build", '{ NAME = "value" }'),
    _said("build.secrets", "build_secrets builder_secrets", "names of variables of the builder's environment"),
    _said("build.image", "image images docker_image", "of any registry, like ghcr.io/me/shop:{tag}"),
    _said("build.registry_user", "registry registry_username docker_username", "and build.registry_password"),
    _missing(
        "builder buildpacks buildpack nixpacks cache_from cache_to build_cache",
        "builders and build caches are not offered",
        "change the step Build of .github/workflows/cd.yml, and push what it makes",
    ),
    _missing(
        "tag",
        "the tag is not named in this file",
        hermes("image", "push", "TAG") + ", then " + hermes("deploy", "--image", "TAG"),
    ),
    _missing(
        "privileged cap_add docker_options docker log_driver log_options devices gpus gpu",
        "this option of docker is not offered",
        "[container] has those that are, docs/application.md what a container gets",
    ),
    _missing(
        "tags labels",
        "tags of your own are not offered",
        "what is made carries the application's and the environment's name",
    ),
    _missing(
        "ssh ssh_key bastion keypair key_pair vpn",
        "SSH is not offered",
        hermes("shell") + " opens a session through Systems Manager",
    ),
    _missing(
        "ecs eks fargate lambda kubernetes k8s spot app_runner",
        "it is not offered: the application runs on EC2 instances",
        "for containers without instances use Amazon ECS Express Mode",
    ),
)

BY_WORD: Mapping[str, Wish] = {word: wish for wish in WISHES for word in wish.words}


def of(key: str) -> Wish | None:
    """The wish that an unknown key tells, whatever its case and whether dashes or underscores; None for a typo."""
    word = key.lower().replace("-", "_")
    return next((BY_WORD[one] for one in (word, word.removesuffix("s"), word + "s") if one in BY_WORD), None)
