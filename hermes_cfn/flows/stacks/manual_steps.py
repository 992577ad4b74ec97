"""What only a person can do before the first deployment goes on: one list, shown at once.

Foundation and certificate (free, slow) and the network are created first, because their answers
are part of the list: addresses for the database, records for the certificate.  What bills by the
hour beyond them waits.  Everything that can be polled is looked at again, and the command may be
closed and run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hermes_cfn.aws.certificates import Certificates
from hermes_cfn.checks import certificate
from hermes_cfn.deployment import StackSpec
from hermes_cfn.errors import ExitCode, Finding, HermesError, Severity, hermes
from hermes_cfn.flows.base.context import DeployContext
from hermes_cfn.flows.fleet import registry, releases
from hermes_cfn.flows.fleet.releases import ReleaseRecord
from hermes_cfn.names import output_id

Outputs = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Gate:
    """Holds a stack until its chores are done; with ``wait`` polls them, else refuses with the list."""

    context: DeployContext
    image: str
    compatible: bool = True
    wait: bool = False
    slow = frozenset({"certificate"})

    def chores(self, spec: StackSpec, outputs: Outputs) -> list[Finding]:
        """Everything there is to do.  Raises HermesError when nobody waits for what holds the stack."""
        if not spec.gates or releases.stable(self.context) is not None:
            return []
        held = [*self._image(), *self._secrets()] if {"image", "secrets"} & set(spec.gates) else []
        told = [*held, *self._addresses(outputs), *self._records(outputs)]
        holding = [chore for chore in held if chore.severity is Severity.ERROR]
        if holding and (not self.wait or self._unheard()):
            raise HermesError(*told, exit_code=ExitCode.REFUSED)
        return told

    def open(self, spec: StackSpec) -> None:
        """The stack's turn has come: the first release is what its instances will boot."""
        if "stable" not in spec.gates or releases.stable(self.context) is not None:
            return
        image = self.image or releases.images_to_choose(self.context)[0]
        first = releases.resolve(self.context, image, self.compatible)
        releases.keep(self.context, ReleaseRecord(first).then(self.context.now, "first release", first.requested_by))
        releases.write_goal(self.context, first)
        releases.write_stable(self.context, first)

    def _image(self) -> Iterator[Finding]:
        context = self.context
        if self.image:
            if registry.find(context, self.image) is None:
                yield releases.image_missing(context, self.image)
            return
        there = releases.images_to_choose(context)
        yield releases.image_taken(context, there[0]) if len(there) == 1 else releases.image_not_chosen(context, there)

    def _unheard(self) -> bool:
        """Whether waiting is in vain: which of several images is said on the command line alone."""
        return not self.image and len(releases.images_to_choose(self.context)) > 1

    def _secrets(self) -> Iterator[Finding]:
        for name in releases.missing_secrets(self.context):
            yield releases.secret_missing(self.context, name)

    def _addresses(self, outputs: Outputs) -> Iterator[Finding]:
        """Only the database's own side can admit them; the first instance tests the connection."""
        found = outputs.get("network", {}).get(output_id("nat_public_ips"), "")
        if not self.context.settings.database.allow_list or not found:
            return
        yield Finding(
            "database-allow-list",
            "the external database",
            f"must admit {found}, port {self.context.settings.database.port}",
            why="these are the addresses that instances reach the world from",
            next="add them to the database's allow-list; " + hermes("outputs") + " shows them again",
            severity=Severity.WARNING,
        )

    def _records(self, outputs: Outputs) -> Iterator[Finding]:
        """The records that a certificate waits for while its stack is in progress."""
        context = self.context
        spec = next((spec for spec in context.deployment if spec.key == "certificate"), None)
        if spec is None or "certificate" in outputs or context.settings.certificate.validation != "manual":
            return
        door, acm = context.clients.cloudformation(spec.region), Certificates(context.clients.calls("acm", spec.region))
        made = list(door.resources(spec.name)) if door.describe(spec.name) else []
        named = [one.physical_id for one in made if one.physical_id.startswith("arn:")]
        # CloudFormation may tell a certificate's ARN only when it is issued, and that is when it is too late to tell.
        for arn in named or (acm.pending(context.settings.certificate.domain) if made else ()):
            seen = acm.describe(arn)
            if seen is not None and seen.status == "PENDING_VALIDATION" and seen.records:
                yield Finding(
                    "certificate-pending",
                    context.settings.certificate.domain,
                    "the certificate waits for its DNS records",
                    evidence="\n".join(
                        [
                            *(f"{name} CNAME {value}" for name, value in seen.records),
                            certificate.authorities(
                                context.settings.certificate.domain, context.settings.certificate.wildcard
                            ),
                        ]
                    ),
                    next="create them at the DNS provider; this goes on by itself",
                    severity=Severity.WARNING,
                )


def record(context: DeployContext, before: Outputs, outputs: Outputs) -> Finding | None:
    """The record that leads people to a load balancer that is new, where nobody but a person can create it."""
    domain = context.settings.certificate.domain
    old, balancer = (found.get("service", {}).get(output_id("alb_dns_name"), "") for found in (before, outputs))
    if not balancer or balancer == old or context.settings.edge.dns != "manual":
        return None
    return Finding(
        "dns-record",
        domain,
        "people reach it when this record stands",
        evidence=certificate.record(domain, balancer),
        next=(
            "create it at the DNS provider, or change the one that is there; "
            + hermes("doctor")
            + " looks whether it is there"
        ),
        severity=Severity.INFO,
    )
