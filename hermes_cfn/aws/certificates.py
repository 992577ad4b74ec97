"""ACM: a certificate's state, names and days left."""

from __future__ import annotations

from hermes_cfn.aws.calls import AwsError, Calls
from hermes_cfn.checks.observed import CertificateSeen

KEYS = ["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"]
"""Keys that a load balancer takes; without them ListCertificates tells of RSA up to 2048 only (ACM API, "Filters")."""


class Certificates:
    """Certificates of one region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def issued(self) -> dict[str, tuple[str, ...]]:
        """ARN to names, of every certificate that is issued, whatever its key."""
        found = self._calls.pages(
            "list_certificates", "CertificateSummaryList", CertificateStatuses=["ISSUED"], Includes={"keyTypes": KEYS}
        )
        return {
            str(one["CertificateArn"]): tuple({one["DomainName"], *one.get("SubjectAlternativeNameSummaries", ())})
            for one in found
        }

    def pending(self, domain: str) -> tuple[str, ...]:
        """ARNs of certificates for ``domain`` that wait for their validation; none where one may not list them."""
        try:
            found = self._calls.pages(
                "list_certificates",
                "CertificateSummaryList",
                CertificateStatuses=["PENDING_VALIDATION"],
                Includes={"keyTypes": KEYS},
            )
            return tuple(str(one["CertificateArn"]) for one in found if one.get("DomainName") == domain)
        except AwsError as error:
            if error.code not in {"AccessDenied", "AccessDeniedException"}:
                raise
            return ()

    def describe(self, arn: str) -> CertificateSeen | None:
        """The certificate, or None when this region has none with that ARN."""
        try:
            found = self._calls.describe_certificate(CertificateArn=arn)["Certificate"]
        except AwsError as error:
            if error.code in {"ResourceNotFoundException", "InvalidArnException"}:
                return None
            raise
        options = found.get("DomainValidationOptions", ())
        records = {
            (o["ResourceRecord"]["Name"], o["ResourceRecord"]["Value"]) for o in options if "ResourceRecord" in o
        }
        return CertificateSeen(
            arn,
            str(found["Status"]),
            tuple(sorted({found["DomainName"], *found.get("SubjectAlternativeNames", ())})),
            found.get("NotAfter"),
            tuple(sorted(records)),
        )
