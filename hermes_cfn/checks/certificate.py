"""The certificate and the name: ACM's status, names, region, days, listener, and where DNS points.

The guide's "SSL/Certificate Issues".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from hermes_cfn.checks.observed import CertificateSeen
from hermes_cfn.errors import Finding, Severity, hermes


def check(
    seen: CertificateSeen | None,
    arn: str,
    domain: str,
    region: str,
    now: datetime,
    days: int,
    further: Sequence[str] = (),
) -> Iterator[Finding]:
    """``days`` is how long before expiry one wants to hear of it; ``further`` are names that it must cover beside ``domain``."""
    if not arn:
        return
    parts = arn.split(":")
    if len(parts) > 3 and parts[3] != region:
        yield Finding(
            "certificate-region",
            arn,
            f"is a certificate of {parts[3]}, and the load balancer is in {region}",
            next="certificate.arn in hermes.toml; without it one is requested",
        )
        return
    if seen is None:
        yield Finding("certificate-missing", arn, "there is no such certificate", next=hermes("deploy"))
        return
    if seen.status == "PENDING_VALIDATION":
        records = "\n".join(f"{name} CNAME {value}" for name, value in seen.records)
        yield Finding(
            "certificate-pending",
            domain,
            "the certificate waits for its DNS records",
            evidence=records,
            next="create the records at the DNS provider; " + hermes("deploy") + " goes on by itself",
        )
    elif seen.status != "ISSUED":
        yield Finding("certificate-not-issued", domain, f"the certificate is {seen.status}", next=hermes("deploy"))
    if not any(covers(name, domain) for name in seen.names):
        yield Finding(
            "certificate-name",
            domain,
            "the certificate is for other names",
            evidence=", ".join(seen.names),
            next="certificate.domain in hermes.toml, then " + hermes("deploy"),
        )
    bare = [host for host in further if not any(covers(name, host) for name in seen.names)]
    if bare:
        yield Finding(
            "certificate-name",
            ", ".join(bare),
            "the certificate is not for all of ingress.hosts and ingress.redirect_hosts: browsers would refuse these",
            evidence=", ".join(seen.names),
            next="a certificate that names them, its ARN in ingress.certificates",
        )
    left = (seen.expires - now).days if seen.expires else None
    if left is not None and left < days:
        yield Finding(
            "certificate-expires",
            domain,
            f"the certificate expires in {left} days" if left >= 0 else "the certificate has expired",
            why="ACM renews by itself while its DNS records stand and it is in use",
            evidence=", ".join(name for name, _ in seen.records),
            next="check that the validation records are still there",
            severity=Severity.WARNING if left > 7 else Severity.ERROR,
        )


def covers(name: str, domain: str) -> bool:
    """Whether a certificate's name is ``domain`` or a wildcard one level above it (RFC 6125)."""
    if name == domain:
        return True
    return name.startswith("*.") and domain.partition(".")[2] == name[2:] and bool(domain.partition(".")[0])


def listener(arns: Sequence[str], arn: str, balancer: str, mended_by: str) -> Iterator[Finding]:
    """Whether the HTTPS listener serves that certificate; ``mended_by`` undoes what was changed."""
    if arn and arns and arn not in arns:
        yield Finding(
            "listener-certificate",
            balancer,
            "its HTTPS listener serves another certificate",
            evidence=", ".join(arns),
            next=mended_by,
        )
    if not arns:
        yield Finding("listener-missing", balancer, "has no HTTPS listener", next=mended_by)


def record(domain: str, balancer: str) -> str:
    """What to create where the zone is not ours; a CNAME may not stand at the top of a zone (RFC 1034, 3.6.2)."""
    return (
        f"{domain} CNAME {balancer}\n"
        f"where {domain} is the top of its zone: ALIAS or ANAME to {balancer}, "
        'or the zone in Route 53 and edge.dns = "alias"'
    )


def authorities(domain: str, wildcard: bool) -> str:
    """What a zone with CAA records must say for ACM to issue (ACM user guide, "Configure a CAA record")."""
    kinds = ("issue", "issuewild") if wildcard else ("issue",)
    lines = "; ".join(f'{domain} CAA 0 {kind} "amazon.com"' for kind in kinds)
    return f"only where {domain} or a zone above it has CAA records: {lines}"


def points(domain: str, balancer: str, resolved: frozenset[str] | None, wanted: frozenset[str]) -> Iterator[Finding]:
    """Whether ``domain`` leads to the load balancer; ``resolved`` is None when it does not resolve."""
    wanted_record = record(domain, balancer)
    if resolved is None:
        yield Finding("dns-missing", domain, "does not resolve", evidence=wanted_record, next="create the record")
    elif wanted and not resolved & wanted:
        yield Finding(
            "dns-elsewhere",
            domain,
            f"leads to {', '.join(sorted(resolved))}, not to the load balancer",
            evidence=wanted_record,
            next="change the record; DNS answers stay cached for their TTL",
        )
