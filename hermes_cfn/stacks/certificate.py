"""``certificate``: the load balancer's, before everything that needs it.

With records that somebody else must make, the stack waits in progress; the deployer shows them,
follows, and can be resumed.
"""

from __future__ import annotations

from troposphere import Ref, Template, certificatemanager

from hermes_cfn.config import Settings
from hermes_cfn.names import Names
from hermes_cfn.stacks.common import fresh, named, put, waive


def template(settings: Settings) -> Template:
    names = Names.of(settings)
    wanted = settings.certificate
    stack = fresh(f"{names.auto_scaling_group}: certificate of {wanted.domain}")
    certificate = stack.add_resource(
        certificatemanager.Certificate(
            "Certificate",
            DomainName=wanted.domain,
            ValidationMethod="DNS",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Tags=named(names.auto_scaling_group),
        )
    )
    others = [*([f"*.{wanted.domain}"] if wanted.wildcard else ()), *settings.requested_hosts]
    if others:
        certificate.SubjectAlternativeNames = others
    if wanted.wildcard:
        waive(
            certificate, {"CKV2_AWS_71": "the guide asks for the wildcard; certificate.wildcard = false leaves it out"}
        )
    if wanted.validation == "route53":
        # The wildcard is validated by the same record as the name itself.
        certificate.DomainValidationOptions = [
            certificatemanager.DomainValidationOption(DomainName=name, HostedZoneId=wanted.hosted_zone_id)
            for name in (wanted.domain, *settings.requested_hosts)
        ]
    put(stack, "certificate_arn", Ref(certificate), "The certificate of the load balancer")
    return stack
