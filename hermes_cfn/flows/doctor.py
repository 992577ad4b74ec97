"""``doctor``: the guide's troubleshooting as checks that run; it reads, and mends nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from hermes_cfn import permissions
from hermes_cfn.aws.calls import DENIED, AwsError
from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.aws.drift import Drift
from hermes_cfn.aws.zones import Zones
from hermes_cfn.cfn.statuses import DRIFT_CHECKED
from hermes_cfn.checks import (
    access,
    balancing,
    budget,
    capacity,
    certificate,
    database,
    deployed,
    existing,
    instance,
    outbound,
    place,
    start,
)
from hermes_cfn.checks import application as application_rules
from hermes_cfn.checks import group as group_checks
from hermes_cfn.checks.observed import Diagnosis, Lease, StackLine
from hermes_cfn.errors import Finding, HermesError, Severity, hermes
from hermes_cfn.events import Noted, StageEnded, StageStarted
from hermes_cfn.flows import machine_image, status
from hermes_cfn.flows.base import whoami
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.base.loop import Story
from hermes_cfn.flows.fleet import command, group_drift, releases
from hermes_cfn.flows.stacks import account_facts
from hermes_cfn.flows.stacks.account_facts import QUOTAS
from hermes_cfn.names import balancer as balancer_of
from hermes_cfn.names import output_id

Resolve = Callable[[str], frozenset[str] | None]
"""A name to its addresses, or None when it has none."""

GROUP_PATIENCE_S = 900.0
"""An instance younger than this may still be booting."""


def resolve(name: str) -> frozenset[str] | None:
    """By this machine's resolver."""
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM))
    except OSError:
        return None


def zone_resolver(context: DeployContext) -> Resolve | None:
    """By the records of the account's own hosted zone of the domain, for the embedded cloud, whose names no resolver knows.

    A name outside of the zone stands for its own addresses.  None where there is no such zone, or it may not be asked.
    """
    domain = context.settings.certificate.domain
    zones = Zones(context.clients.calls("route53"))
    try:
        zone = zones.of(domain)
    except AwsError:
        return None
    if zone is None:
        return None

    def resolve_in_zone(name: str) -> frozenset[str] | None:
        if name != domain:
            return frozenset({name.lower()})
        return zones.targets(zone, name) or None

    return resolve_in_zone


@dataclass(frozen=True)
class Doctor:
    """One visit.  ``resolver`` None leaves DNS out; ``drift`` asks CloudFormation to look anew at every stack,
    not only at those that it has on record as drifted."""

    context: DeployContext
    resolver: Resolve | None = resolve
    drift: bool = False

    def visit(self) -> Story[list[Finding]]:
        """Runs every check, side by side, and tells of them in order; the value is all findings, the worst first."""
        found: list[Finding] = []
        subjects: dict[str, Callable[[], Iterator[Finding]]] = {
            "account": self._account,
            "permissions": self._permissions,
            "stacks": self._stacks,
            "fleet": self._fleet,
            "instances": self._instances,
            "certificate": self._certificate,
        }
        yield StageStarted(self.context.now, "account", self._expected())
        with self.context.clients.one_look():
            asks = [partial(self._listed, subject, check) for subject, check in subjects.items()]
            answers = self.context.clients.together(asks)
        for subject, news in zip(subjects, answers, strict=True):
            if subject != "account":
                yield StageStarted(self.context.now, subject)
            yield from (Noted(self.context.now, finding) for finding in news)
            found += news
            yield StageEnded(self.context.now, subject, f"{len(news)} findings" if news else "well")
        order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
        return sorted(found, key=lambda finding: order.index(finding.severity))

    def _expected(self) -> str:
        """The subject by which GitHub must introduce itself: what a refused AssumeRoleWithWebIdentity is compared with."""
        settings = self.context.settings
        if settings.account.github_provider == "none":
            return ""
        subject = settings.github.deployment_claims(settings.environment.name)["sub"]
        return f"GitHub is expected as {subject} (github.subject = {settings.github.subject!r})"

    def _listed(self, subject: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
        return list(self._safely(subject, check))

    @staticmethod
    def _safely(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """What may not be asked is a finding too, and never hides the rest."""
        try:
            yield from check()
        except HermesError as error:
            for finding in error.findings:
                yield replace(finding, why=f"{subject} could not be looked at")

    def _account(self) -> Iterator[Finding]:
        context = self.context
        yield from deployed.secrets(releases.missing_secrets(context))
        door, release = context.clients.ec2, context.settings.release
        addresses = (
            0
            if not context.settings.own_network or _stands(context, "network")
            else len(context.settings.network.zones)
        )
        surging = _stands(context, "service") and release.strategy == "surge"
        vcpus = release.surge * capacity.vcpus_of(context.settings.compute.instance_type) if surging else 0
        for what, used, wanted, code in (
            ("Elastic IP addresses", door.addresses, addresses, QUOTAS["addresses"]),
            ("vCPUs of standard instances", door.vcpus, vcpus, QUOTAS["vcpus"]),
        ):
            yield from deployed.quota(what, used(), wanted, context.clients.account.quota(*code), code)
        known = account_facts.place(context)
        for check in (place.zones, place.key_pair, outbound.closed, existing.network, existing.listener, budget.tag):
            yield from check(context.settings, known)

    def _permissions(self) -> Iterator[Finding]:
        """What the roles of ours that matter here lack: the instances' and, where it is one of them, the caller's."""
        context = self.context
        if _stands(context, "service"):
            missing = list(whoami.lacking(context, "instance", permissions.INSTANCE))
            mended_by = hermes("deploy") + f"; if that changes nothing: {self._put_back('service')}"
            yield from access.role(context.names.role("instance"), missing, mended_by)
        role = whoami.role_of(context, context.clients.account.identity())
        if role:
            missing = list(whoami.lacking(context, role, permissions.ROLES[role]))
            yield from access.role(context.names.role(role), missing, (hermes("bootstrap") + ", as an administrator"))

    def _stacks(self) -> Iterator[Finding]:
        lines = list(status.stack_lines(self.context))
        asks = [
            partial(self._drifted if self.drift or line.drift == "DRIFTED" else lambda line: line, line)
            for line in lines
        ]
        lines = self.context.clients.together(asks)
        yield from deployed.stacks(lines, self._put_back)
        try:
            seen = self.context.clients.lock(self.context.names.lock_table, self.context.names.lock_key).look()
        except HermesError:
            return
        lease = Lease(seen.owner, seen.purpose, seen.expires) if seen else None
        yield from deployed.lock(lease, self.context.now)

    def _put_back(self, key: str) -> str:
        """What undoes changes by hand to a stack."""
        spec = self.context.deployment.stack(key)
        by = "an administrator" if spec.account_wide else "infrastructure"
        return deployed.put_back(
            spec.name, spec.region, list(spec.template.get("Parameters", {})), by, self.context.now
        )

    def _drifted(self, line: StackLine) -> StackLine:
        """After a fresh look: what CloudFormation has on record is as old as its last detection.

        Who may not ask for one gets the record, except under ``--drift``.
        """
        if line.status not in DRIFT_CHECKED:
            return line
        spec = self.context.deployment.stack(line.key)
        door = Drift(self.context.clients.calls("cloudformation", spec.region))
        try:
            found, unread = door.detect(line.name, self.context.clock)
            differs = [f"{name}: {what}" for name, what in door.resources(line.name)] if found == "DRIFTED" else []
        except AwsError as error:
            if self.drift or error.code not in DENIED:
                raise
            return line
        return replace(line, drift=found, differences=tuple(differs), unread=unread)

    def _fleet(self) -> Iterator[Finding]:
        if not _stands(self.context, "service"):
            return
        seen, want = status.observe(self.context, history=0), group_drift.as_deployed(self.context)
        there = group_drift.settled(self.context, want)
        if seen.asleep or there is None:
            return
        line = group_drift.line(there)
        yield from group_checks.hindrances(line, want)
        if not seen.locked:
            yield from group_checks.fleet(seen.instances, line, want, seen.stable.id if seen.stable else "")
        running = machine_image.observe(self.context).running.values()
        oldest = max(running, key=lambda image: image.days or 0, default=None)
        if oldest is not None:
            yield from deployed.machine_image(oldest.days, oldest.id)

    def _instances(self) -> Iterator[Finding]:
        if not _stands(self.context, "service"):
            return
        context, application = self.context, self.context.settings.application
        lines = status.instance_lines(context)
        online = context.clients.ssm.online()
        well: set[str] = set()
        answering = [line.id for line in lines if line.id in online]
        told = context.clients.together([partial(command.diagnose, context, name) for name in answering])
        diagnoses = dict(zip(answering, told, strict=True))
        for line in lines:
            if line.id not in online:
                if line.age_s > GROUP_PATIENCE_S:
                    yield from instance.silent(line.id, line.age_s)
                continue
            said = diagnoses[line.id]
            if not said:
                yield from instance.silent(line.id, line.age_s)
                continue
            found = list(
                instance.check(line.id, said, application.port, application.health_path, application.health_codes)
            )
            found += instance.clock(line.id, said, (context.now, context.clock.now()))
            reached = list(database.check(line.id, said, self._addresses()))
            well_connected = all(one.severity is not Severity.ERROR for one in reached)
            found += application_rules.check(
                line.id,
                said,
                application,
                context.settings.certificate.domain,
                well_connected,
                context.settings.service.idle_timeout_s,
            )
            found += reached
            cause = start.cause(line.id, start.now(said), application)
            if cause is not None and cause.code not in {one.code for one in found}:
                found.insert(0, cause)
            if _answers(said, application.health_codes):
                well.add(line.id)
            yield from found
        yield from balancing.targets(lines, frozenset(well))
        yield from self._paths([line.id for line in lines])

    def _paths(self, ids: list[str]) -> Iterator[Finding]:
        context = self.context
        balancer = context.clients.elb.load_balancer(balancer_of(context.settings))
        if balancer is None or not ids:
            return
        door = context.clients.ec2
        machines = door.describe(ids)
        own = sorted({group for machine in machines.values() for group in machine.security_groups})
        yield from balancing.paths(
            door.security_groups(own),
            door.security_groups(balancer.get("SecurityGroups", [])),
            context.settings.application.port,
            self._put_back("service"),
        )

    def _certificate(self) -> Iterator[Finding]:
        context = self.context
        outputs = _outputs(context)
        arn = outputs.get(output_id("certificate_arn"), "") or context.settings.certificate.arn
        own = arn.split(":")[3:4] == [context.region]
        seen = Certificates(context.clients.calls("acm")).describe(arn) if arn and own else None
        yield from certificate.check(
            seen,
            arn,
            context.settings.certificate.domain,
            context.region,
            context.now,
            context.settings.watch.certificate_days,
        )
        balancer = context.clients.elb.load_balancer(balancer_of(context.settings))
        if balancer is None:
            return
        name = str(balancer["DNSName"])
        served = context.clients.elb.certificates(str(balancer["LoadBalancerArn"]))
        yield from certificate.listener(served, arn, name, self._put_back("service"))
        if self.resolver is not None:
            domain = context.settings.certificate.domain
            yield from certificate.points(domain, name, self.resolver(domain), self.resolver(name) or frozenset())

    def _addresses(self) -> str:
        return _outputs(self.context).get(output_id("nat_public_ips"), "")


def _stands(context: DeployContext, key: str) -> bool:
    if key not in context.deployment.keys:
        return False
    spec = context.deployment.stack(key)
    return context.clients.cloudformation(spec.region).observe(spec.name).status is not None


def _outputs(context: DeployContext) -> dict[str, str]:
    found: dict[str, str] = {}
    for spec in context.deployment:
        found |= context.clients.cloudformation(spec.region).observe(spec.name).outputs
    return found


def _answers(said: Diagnosis, codes: tuple[int, ...]) -> bool:
    health = said.get("health")
    return isinstance(health, dict) and health.get("status") in codes
