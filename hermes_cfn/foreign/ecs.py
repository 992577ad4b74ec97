"""ECS: the JSON of a task definition (RegisterTaskDefinition), and of an Express service (CreateExpressGatewayService)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_cfn.errors import ExitCode, Finding, HermesError
from hermes_cfn.foreign import files, machines, values
from hermes_cfn.foreign.kamal import backing
from hermes_cfn.foreign.model import Home, Reading
from hermes_cfn.foreign.table import Page, Table, because, needless, secret_names, to, variables, walk, wish
from hermes_cfn.foreign.values import Unfit

TOOL = "Amazon ECS"
EXPRESS = "Amazon ECS Express Mode"
NAMES = ("task-definition.json", "taskdef.json", "ecs-task-definition.json", ".aws/task-definition.json")


def _port(page: Page, path: str, value: Any) -> None:
    rows = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    if rows:
        to("application.port", values.port)(page, path, rows[0].get("containerPort"))
    if len(rows) > 1:
        page.wish(f"{path}, all but the first", "ports")


CONTAINER: Table = {
    "name": needless,
    "image": wish("image"),
    "portMappings": _port,
    "containerPort": to("application.port", values.port),
    "environment": variables,
    "secrets": secret_names,
    "environmentFiles": because("files of variables are not read", "lines of [env]; hermes-cfn secrets set NAME"),
    "command": wish("command"),
    "entryPoint": wish("command"),
    "healthCheck.command": to("application.health_path", values.checked_path),
    "healthCheck.startPeriod": to("application.start_timeout_s", lambda value: max(30, values.seconds(value))),
    "healthCheck": needless,
    "stopTimeout": to("application.stop_timeout_s", values.seconds),
    "startTimeout": to("application.start_timeout_s", values.seconds),
    "readonlyRootFilesystem": to("application.read_only", values.switch),
    "essential": needless,
    "cpu": needless,
    "memory": needless,
    "memoryReservation": needless,
    "logConfiguration": because("what the container prints goes to CloudWatch Logs", "service.log_days"),
    "awsLogsConfiguration": because("what the container prints goes to CloudWatch Logs", "service.log_days"),
    "mountPoints": wish("volume"),
    "volumesFrom": wish("volume"),
    "dockerLabels": wish("labels"),
    "linuxParameters": wish("docker_options"),
    "ulimits": wish("ulimits"),
    "user": wish("user"),
    "repositoryCredentials": because("the image is in a registry of this deployment", "hermes-cfn image push TAG"),
    "dependsOn": needless,
    "links": needless,
    "hostname": needless,
    "interactive": needless,
    "pseudoTerminal": needless,
    "systemControls": wish("docker_options"),
    "resourceRequirements": wish("gpus"),
    "workingDirectory": because("it is the image's", "WORKDIR in the Dockerfile"),
    "privileged": wish("privileged"),
}
TASK: Table = {
    "family": to("application.name", values.name),
    "containerDefinitions": needless,
    "cpu": needless,
    "memory": needless,
    "networkMode": needless,
    "requiresCompatibilities": needless,
    "executionRoleArn": needless,
    "taskRoleArn": wish("task_role_arn"),
    "volumes": wish("volume"),
    "runtimePlatform.cpuArchitecture": to("application.architecture", values.architecture),
    "runtimePlatform": needless,
    "ephemeralStorage.sizeInGiB": to("compute.volume_gib", values.whole),
    "tags": wish("tags"),
    "taskDefinitionArn": needless,
    "revision": needless,
    "status": needless,
    "requiresAttributes": needless,
    "compatibilities": needless,
    "registeredAt": needless,
    "registeredBy": needless,
    "deregisteredAt": needless,
    "inferenceAccelerators": needless,
    "placementConstraints": needless,
    "proxyConfiguration": because("App Mesh is not offered"),
    "pidMode": needless,
    "ipcMode": needless,
    "enableFaultInjection": needless,
}
EXPRESS_SERVICE: Table = {
    "serviceName": to("application.name", values.name),
    "primaryContainer": needless,
    "healthCheckPath": to("application.health_path", values.path),
    "scalingTarget.minTaskCount": to("compute.count", values.whole),
    "scalingTarget": wish("autoscaling"),
    "networkConfiguration": wish("vpc"),
    "executionRoleArn": needless,
    "infrastructureRoleArn": needless,
    "taskRoleArn": wish("task_role_arn"),
    "tags": wish("tags"),
    "cluster": needless,
    "cpu": needless,
    "memory": needless,
}


def fits(document: Any) -> bool:
    """Whether JSON is a task definition or an Express service, in the API's words or in CloudFormation's."""
    told = _bare(document)
    return isinstance(told.get("containerDefinitions"), list) or isinstance(told.get("primaryContainer"), Mapping)


def _bare(document: Any) -> Mapping[str, Any]:
    """Out of ``taskDefinition`` (DescribeTaskDefinition) and with the API's small first letters."""
    if not isinstance(document, Mapping):
        return {}
    inner = document.get("taskDefinition", document.get("TaskDefinition", document))
    small: Any = _small(inner if isinstance(inner, Mapping) else document)
    return small if isinstance(small, Mapping) else {}


def _small(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping) and name not in ("dockerLabels", "options"):
        named = ((str(key)[:1].lower() + str(key)[1:], one) for key, one in value.items())
        return {key: _small(one, key) for key, one in named}
    if isinstance(value, list):
        return [_small(one) for one in value]
    return value


def read(path: Path, said: str, shown: str) -> Reading:
    """``shown`` is the file's name as it is told.  Raises HermesError ``from-no-web``."""
    document = _bare(files.as_json(path, said))
    page = Page(shown)
    if isinstance(document.get("primaryContainer"), Mapping):
        walk(EXPRESS_SERVICE, document, page)
        walk(CONTAINER, document["primaryContainer"], page, "primaryContainer")
        tool = EXPRESS
    else:
        walk(TASK, document, page)
        containers(page, document.get("containerDefinitions"), "containerDefinitions", path)
        tool = TOOL
    page.otherwise("application.architecture", "x86_64", "tasks are x86_64 unless runtimePlatform says so")
    home = _home(page, document)
    return page.reading(tool, [shown], home)


def containers(page: Page, rows: Any, above: str, path: Path) -> None:
    """The container that has ports, and the others as what they are.  Raises HermesError ``from-no-web``."""
    told = [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list) else []
    own = [one for one in told if not backing(str(one.get("image", "")))] or (told if len(told) == 1 else [])
    served = [one for one in own if one.get("portMappings")] or own[:1]
    if not served:
        raise HermesError(
            Finding(
                "from-no-web",
                str(path),
                "no container of it has ports and is an application",
                why="one application that answers requests is what is deployed here",
                next="name the definition of the service that answers requests",
            ),
            exit_code=ExitCode.REFUSED,
        )
    for number, one in enumerate(told):
        if one is served[0]:
            walk(CONTAINER, one, page, f"{above}[{number}]")
        else:
            page.wish(f"{above}[{number}]", backing(str(one.get("image", ""))) or "sidecar")


def _home(page: Page, document: Mapping[str, Any]) -> Home | None:
    """Tasks on Fargate as they are billed; on instances of one's own the definition does not say what they cost."""
    express = "primaryContainer" in document
    cpu, memory = _cpu(document.get("cpu", "1024" if express else None)), _memory(document.get("memory"))
    if express and not memory:
        memory = 2048
    if memory:
        machines.choose(page, "cpu, memory", cpu / 1024, memory)
    if not cpu or not memory or "FARGATE" not in (document.get("requiresCompatibilities") or ["FARGATE"]):
        return None
    count = next((one.value for one in page.taken if one.key == "count"), 1)
    arm = any(one.key == "architecture" and one.value == "arm64" for one in page.taken)
    return fargate(cpu, memory, count, arm)


def _cpu(value: Any) -> float:
    """CPU units: a number of them, or like ``1 vCPU`` and ``.5 vcpu``."""
    try:
        said = values.text(value).lower() if value is not None else ""
        return float(said.removesuffix("vcpu").strip()) * 1024 if said.endswith("vcpu") else float(said or 0)
    except (Unfit, ValueError):
        return 0


def _memory(value: Any) -> int:
    try:
        return values.mib(value) if value is not None else 0
    except Unfit:
        return 0


def fargate(cpu: float, memory_mib: int, count: int, arm: bool, region: str = "", balancer: bool = True) -> Home:
    """``count`` tasks of ``cpu`` units on Fargate behind a load balancer, as CloudFormation says it."""
    resources: dict[str, Any] = {
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Cpu": str(int(cpu)),
                "Memory": str(memory_mib),
                "RequiresCompatibilities": ["FARGATE"],
                "RuntimePlatform": {"CpuArchitecture": "ARM64" if arm else "X86_64", "OperatingSystemFamily": "LINUX"},
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {"LaunchType": "FARGATE", "DesiredCount": count, "TaskDefinition": {"Ref": "Task"}},
        },
    }
    if balancer:
        resources["Balancer"] = {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Type": "application"},
        }
    words = f"{count} x Fargate {cpu / 1024:g} vCPU, {memory_mib} MiB{', a load balancer' if balancer else ''}"
    return Home(words, region, resources)
