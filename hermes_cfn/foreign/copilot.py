"""AWS Copilot's ``manifest.yml`` (aws.github.io/copilot-cli, "Manifest"), and the addons beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign import apprunner, ecs, files, machines, values
from hermes_cfn.foreign.model import Home, Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, secret_names, to, variables, walk, wish
from hermes_cfn.foreign.values import Unfit

TOOL = "AWS Copilot"
BALANCED, REQUESTS, BACKEND = "Load Balanced Web Service", "Request-Driven Web Service", "Backend Service"
SERVICES = (BALANCED, REQUESTS, BACKEND)
OTHERS: Mapping[str, str] = {
    "Worker Service": "worker",
    "Scheduled Job": "cron",
    "Static Site": "static",
    "Environment": "environments",
    "Pipeline": "github",
}
"""Kinds that are no application which answers requests, and the wish that each is."""


def _http(page: Page, path: str, value: Any) -> None:
    if isinstance(value, Mapping):
        walk(HTTP, value, page, path)


def _health(page: Page, path: str, value: Any) -> None:
    if isinstance(value, Mapping):
        walk(HEALTH, value, page, path)
    else:
        to("application.health_path", values.path)(page, path, value)


def _alias(page: Page, path: str, value: Any) -> None:
    rows = value if isinstance(value, list) else str(value).split(",")
    names = [one.get("name") if isinstance(one, Mapping) else one for one in rows]
    if names:
        to("certificate.domain", values.domain)(page, path, names[0])
    if len(names) > 1:
        page.wish(f"{path}, all but the first", "aliases")


def _count(page: Page, path: str, value: Any) -> None:
    """A number, or a range as ``1-10``, with what scales."""
    if not isinstance(value, Mapping):
        to("compute.count", values.whole)(page, path, value)
        return
    told = value.get("range")
    low = told.get("min") if isinstance(told, Mapping) else str(told or "").partition("-")[0]
    if low:
        to("compute.count", values.whole)(page, f"{path}.range", low)
    page.wish(path, "autoscaling")


def _environments(page: Page, path: str, value: Any) -> None:
    for name in value if isinstance(value, Mapping) else ():
        page.leave(f"{path}.{name}", "what differs in an environment is not taken", f"[environments.{name}]")


HEALTH: Table = {
    "path": to("application.health_path", values.path),
    "success_codes": to("application.health_codes", values.codes),
    "healthy_threshold": to("service.healthy_threshold", values.whole),
    "unhealthy_threshold": to("service.unhealthy_threshold", values.whole),
    "interval": to("service.health_interval_s", values.seconds),
    "timeout": to("service.health_timeout_s", values.seconds),
    "grace_period": to("application.start_timeout_s", lambda value: max(30, values.seconds(value))),
    "port": because("the application's port is asked", "application.port"),
}
HTTP: Table = {
    "path": lambda page, path, value: page.wish(path, "paths") if value not in ("/", "") else None,
    "alias": _alias,
    "healthcheck": _health,
    "hosted_zone": to("edge.hosted_zone_id", values.text),
    "stickiness": to("service.stickiness", values.switch),
    "deregistration_delay": to("service.deregistration_delay_s", values.seconds),
    "allowed_source_ips": wish("allowed_ips"),
    "auth": wish("auth"),
    "redirect_to_https": needless,
    "version": needless,
    "target_container": needless,
    "target_port": to("application.port", values.port),
    "targetContainer": needless,
    "additional_rules": wish("rules"),
    "private": because("a service without a public address is not offered"),
    "alb": because("a load balancer that is there already is not taken"),
}
TABLE: Table = {
    "name": to("application.name", values.name),
    "type": needless,
    "image.port": to("application.port", values.port),
    "image.build": wish("build"),
    "image.location": wish("image"),
    "image.healthcheck": needless,
    "image": needless,
    "http": _http,
    "nlb": because("a network load balancer is not offered"),
    "cpu": needless,
    "memory": needless,
    "platform": lambda page, path, value: to("application.architecture", values.architecture)(
        page, path, value.get("architecture") if isinstance(value, Mapping) else value
    ),
    "count": _count,
    "exec": because("it is always so", "hermes-cfn shell, run"),
    "network": wish("vpc"),
    "variables": variables,
    "secrets": secret_names,
    "env_file": because("files of variables are not read", "lines of [env]; hermes-cfn secrets set NAME"),
    "storage.readonly_fs": to("application.read_only", values.switch),
    "storage.ephemeral": to("compute.volume_gib", values.whole),
    "storage": wish("volume"),
    "publish": because("topics are not offered", "Amazon SNS, made beside this"),
    "subscribe": because("queues are not offered", "Amazon SQS, made beside this"),
    "sidecars": wish("sidecars"),
    "logging.retention": to("service.log_days", values.whole),
    "logging": wish("log_driver"),
    "observability": because("tracing is not offered", "[watch]"),
    "taskdef_overrides": because("there is no task definition here"),
    "command": wish("command"),
    "entrypoint": wish("command"),
    "deployment": because("the rollout has words of its own", "release.strategy and release.batch"),
    "environments": _environments,
    "instance_role": wish("instance_role"),
    "on": wish("cron"),
    "start_on_creation": needless,
}


def kind(document: Any) -> str:
    """Copilot's word for what a manifest describes; empty where it is none."""
    told = document.get("type") if isinstance(document, Mapping) else None
    return told if isinstance(told, str) and (told in SERVICES or told in OTHERS) else ""


def fits(document: Any) -> bool:
    """Whether a document is a manifest of Copilot's."""
    return bool(kind(document))


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told.  Raises HermesError ``from-no-web``."""
    document = files.mapping(path, files.as_yaml(path, said))
    told = kind(document)
    page = Page(shown, made_by="it comes from a variable that is not set here")
    if told in OTHERS:
        raise HermesError(
            Finding(
                "from-no-web",
                str(path),
                f"it is a {told}, and one application that answers requests is what is deployed here",
                next="name the manifest of a web service, or the folder copilot",
            ),
            exit_code=ExitCode.REFUSED,
        )
    if told == BACKEND:
        page.leave("type", "a service without a public address is not offered: its load balancer is public here")
    walk(TABLE, document, page)
    for one in sorted(path.parent.glob("addons/*.y*ml")):
        addon(page, one)
    page.otherwise("application.architecture", "x86_64", "services are x86_64 unless platform says so")
    return page.reading(TOOL, [shown], _home(page, document, told))


def addon(page: Page, path: Path) -> None:
    """What an addon's template makes, each as the nearest thing here; a template that cannot be read is said."""
    name = f"addons/{path.name}"
    try:
        document = files.as_yaml(path, files.text(path))
    except HermesError as error:
        page.leave(name, error.findings[0].what)
        return
    resources = document.get("Resources") if isinstance(document, Mapping) else None
    for key, one in resources.items() if isinstance(resources, Mapping) else ():
        told = str(one.get("Type", "")) if isinstance(one, Mapping) else ""
        wished = next((word for start, word in ADDONS if told.startswith(start) and told not in BESIDE), "")
        if wished:
            page.wish(f"{name} {key}", wished)
        elif told not in BESIDE:
            page.leave(f"{name} {key}", f"{told or 'it'} is not made here", "a stack of your own beside this one")


ADDONS = (
    ("AWS::RDS::", "rds"),
    ("AWS::S3::", "bucket"),
    ("AWS::ElastiCache::", "redis"),
    ("AWS::IAM::", "iam_policies"),
    ("AWS::EFS::", "efs"),
    ("AWS::SES::", "ses"),
)
BESIDE = frozenset({"AWS::RDS::DBSubnetGroup", "AWS::EC2::SecurityGroup", "AWS::SecretsManager::Secret"})
"""Types that only serve another one of the same template."""


def _home(page: Page, document: Mapping[str, Any], told: str) -> Home | None:
    try:
        cpu, memory = values.whole(document.get("cpu", 256)), values.whole(document.get("memory", 512))
    except Unfit:
        return None
    machines.choose(page, "cpu, memory", cpu / 1024, memory)
    count = next((one.value for one in page.taken if one.key == "count"), 1)
    if told == REQUESTS:
        return apprunner.service(cpu / 1024, memory / 1024, f"App Runner, {cpu / 1024:g} vCPU and {memory / 1024:g} GB")
    arm = any(one.key == "architecture" and one.value == "arm64" for one in page.taken)
    return ecs.fargate(cpu, memory, count, arm, balancer=told == BALANCED)
