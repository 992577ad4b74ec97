"""The instances of the cloud: from what EC2 says exists to processes, and what they ask for."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import shlex
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from hermes_cfn.local.clients import OWN, Clients, Session
from hermes_cfn.local.fleet import awscli, registry, shims
from hermes_cfn.local.fleet.addresses import AddressBook, free_port
from hermes_cfn.local.fleet.host import Host
from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.options import Options
from hermes_cfn.local.wire import ACCOUNT

log = logging.getLogger("hermes.local")
PULL_S = 2.0
REGISTRY_TIMEOUT_S = 15.0
BOOT_S = 20.0
_GRAVITON = re.compile(r"^[a-z]+\d+[a-z]*g[a-z]*\.")
_REGISTRY = re.compile(r"(\d{12})\.dkr[.-]ecr\.([a-z0-9-]+)\.(?:amazonaws\.com|on\.aws)/(.+)")
Answer = dict[str, Any]


def architecture_of(instance_type: str) -> str:
    """``arm64`` for Graviton types (a ``g`` after the generation), else ``amd64``."""
    return "arm64" if _GRAVITON.match(instance_type) or instance_type.startswith("a1.") else "amd64"


@dataclass
class Instance:
    """A running instance; ``host`` is None where instances only exist in the books."""

    instance_id: str
    region: str
    zone: str
    private_ip: str
    instance_type: str
    address: str
    role_arn: str
    user_data: str
    host: Host | None = None
    ports: dict[int, int] = field(default_factory=dict)
    dead: bool = False
    booted: bool = False
    boot_status: int | None = None
    boot_output: str = ""


class Fleet:
    """Starts and ends instances; ``on_gone``, ``on_ended`` tell who wants to know."""

    def __init__(
        self, directory: Path, options: Options, clients: Clients, scheduler: Scheduler, fault: Callable[..., Any]
    ) -> None:
        self.directory = directory
        self.options = options
        self.clients = clients
        self.scheduler = scheduler
        self.instances: dict[str, Instance] = {}
        self.images = directory / "images"
        self.addresses = AddressBook(options.addresses)
        self.on_gone: Callable[[str], None] = lambda _instance: None
        self.on_pretended: Callable[[str], None] = lambda _instance: None
        self.on_command_ended: Callable[[str, Answer], None] = lambda _instance, _message: None
        self._fault = fault
        self._faults: Answer = {}
        self._shims = directory / "shims"
        self._lock = threading.Lock()
        self._credentials: dict[str, tuple[str, str, str]] = {}
        self._workers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="fleet")
        self.images.mkdir(parents=True, exist_ok=True)
        if options.processes:
            shims.write(self._shims, self.addresses.own_ports, options.speed, options.patience)

    def stop(self) -> None:
        """Ends every instance and gives back every address."""
        for instance in list(self.instances.values()):
            self.end(instance.instance_id)
        self.addresses.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def sync(self, region: str) -> None:
        """Starts and ends instances so that they match what EC2 says is running in ``region``."""
        seen = set()
        reservations = self.clients("ec2", region, OWN).describe_instances()["Reservations"]
        for described in (item for reservation in reservations for item in reservation["Instances"]):
            if described["State"]["Name"] == "running":
                seen.add(described["InstanceId"])
                if described["InstanceId"] not in self.instances:
                    self.begin(region, described, self._user_data(region, described["InstanceId"]))
        for instance in list(self.instances.values()):
            if instance.region == region and instance.instance_id not in seen:
                self.end(instance.instance_id)
                self.on_gone(instance.instance_id)

    def begin(self, region: str, described: Answer, user_data: str) -> Instance:
        """Boots an instance that EC2 has just started; ``described`` as DescribeInstances has it."""
        profile = described.get("IamInstanceProfile", {}).get("Arn", "")
        instance = Instance(
            instance_id=described["InstanceId"],
            region=region,
            zone=described["Placement"]["AvailabilityZone"],
            private_ip=described.get("PrivateIpAddress", ""),
            instance_type=described["InstanceType"],
            address=self.addresses.take() if self.options.processes else "127.0.0.1",
            role_arn=self._role_of(profile),
            user_data=user_data,
        )
        self.instances[instance.instance_id] = instance
        if self.options.processes:
            self._start_host(instance, described)
        self.scheduler.after(BOOT_S, lambda: self._boot(instance))
        return instance

    def _start_host(self, instance: Instance, described: Answer) -> None:
        clock = self.scheduler.clock
        configuration = {
            "instance_id": instance.instance_id,
            "address": instance.address,
            "own_ports": self.addresses.own_ports,
            "shims": str(self._shims),
            "architecture": architecture_of(instance.instance_type),
            "speed": clock.speed,
            "patience": clock.patience,
            "metadata": self._metadata(instance, described),
            "user_data": instance.user_data,
            "engine": _engine(self.options.engine),
            "hops": int(described.get("MetadataOptions", {}).get("HttpPutResponseHopLimit", 1)),
        }
        directory = self.directory / "instances" / instance.instance_id
        instance.host = Host(instance.instance_id, directory, configuration, self._event)
        self._write_faults(instance, self._faults)

    def _boot(self, instance: Instance) -> None:
        if instance.dead or self.instances.get(instance.instance_id) is not instance:
            return
        if instance.host is None or not instance.user_data:
            instance.booted, instance.boot_status = True, 0
            if instance.host is None:
                self.on_pretended(instance.instance_id)
        else:
            instance.host.order("user-data", text=instance.user_data)

    def end(self, instance_id: str) -> None:
        """The instance is terminated: nothing of it is left."""
        instance = self.instances.pop(instance_id, None)
        if instance is None:
            return
        instance.dead = True
        if instance.host is not None:
            instance.host.remove()
            self.addresses.give_back(instance.address)
        with self._lock:
            credentials = self._credentials.pop(instance_id, None)
        if credentials is not None:
            self.clients.forget(credentials[0])

    def kill(self, instance_id: str) -> None:
        """The instance dies, as of a power cut; EC2 has yet to notice."""
        instance = self.instances[instance_id]
        instance.dead = True
        if instance.host is not None:
            instance.host.kill()

    def reboot(self, instance_id: str) -> None:
        """The instance starts anew: what has a restart policy, or is enabled, comes back."""
        instance = self.instances.get(instance_id)
        if instance is not None and instance.host is not None and not instance.dead:
            instance.host.order("reboot")

    def application_faults(self, faults: Answer, instance_id: str = "") -> None:
        """What applications on ``instance_id`` find in their faults file.

        Without one all do, also those to come: what is given is added to what is on, and nothing ends all of it.
        """
        if not instance_id:
            self._faults = faults = {**self._faults, **faults} if faults else {}
        for instance in self.instances.values():
            if instance_id in ("", instance.instance_id):
                self._write_faults(instance, faults)

    def _write_faults(self, instance: Instance, faults: Answer) -> None:
        if instance.host is None:
            return
        path = instance.host.directory / "root" / "run" / "faults.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".new").write_text(json.dumps(faults))
        path.with_suffix(".new").replace(path)

    def endpoint(self, instance_id: str, port: int) -> tuple[str, int]:
        """Where the published ``port`` of an instance is really listened on."""
        instance = self.instances[instance_id]
        if not self.addresses.own_ports:
            return instance.address, port
        with self._lock:
            if port not in instance.ports:
                instance.ports[port] = free_port()
            return instance.address, instance.ports[port]

    def push(self, region: str, repository: str, tags: list[str], **build: Any) -> Answer:
        """Makes an image and puts it into ECR's ``repository``; its digest and URI."""
        _, manifest = registry.build(self.images, **build)
        ecr = self.clients("ecr", region, OWN)
        digest = ""
        for tag in tags:
            image = ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)["image"]
            digest = image["imageId"]["imageDigest"]
        uri = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{repository}"
        return {"digest": digest, "uri": uri, "reference": f"{uri}@{digest}"}

    def _event(self, instance_id: str, message: Answer) -> None:
        instance = self.instances.get(instance_id)
        if instance is None or instance.host is None:
            return
        match message["event"]:
            case "aws":
                self._workers.submit(self._answer, instance, message, self._aws)
            case "pull":
                self._workers.submit(self._answer, instance, message, self._pull)
            case "port":
                real = self.endpoint(instance_id, int(message["port"]))[1]
                instance.host.answer(message["question"], real=real)
            case "log":
                self._workers.submit(self._collect, instance, message)
            case "booted":
                instance.booted, instance.boot_status, instance.boot_output = True, message["status"], message["output"]
            case "ended":
                with self.scheduler.lock:
                    self.on_command_ended(instance_id, message)
            case "reboot":
                instance.host.order("reboot")
            case "poweroff":
                self.kill(instance_id)
                with self.scheduler.lock:
                    self.on_gone(instance_id)
            case "gone" if not instance.dead:
                log.warning("the agent of %s has ended", instance_id)
                instance.dead = True

    def _answer(self, instance: Instance, message: Answer, ask: Callable[[Instance, Answer], Answer]) -> None:
        try:
            answer = ask(instance, message)
        except Exception as problem:
            log.exception("question of %s", instance.instance_id)
            answer = {"refused": f"{type(problem).__name__}: {problem}"}
        if instance.host is not None:
            instance.host.answer(message["question"], **answer)

    def _aws(self, instance: Instance, message: Answer) -> Answer:
        if not instance.role_arn:
            return {"output": "", "errors": "Unable to locate credentials\n", "status": 253}
        try:
            key, _, token = self._credentials_of(instance)
        except ClientError:
            return {"output": "", "errors": "Unable to locate credentials\n", "status": 253}
        output, errors, status = awscli.run(
            message["arguments"],
            awscli.Input(message["given"], Path(message["directory"])),
            lambda service, region: self.clients(service, region, Session(key, token)),
            instance.region,
        )
        return {"output": output, "errors": errors, "status": status}

    def _pull(self, instance: Instance, message: Answer) -> Answer:
        repository = str(message["repository"])
        match = _REGISTRY.fullmatch(repository)
        if match is None:
            return {
                "refused": f"docker: the embedded cloud pulls from its own ECR only, not {repository}",
                "status": 64,
            }
        if not message["token"]:
            return {"refused": f"Error response from daemon: Head {repository}: no basic auth credentials"}
        problem = self._fault("registry", instance.instance_id)
        if problem:
            if "Timeout" in problem:
                self.scheduler.clock.sleep(REGISTRY_TIMEOUT_S)
            return {"refused": f"Error response from daemon: {problem}"}
        _, region, name = match.groups()
        wanted = {"imageDigest": message["digest"]} if message["digest"] else {"imageTag": message["tag"]}
        ecr = self.clients("ecr", region, OWN)
        found = ecr.batch_get_image(repositoryName=name, imageIds=[wanted])["images"]
        if not found:
            return {"refused": "Error response from daemon: manifest unknown: Requested image not found"}
        manifest, machine = json.loads(found[0]["imageManifest"]), architecture_of(instance.instance_type)
        if "manifests" in manifest:
            own = registry.of_index(manifest, machine)
            if own is None:
                what = f"no matching manifest for linux/{registry.GO_WORD.get(machine, machine)} in the manifest list entries"
                return {"refused": f"Error response from daemon: {what}"}
            parts = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": own}])["images"]
            manifest = json.loads(parts[0]["imageManifest"]) if parts else {}
        directory = registry.directory_of(self.images, manifest)
        if directory is None:
            return {"refused": "Error response from daemon: the embedded cloud has no content for this manifest"}
        self.scheduler.clock.sleep(PULL_S)
        return {"digest": found[0]["imageId"]["imageDigest"], "directory": str(directory)}

    def _collect(self, instance: Instance, message: Answer) -> None:
        logs = self.clients("logs", instance.region, OWN)
        group, stream = message["group"], message["stream"]
        now, clock = time.time(), self.scheduler.clock
        service = clock.now().timestamp()
        events = [
            {"timestamp": int(1000 * (service - (now - at / 1000) * clock.speed)), "message": text or " "}
            for at, text in message["lines"]
        ]
        for create, names in (
            (logs.create_log_group, {"logGroupName": group}),
            (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                create(**names)
        logs.put_log_events(
            logGroupName=group, logStreamName=stream, logEvents=sorted(events, key=lambda e: e["timestamp"])
        )

    def _credentials_of(self, instance: Instance) -> tuple[str, str, str]:
        with self._lock:
            known = self._credentials.get(instance.instance_id)
            if known is None:
                sts = self.clients("sts", instance.region, OWN)
                given = sts.assume_role(RoleArn=instance.role_arn, RoleSessionName=instance.instance_id)["Credentials"]
                known = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
                self._credentials[instance.instance_id] = known
            return known

    def _role_of(self, profile_arn: str) -> str:
        if not profile_arn:
            return ""
        name = profile_arn.rpartition("/")[2]
        profile = self.clients("iam", "us-east-1", OWN).get_instance_profile(InstanceProfileName=name)
        roles = profile["InstanceProfile"]["Roles"]
        return str(roles[0]["Arn"]) if roles else ""

    def _user_data(self, region: str, instance_id: str) -> str:
        ec2 = self.clients("ec2", region, OWN)
        found = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData").get("UserData", {})
        return base64.b64decode(found.get("Value", "")).decode()

    def _metadata(self, instance: Instance, described: Answer) -> Answer:
        name = described.get("PrivateDnsName", "")
        values: Answer = {
            "instance-id": instance.instance_id,
            "instance-type": instance.instance_type,
            "ami-id": described.get("ImageId", ""),
            "local-ipv4": instance.private_ip,
            "local-hostname": name,
            "hostname": name,
            "mac": (described.get("NetworkInterfaces") or [{}])[0].get("MacAddress", ""),
            "placement/availability-zone": instance.zone,
            "placement/region": instance.region,
            "services/domain": "amazonaws.com",
            "identity": {
                "accountId": ACCOUNT,
                "architecture": architecture_of(instance.instance_type),
                "availabilityZone": instance.zone,
                "imageId": described.get("ImageId", ""),
                "instanceId": instance.instance_id,
                "instanceType": instance.instance_type,
                "privateIp": instance.private_ip,
                "region": instance.region,
                "version": "2017-09-30",
            },
        }
        if instance.role_arn:
            role = instance.role_arn.rpartition("/")[2]
            values["iam/info"] = {"Code": "Success", "InstanceProfileArn": described["IamInstanceProfile"]["Arn"]}
            values[f"iam/security-credentials/{role}"] = self._credentials_document(instance)
        return values

    def _credentials_document(self, instance: Instance) -> Answer:
        """As the metadata service words it; a role that does not trust EC2 gives none (EC2 user guide, "Troubleshoot IAM roles")."""
        try:
            key, secret, token = self._credentials_of(instance)
        except ClientError as refused:
            return {"Code": "AssumeRoleUnauthorizedAccess", "Message": str(refused)}
        return {
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
            "Expiration": "2099-01-01T00:00:00Z",
        }  # fmt: skip


_ENGINE_VARIABLES = (
    "PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
)  # fmt: skip
"""What a container engine's client reads of its environment."""


def _engine(command: str) -> Answer | None:
    """How an agent asks the container engine; None without one."""
    if not command:
        return None
    return {
        "words": shlex.split(command),
        "environment": {name: os.environ[name] for name in _ENGINE_VARIABLES if name in os.environ},
    }
