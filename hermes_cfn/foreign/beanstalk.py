"""Elastic Beanstalk: ``.ebextensions/*.config`` and ``Dockerrun.aws.json`` (developer guide, "Configuration options")."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.config.compute import Compute
from hermes_cfn.errors import HermesError
from hermes_cfn.foreign import ecs, files, values
from hermes_cfn.foreign.model import Home, Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, to, walk, wish
from hermes_cfn.foreign.values import Unfit

TOOL = "Elastic Beanstalk"
RUN_FILE = "Dockerrun.aws.json"
FOLDER = ".ebextensions"


def _migrate(page: Page, path: str, value: Any) -> None:
    """Commands on the instance: one that migrates is the migration, the others are not taken."""
    for name, told in value.items() if isinstance(value, Mapping) else ():
        here = f"{path}.{name}"
        command = told.get("command") if isinstance(told, Mapping) else None
        text = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
        if "migrate" in text:
            to("application.migrate", values.words)(page, here, command)
        else:
            page.leave(
                here, "commands on the instance are not offered", "RUN in the Dockerfile, or application.migrate"
            )


def _types(page: Page, path: str, value: Any) -> None:
    first = str(value).split(",")[0].strip()
    page.take(path, "compute.instance_type", first)


def _minimum(page: Page, path: str, value: Any) -> None:
    to("compute.count", values.whole)(page, path, value)


OPTIONS: Table = {
    "aws:elasticbeanstalk:application:environment.*": lambda page, path, value: page.variable(
        path, path.rpartition(".")[2], value
    ),
    "aws:elasticbeanstalk:application.Application Healthcheck URL": to("application.health_path", values.path),
    "aws:autoscaling:launchconfiguration.InstanceType": _types,
    "aws:autoscaling:launchconfiguration.RootVolumeSize": to("compute.volume_gib", values.whole),
    "aws:autoscaling:launchconfiguration.EC2KeyName": wish("ssh_key"),
    "aws:autoscaling:launchconfiguration.IamInstanceProfile": wish("iam"),
    "aws:autoscaling:launchconfiguration.SecurityGroups": wish("security_groups"),
    "aws:ec2:instances.InstanceTypes": _types,
    "aws:ec2:instances.SupportedArchitectures": to("application.architecture", values.architecture),
    "aws:autoscaling:asg.MinSize": _minimum,
    "aws:autoscaling:asg.MaxSize": wish("max_size"),
    "aws:autoscaling:trigger.*": wish("autoscaling"),
    "aws:elasticbeanstalk:environment:process:default.Port": to("application.port", values.port),
    "aws:elasticbeanstalk:environment:process:default.HealthCheckPath": to("application.health_path", values.path),
    "aws:elasticbeanstalk:environment:process:default.HealthCheckInterval": to(
        "service.health_interval_s", values.whole
    ),
    "aws:elasticbeanstalk:environment:process:default.HealthCheckTimeout": to("service.health_timeout_s", values.whole),
    "aws:elasticbeanstalk:environment:process:default.HealthyThresholdCount": to(
        "service.healthy_threshold", values.whole
    ),
    "aws:elasticbeanstalk:environment:process:default.UnhealthyThresholdCount": to(
        "service.unhealthy_threshold", values.whole
    ),
    "aws:elasticbeanstalk:environment:process:default.MatcherHTTPCode": to("application.health_codes", values.codes),
    "aws:elasticbeanstalk:environment:process:default.DeregistrationDelay": to(
        "service.deregistration_delay_s", values.whole
    ),
    "aws:elasticbeanstalk:environment:process:default.StickinessEnabled": to("service.stickiness", values.switch),
    "aws:elasticbeanstalk:environment:process:default.*": needless,
    "aws:elbv2:listener:443.SSLCertificateArns": to("certificate.arn", values.text),
    "aws:elbv2:listener:443.SSLPolicy": to("service.tls_policy", values.text),
    "aws:elbv2:listener:443.*": needless,
    "aws:elbv2:listener:default.*": needless,
    "aws:elbv2:loadbalancer.IdleTimeout": to("service.idle_timeout_s", values.whole),
    "aws:elbv2:loadbalancer.AccessLogsS3Enabled": to("service.access_logs", values.switch),
    "aws:elb:policies.ConnectionSettingIdleTimeout": to("service.idle_timeout_s", values.whole),
    "aws:elasticbeanstalk:cloudwatch:logs.RetentionInDays": to("service.log_days", values.whole),
    "aws:elasticbeanstalk:cloudwatch:logs.*": needless,
    "aws:elasticbeanstalk:command.BatchSize": to("release.batch", values.whole),
    "aws:elbv2:listener:*.*": because("there are two listeners: 443, and 80 that leads to it"),
    "aws:elasticbeanstalk:environment:process:*.*": because("there is one target group, of the application"),
    "aws:elasticbeanstalk:command.*": because("the rollout has words of its own", "release.strategy and release.batch"),
    "aws:elasticbeanstalk:environment.*": needless,
    "aws:elasticbeanstalk:healthreporting:system.*": needless,
    "aws:elasticbeanstalk:managedactions.*": because("platform updates are", "hermes-cfn machine-image update"),
    "aws:elasticbeanstalk:managedactions:platformupdate.*": needless,
    "aws:elasticbeanstalk:xray.*": because("tracing is not offered", "[watch]"),
    "aws:elasticbeanstalk:container:*.*": because("an image is deployed, no platform", "a Dockerfile"),
    "aws:elasticbeanstalk:environment:proxy:staticfiles.*": because("static files come from a bucket", "edge.assets"),
    "aws:elasticbeanstalk:environment:proxy.*": because("there is no proxy on the instance", "the load balancer"),
    "aws:elasticbeanstalk:sns:topics.*": wish("alarms"),
    "aws:autoscaling:updatepolicy:rollingupdate.*": because("the rollout has words of its own", "release.batch"),
    "aws:ec2:vpc.*": wish("vpc"),
    "aws:rds:dbinstance.*": wish("rds"),
    "aws:elasticbeanstalk:sqsd.*": wish("worker"),
}
CONFIG: Table = {
    "container_commands": _migrate,
    "commands": because("commands on the instance are not offered", "RUN in the Dockerfile"),
    "packages": because("an image is deployed, no source", "RUN in the Dockerfile"),
    "files": because("files on the instance are not offered", "COPY in the Dockerfile"),
    "sources": because("files on the instance are not offered", "COPY in the Dockerfile"),
    "services": because("services of the instance are not offered"),
    "users": because("users of the instance are not offered"),
    "groups": because("users of the instance are not offered"),
    "Outputs": needless,
    "Parameters": needless,
    "Mappings": needless,
    "Conditions": needless,
}
RUN: Table = {
    "AWSEBDockerrunVersion": needless,
    "Image": wish("image"),
    "Authentication": because("the image is in a registry of this deployment", "hermes-cfn image push TAG"),
    "Ports": lambda page, path, value: to("application.port", values.port)(page, path, _first_port(value)),
    "Volumes": wish("volume"),
    "volumes": wish("volume"),
    "Logging": because("what the container prints goes to CloudWatch Logs", "service.log_days"),
    "Entrypoint": wish("command"),
    "Command": wish("command"),
    "containerDefinitions": needless,
    "family": needless,
    "executionRoleArn": needless,
}


def _first_port(value: Any) -> Any:
    rows = value if isinstance(value, list) else [value]
    first = rows[0] if rows else None
    told = {str(key).lower(): one for key, one in first.items()} if isinstance(first, Mapping) else {}
    return told.get("containerport")


def fits_config(document: Any) -> bool:
    """Whether a document is one of ``.ebextensions``."""
    told = {
        "option_settings",
        "container_commands",
        "commands",
        "packages",
        "files",
        "Resources",
        "sources",
        "services",
    }
    return isinstance(document, Mapping) and bool(document) and set(document) <= told | set(CONFIG)


def fits(document: Any) -> bool:
    """Whether JSON is a Dockerrun file."""
    return isinstance(document, Mapping) and "AWSEBDockerrunVersion" in document


def settings(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Namespace, option and value, of both ways of writing ``option_settings``."""
    if isinstance(value, Mapping):
        for space, rows in value.items():
            for name, one in rows.items() if isinstance(rows, Mapping) else ():
                yield str(space), str(name), one
    for row in value if isinstance(value, list) else ():
        if isinstance(row, Mapping) and "option_name" in row:
            space = row.get("namespace", "aws:elasticbeanstalk:application:environment")
            yield str(space), str(row["option_name"]), row.get("value")


def read(run_file: Path | None, configs: Iterable[Path], folder: Path | None = None) -> Reading:
    """Of a Dockerrun file and the files of ``.ebextensions``, which are one application.  Raises HermesError."""
    page = Page(RUN_FILE)
    shown = [RUN_FILE] if run_file else []
    if run_file:
        document = files.mapping(run_file, files.as_json(run_file, files.text(run_file)))
        walk(RUN, document, page)
        if "containerDefinitions" in document:
            ecs.containers(page, document["containerDefinitions"], "containerDefinitions", run_file)
    for path in configs:
        page.file = f"{FOLDER}/{path.name}"
        shown.append(page.file)
        try:
            _config(page, files.mapping(path, files.as_yaml(path, files.text(path))))
        except HermesError as error:
            page.leave("", error.findings[0].what, str(error.findings[0].next))
    if folder is not None:
        page.file = "the folder"
        with contextlib.suppress(Unfit):
            page.take("", "application.name", values.name(folder.resolve().name))
    told = next((one for one in page.taken if one.key == "instance_type"), None)
    if told is not None:
        machine = Compute(instance_type=told.value).architecture
        page.otherwise("application.architecture", machine, f"{told.value} is {machine}")
    return page.reading(TOOL, shown, _home(page))


def _config(page: Page, document: Mapping[Any, Any]) -> None:
    for space, option, value in settings(document.get("option_settings")):
        if value is not None and value != "":
            walk(OPTIONS, {space: {option: value}}, page)
    rest = {key: one for key, one in document.items() if key not in ("option_settings", "Resources")}
    walk(CONFIG, rest, page)
    resources = document.get("Resources")
    for name, one in resources.items() if isinstance(resources, Mapping) else ():
        told = str(one.get("Type", "")) if isinstance(one, Mapping) else ""
        page.leave(f"Resources.{name}", f"{told or 'it'} is not made here", "a stack of your own beside this one")


def _home(page: Page) -> Home | None:
    """Instances behind a load balancer, where the files say the type."""
    told = next((one.value for one in page.taken if one.key == "instance_type"), None)
    if told is None:
        return None
    count = next((one.value for one in page.taken if one.key == "count"), 1)
    machine = {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": told}}
    resources: dict[str, Any] = {f"Instance{number}": machine for number in range(count)}
    resources["Balancer"] = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "application"}}
    return Home(f"{count} x {told}, a load balancer", "", resources)
