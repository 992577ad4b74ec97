"""The cloud itself: its clock, its services, its fleet, and who answers which request."""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hermes_cfn.local import wire
from hermes_cfn.local.authentication import authenticate
from hermes_cfn.local.clients import OWN, Clients
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.consistency import Consistency
from hermes_cfn.local.controls import Controls
from hermes_cfn.local.faults import Faults, refusal_of, region_off
from hermes_cfn.local.fleet.external import Database
from hermes_cfn.local.fleet.fleet import Fleet
from hermes_cfn.local.fleet.scheduler import Scheduler
from hermes_cfn.local.identities import Identities
from hermes_cfn.local.keyring import Keyring
from hermes_cfn.local.misfits import beneath, failure
from hermes_cfn.local.moto_side import MOTO_PATHS, MotoSide
from hermes_cfn.local.options import INTERNAL, Options
from hermes_cfn.local.owner import Owner
from hermes_cfn.local.services.authorisation import Authorisation, rest_operation
from hermes_cfn.local.services.autoscaling.engine import Engine
from hermes_cfn.local.services.autoscaling.launching import Launching
from hermes_cfn.local.services.autoscaling.service import AutoScaling
from hermes_cfn.local.services.autoscaling.tracking import Tracking
from hermes_cfn.local.services.billing import CostTags
from hermes_cfn.local.services.commands import Commands
from hermes_cfn.local.services.elbv2.service import LoadBalancing
from hermes_cfn.local.services.elbv2.traffic import Traffic
from hermes_cfn.local.services.expiry import Expiry
from hermes_cfn.local.services.in_use import InUse
from hermes_cfn.local.services.layers import PATH as BLOBS
from hermes_cfn.local.services.layers import Layers
from hermes_cfn.local.services.monitoring import Monitoring
from hermes_cfn.local.services.quotas import Quotas
from hermes_cfn.local.services.simulation import Simulation
from hermes_cfn.local.services.tokens import Tokens
from hermes_cfn.local.wire import ACCOUNT, Call, HttpRequest, HttpResponse, Service, ServiceError

log = logging.getLogger("hermes.local")
OWNER = "x-amz-expected-bucket-owner"
"""The account that must own the bucket of a request (S3 user guide, "Verifying bucket ownership")."""

_EC2_CHANGES = ("RunInstances", "TerminateInstances", "StartInstances", "StopInstances")


class Cloud:
    """One embedded cloud: ``handle`` answers any request to its endpoint."""

    def __init__(self, directory: Path, options: Options, endpoint: str, end: Callable[[], None], owner: Owner) -> None:
        self.directory = directory
        self.options = options
        self.endpoint = endpoint
        self.end = end
        self.lock = threading.RLock()
        self.clock = ServiceClock(options.speed, patience=options.patience)
        self.faults = Faults()
        self.consistency = Consistency(options.consistency, options.seed, self.clock, self._answer, time.monotonic)
        self.moto = MotoSide(endpoint.removeprefix("http://"))
        self.moto.keep_time(self.clock.now)
        self.owner = owner
        self.keys = Keyring(owner, self.moto, self.clock.unhurried, self.clock.now)
        self.identities = Identities(self.clock.unhurried)
        self.clients = Clients(endpoint, self.keys.secret)
        self._formation_clients = Clients(endpoint, self.keys.secret, internal=True)
        self.scheduler = Scheduler(self.clock, self.lock)
        self.fleet = Fleet(directory, options, self.clients, self.scheduler, self.faults.condition)
        self.traffic = Traffic(directory, self.fleet, self.scheduler)
        self.engine = Engine(Launching(self.clients), self.fleet, self.traffic, self.scheduler, self.faults.condition)
        self.commands = Commands(self.clients, self.fleet, self.scheduler, self.faults.condition)
        self.authorisation = Authorisation(self.moto, self.engine, self.fleet, (owner.access_key.id, OWN.key))
        self.tracking = Tracking(self.engine)
        self.monitoring = Monitoring(self.scheduler, self.moto, self.traffic, self.engine, self.tracking)
        self.expiry = Expiry(self.scheduler, self.moto)
        self.in_use = InUse(self.moto, self.traffic)
        self.engine.on_leaving = self.commands.instance_gone
        self.fleet.on_gone = self._instance_gone
        self.fleet.on_pretended = self.engine.pretended
        self.layers = Layers(self.clients, self.fleet.images, endpoint)
        self.services: dict[str, Service] = {
            "autoscaling": AutoScaling(self.engine, self.tracking),
            "elbv2": LoadBalancing(self.clients, self.traffic),
            "ssm": self.commands,
            "ecr": self.layers,
            "iam": Simulation(self.moto),
            "sts": Tokens(self.keys, self.moto, self.identities, self._who, self._may_not_assume),
            "service-quotas": Quotas(self.faults.condition),
            "ce": CostTags(self._tags, lambda: bool(self.faults.condition("member-account", "*"))),
        }
        self._partial = {
            "ssm": Commands.actions,
            "ec2": frozenset({"DescribeSpotPriceHistory"}),
            "ecr": Layers.actions,
            "iam": Simulation.actions,
            "sts": Tokens.actions,
            "service-quotas": Quotas.actions,
            "ce": CostTags.actions,
        }
        self.database: Database | None = None
        self.controls = Controls(self)

    def _who(self) -> tuple[str, str]:
        """Who calls now: their ARN, and that of the user or role behind it."""
        return self.authorisation.who(wire.CALL.get())

    def _may_not_assume(self, role_arn: str) -> str:
        """Why the caller's own policies do not let them assume a role; without ``enforce`` they are not asked."""
        if not self.options.enforce:
            return ""
        return self.authorisation.why_not(wire.CALL.get(), "sts:AssumeRole", role_arn)

    def _service(self, name: str) -> Service | None:
        """A service of our own; CloudFormation is loaded when it is first asked."""
        if name == "cloudformation" and name not in self.services:
            from hermes_cfn.local.cloudformation.service import CloudFormation

            with self.lock:
                if name not in self.services:
                    made = CloudFormation(self._formation_clients, self.clock, self.options.real_time)
                    made.engine.fault = self._resource_fault
                    made.engine.refuses = lambda logical_id: self.faults.condition("validation-fails", logical_id) or ""
                    made.engine.replaces = lambda logical_id: bool(self.faults.condition("replaces", logical_id))
                    made.engine.holds = lambda logical_id: bool(self.faults.condition("holds", logical_id))
                    self.services[name] = made
        if name == "pricing" and name not in self.services:
            from hermes_cfn.local.services.pricing import Pricing
            from hermes_cfn.pricing.books import load

            self.services[name] = Pricing(load(None, "snapshot", self.clock.now()))
        if name in ("savingsplans", "ec2") and name not in self.services:
            from hermes_cfn.local.services.commitments import SavingsPlans, SpotPrices
            from hermes_cfn.pricing.books import load

            book = load(None, "snapshot", self.clock.now())
            self.services[name] = SavingsPlans(book) if name == "savingsplans" else SpotPrices(book, self.clock.now)
        return self.services.get(name)

    def _tags(self) -> set[str]:
        """Keys of the tags that stacks have given to resources."""
        formation = self.services.get("cloudformation")
        stacks = formation.engine.stacks.values() if formation is not None else ()  # type: ignore[attr-defined]
        return {key for stack in list(stacks) if stack.request for key in stack.request.tags}

    def _resource_fault(self, _stack: str, logical_id: str, _kind: str, action: str) -> str | None:
        """Why CloudFormation cannot ``action`` (create, update, delete) a resource, when that is asked for."""
        why = self.faults.condition(f"{action}-fails", logical_id)
        return None if why is None else str(why)

    def start(self) -> None:
        """Starts what has to run from the beginning."""
        if self.options.database:
            self.start_database()

    def start_database(self) -> Database:
        """The external database, started if it does not run (seconds)."""
        if self.database is None:
            self.database = Database(self.directory, self.fleet.addresses, self._nat_addresses, self.options.postgres)
        return self.database

    def _nat_addresses(self) -> set[str]:
        """The public addresses that instances reach the world from, in every region with instances."""
        found: set[str] = set()
        for region in {instance.region for instance in self.fleet.instances.values()}:
            ec2 = self.clients("ec2", region, OWN)
            for gateway in ec2.describe_nat_gateways()["NatGateways"]:
                if gateway["State"] == "available":
                    found |= {
                        item["PublicIp"] for item in gateway.get("NatGatewayAddresses", []) if item.get("PublicIp")
                    }
            for held in ec2.describe_addresses()["Addresses"]:
                instance = self.fleet.instances.get(held.get("InstanceId", ""))
                if instance is not None and not instance.dead and _forwards(ec2, instance.instance_id):
                    found.add(held["PublicIp"])
        return found

    def stop(self) -> None:
        """Ends every process of the cloud."""
        formation = self.services.get("cloudformation")
        if formation is not None:
            formation.stop()  # type: ignore[attr-defined]
        self.scheduler.end()
        if self.database is not None:
            self.database.stop()
        self.traffic.stop()
        self.fleet.stop()

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers one request: the control side, a service of our own, or moto."""
        if request.path.startswith("/_hermes/"):
            return self._control(request)
        if request.path.startswith(BLOBS):
            return self.layers.download(request.target)
        call, refusal = authenticate(request, self.keys)
        if refusal is None:
            try:
                request = _readable(call.service, request)
            except ServiceError as unreadable:
                refusal = unreadable
        if refusal is not None:
            return wire.refuse(call.service, "", refusal, request)
        action = wire.operation_name(call.service, request) if call.service else ""
        kind = "" if call.access_key == OWN.key else self.faults.call(call.service, action, call.access_key)
        if kind in ("throttle", "error", "expired"):
            return wire.refuse(call.service, action, refusal_of(kind, call.service), request)
        refusal = self._refusal(call, action, request)
        if refusal is not None:
            return wire.refuse(call.service, action, refusal, request)
        internal = call.access_key == OWN.key or INTERNAL in request.headers.get("user-agent", "")
        answer = (self.consistency.internal if internal else self.consistency.answer)(call, action, request)
        answer.lost = answer.lost or kind in ("lost", "timeout")
        if kind == "broken":
            answer.body = answer.body[: len(answer.body) // 2]
            answer.headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return answer

    def _refusal(self, call: Call, action: str, request: HttpRequest) -> ServiceError | None:
        """Why this caller may not ask this: the region is off in the account, the bucket is not of the account that the
        caller expects, or, with ``enforce``, a policy."""
        if call.access_key != OWN.key and self.faults.condition("region-off", call.region):
            return region_off(call.service)
        if call.service == "s3" and request.headers.get(OWNER, ACCOUNT) != ACCOUNT:
            return ServiceError("AccessDenied", "Access Denied", 403)
        return self.authorisation.check(call, action, request) if self.options.enforce and call.service else None

    def _answer(self, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        service = self._service(call.service)
        if service is not None and action in self._partial.get(call.service, {action}):
            return self._own(service, call, action, request)
        try:
            used = self.in_use.check(call, action, request)
            if used is not None:
                return wire.refuse(call.service, action, used, request)
            if (call.service, action) == ("logs", "FilterLogEvents"):
                request = self.moto.by_stream_name(call.region, request)
            if (call.service, action) == ("ec2", "DescribeRegions"):
                self.moto.switch_regions(lambda region: bool(self.faults.condition("region-off", region)))
            if call.service == "iam":
                self.moto.know_managed_policies(request)
            answer = self.moto.handle(request)
        except NotImplementedError as problem:
            unknown = ServiceError("NotImplemented", f"The embedded cloud does not know this: {problem}", 501)
            return wire.refuse(call.service, action, unknown, request)
        except ServiceError as refusal:
            return wire.refuse(call.service, action, refusal, request)
        except Exception as problem:
            log.exception("%s %s", call.service, action)
            return wire.refuse(call.service, action, beneath(call.service, action, problem, request), request)
        if call.service == "cloudwatch":
            self.monitoring.called(call.region, action or rest_operation(call.service, request))
        if (call.service, action) == ("ssm", "PutParameter") and answer.status < 300:
            name = wire.parse("ssm", action, request)["Name"]
            self.moto.sign_parameter(call.region, name, self.authorisation.caller(call))
        if call.service == "ec2" and answer.status < 300 and call.access_key != OWN.key:
            self._follow_instances(call, action, request)
        return answer

    def _follow_instances(self, call: Call, action: str, request: HttpRequest) -> None:
        """What somebody did to instances themselves happens to their machines.  Only that takes the lock: a read is also asked
        by :class:`Consistency` on the way of an action of the cloud's own, whose thread holds the lock until it is answered.
        """
        if action in _EC2_CHANGES:
            with self.lock:
                self.fleet.sync(call.region)
        elif action == "RebootInstances":
            with self.lock:
                for instance_id in wire.parse("ec2", action, request)["InstanceIds"]:
                    self.fleet.reboot(instance_id)

    def _own(self, service: Service, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        token = wire.CALL.set(call)
        try:
            result: dict[str, Any] | ServiceError = service.handle(action, wire.parse(call.service, action, request))
        except ServiceError as error:
            result = error
        except Exception as problem:
            log.exception("%s %s", call.service, action)
            result = failure(call.service, action, problem, request)
        finally:
            wire.CALL.reset(token)
        return wire.serialise(call.service, action, result)

    def _instance_gone(self, instance_id: str) -> None:
        self.commands.instance_gone(instance_id)
        self.engine.died(instance_id)

    def _control(self, request: HttpRequest) -> HttpResponse:
        """Only whoever can read the cloud's file knows the token; what is asked by GET changes nothing."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self.owner.token}".encode()):
            return _said(
                403, "NotTheOwner", "The control side is for whoever can read cloud.json: its token is asked for."
            )
        if request.method != "POST":
            return _said(405, "MethodNotAllowed", "The control side is asked by POST.")
        what = request.path.removeprefix("/_hermes/")
        try:
            body = json.loads(request.body) if request.body else {}
            status, result = 200, self.controls.handle(what, body)
        except ServiceError as error:
            status, result = error.status, {"code": error.code, "message": error.message}
        except (KeyError, ValueError, TypeError) as problem:
            status, result = 400, {"code": "BadControl", "message": f"{type(problem).__name__}: {problem}"}
        return _said(status, **result)

    def status(self) -> dict[str, Any]:
        """What :class:`hermes_cfn.local.control.Status` shows, without ``running``."""
        with self.lock:
            balancers: dict[str, dict[str, str]] = {}
            for listener in self.traffic.listeners.values():
                balancer = self.traffic.load_balancers[listener.load_balancer]
                where = balancers.setdefault(balancer.dns_name, {})
                where.setdefault(listener.described["Protocol"].lower(), self.traffic.address(listener))
                where[str(listener.described["Port"])] = self.traffic.address(listener)
            instances = {}
            for instance in self.fleet.instances.values():
                if instance.host is not None and not instance.dead:
                    instances[instance.instance_id] = self._application_of(instance.instance_id)
        return {
            "endpoint": self.endpoint,
            "pid": os.getpid(),
            "now": self.clock.now().isoformat(),
            "addresses": "port" if self.fleet.addresses.own_ports else "address",
            "speed": self.clock.speed,
            "load_balancers": balancers,
            "instances": instances,
            "database": self.database.shown if self.database is not None else "",
        }

    def _application_of(self, instance_id: str) -> str:
        """The address and port of an instance's first registered target, or its address alone."""
        for group in self.traffic.groups.values():
            for target in group.targets.values():
                if target.id == instance_id:
                    address, port = self.fleet.endpoint(instance_id, target.port)
                    return f"{address}:{port}"
        return self.fleet.instances[instance_id].address


def _said(status: int, /, code: str = "", message: str = "", **values: Any) -> HttpResponse:
    told = {**({"code": code, "message": message} if code else {}), **values}
    return HttpResponse(status, {"Content-Type": "application/json"}, json.dumps(told, default=str).encode())


def _readable(service: str, request: HttpRequest) -> HttpRequest:
    """The request in the one way in which everybody here reads it.  Raises ServiceError for what has several meanings."""
    path = "/" + unquote(request.path).lstrip("/")
    if path.startswith(MOTO_PATHS):
        raise ServiceError("NotImplemented", f"The embedded cloud answers nothing under {path[:40]!r}.", 501)
    return wire.plain(service, request)


def _forwards(ec2: Any, instance_id: str) -> bool:
    """Whether an instance may forward what is not addressed to it, as one that translates addresses must."""
    told = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    return not told["SourceDestCheck"]["Value"]
