"""What two settings must agree on.  Each rule yields the key, what is wrong, and what instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from itertools import combinations
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hermes_cfn.config import existing_rules, ingress_rules
from hermes_cfn.config.compute import ABSENT
from hermes_cfn.config.network import STABLE
from hermes_cfn.config.scaling import DAY, DAYS
from hermes_cfn.config.section import shortened
from hermes_cfn.config.settings import Settings
from hermes_cfn.service_names import refusal

Complaint = tuple[tuple[str, ...], str, str]
Rule = Callable[[Settings], Iterator[Complaint]]


def zones_are_of_the_region(settings: Settings) -> Iterator[Complaint]:
    region = settings.account.region
    zones = settings.network.zones if settings.own_network else ()
    for zone in zones:
        if zone[:-1] != region or not zone[-1].isalpha():
            right = ", ".join(f"{region}{letter}" for letter in "abc")
            yield ("network", "zones"), f"{zone!r} is not a zone of {region}", f"write zones of {region}, like {right}"
    if len(set(zones)) != len(zones):
        yield ("network", "zones"), "a zone is named twice", "name each zone once"


def image_fits_the_machine(settings: Settings) -> Iterator[Complaint]:
    compute, image = settings.compute, settings.application.architecture
    if compute.architecture != image:
        right = "a Graviton type like t4g.small" if image == "arm64" else "a type like t3.small"
        yield (
            ("compute", "instance_type"),
            f"{compute.instance_type} is {compute.architecture}, and the image of the application is {image}",
            f'{right}, or application.architecture = "{compute.architecture}"',
        )
    family = compute.instance_type.split(".")[0]
    if family in ABSENT.get(settings.account.region, frozenset()):
        yield ("compute", "instance_type"), f"{settings.account.region} has no {family}", "t4g, m7g, c7g or r7g"


def allow_list_needs_stable_addresses(settings: Settings) -> Iterator[Complaint]:
    egress = settings.network.egress
    if settings.database.allow_list and egress not in STABLE:
        yield (
            ("network", "egress"),
            f"{egress!r} has no addresses that stay, and the database admits known addresses only",
            f"one of {', '.join(sorted(STABLE))}; or database.allow_list = false",
        )
    if egress == "ipv6" and "ipv6" not in settings.database.addresses:
        yield (
            ("network", "egress"),
            "'ipv6' reaches nothing over IPv4, and the database has no IPv6 address",
            'another egress; or database.addresses = ["ipv6"] where that is true',
        )


def certificate_is_of_the_region(settings: Settings) -> Iterator[Complaint]:
    certificate = settings.certificate
    if certificate.arn and certificate.arn.split(":")[3] != settings.account.region:
        yield (
            ("certificate", "arn"),
            f"is a certificate of {certificate.arn.split(':')[3]}, and the load balancer is in {settings.account.region}",
            f"one of {settings.account.region}, or no arn: then one is requested",
        )
    if certificate.validation == "route53" and not certificate.arn and not certificate.hosted_zone_id:
        yield (
            ("certificate", "hosted_zone_id"),
            "is missing, and validation is by Route 53",
            'the zone\'s id, like Z0123456789ABC; or validation = "manual"',
        )


def records_need_a_zone(settings: Settings) -> Iterator[Complaint]:
    if settings.edge.dns != "manual" and not settings.edge.hosted_zone_id:
        yield (
            ("edge", "hosted_zone_id"),
            f"is missing, and dns is {settings.edge.dns!r}",
            'the zone\'s id; or dns = "manual"',
        )
    worldwide = settings.worldwide
    if worldwide.cloudfront and not settings.edge.assets:
        yield ("worldwide", "cloudfront"), "needs the bucket of the assets", "edge.assets = true"
    if worldwide.assets_domain and not worldwide.hosted_zone_id:
        yield (
            ("worldwide", "hosted_zone_id"),
            "is missing, and assets_domain needs a certificate that Route 53 validates",
            "the zone's id; or no assets_domain",
        )
    if worldwide.assets_domain and not worldwide.cloudfront:
        yield (
            ("worldwide", "assets_domain"),
            "is the name of a distribution that is not made",
            "worldwide.cloudfront = true",
        )


def batches_fit_the_fleet(settings: Settings) -> Iterator[Complaint]:
    release, count = settings.release, settings.compute.count
    if isinstance(release.batch, int) and release.batch > count:
        yield ("release", "batch"), f"is {release.batch}, and there are {count} instances", f"at most {count}"
    if release.minimum > count:
        yield ("release", "minimum"), f"is {release.minimum}, and there are {count} instances", f"at most {count}"
    elif release.strategy == "in-place" and release.minimum == count > 0:
        yield (
            ("release", "minimum"),
            f"is {release.minimum} of {count} instances, so that none may ever leave in place",
            f'at most {count - 1}, or strategy = "surge"',
        )
    if release.canary > count:
        yield ("release", "canary"), f"is {release.canary}, and there are {count} instances", f"at most {count}"
    least = settings.service.deregistration_delay_s + settings.longest_start_s + release.steady_s
    if release.return_after_s <= least:
        yield (
            ("release", "return_after_s"),
            f"is {release.return_after_s}, less than draining and starting may take ({least} s)",
            f"more than {least}",
        )


def scaling_has_a_range(settings: Settings) -> Iterator[Complaint]:
    """What ``[scaling]`` says makes a range that the strategy can keep, at every hour of the week."""
    scaling, count = settings.scaling, settings.compute.count
    if not scaling.on:
        if scaling.model_fields_set - {"maximum"}:
            yield ("scaling", "maximum"), "is missing, and without it nothing scales", "how many instances at the most"
        return
    if scaling.minimum < 1:
        yield ("scaling", "minimum"), "is missing", "how many instances at the least: 2, or 1 with a surge"
        return
    if count != scaling.minimum:
        yield (
            ("compute", "count"),
            f"is {count}, and scaling.minimum is {scaling.minimum}: one of them is not true",
            "leave compute.count out",
        )
    room = sum(ip_network(private).num_addresses - TAKEN for _, _, private in settings.network.subnets)
    if scaling.most + settings.release.surge > room and not settings.network.vpc_id:
        yield (
            ("scaling", "maximum"),
            f"{scaling.most} instances and a surge do not fit the {room} addresses of the subnets",
            "a larger network.cidr, or a smaller maximum",
        )
    if not (scaling.targets or scaling.windows):
        yield (
            ("scaling", "maximum"),
            "nothing says when there are more than scaling.minimum",
            "scaling.cpu_percent = 50, scaling.requests_per_target, or a table [scaling.windows.NAME]",
        )
    if 0 < scaling.cpu_percent < 10:
        yield ("scaling", "cpu_percent"), f"is {scaling.cpu_percent}", "0 for none, or 10 to 90"
    if settings.release.minimum < count:
        yield from _keeps(settings, ("scaling", "minimum"), "", scaling.minimum, scaling.maximum)
    for name, window in scaling.windows.items():
        yield from _keeps(settings, ("scaling", "windows"), f"{name}: ", window.minimum, window.maximum)


def _keeps(settings: Settings, key: tuple[str, ...], where: str, minimum: int, maximum: int) -> Iterator[Complaint]:
    """Whether ``[release]`` can roll a group between these sizes; 0 and 0 is asleep."""
    if minimum == maximum == 0:
        return
    release = settings.release
    batch = release.in_place_batch(max(1, minimum))
    if maximum < minimum:
        yield key, f"{where}at most {maximum}, and at least {minimum} instances", f"a maximum of at least {minimum}"
    elif minimum == 0:
        yield key, f"{where}load cannot be measured of no instance", "minimum = 1, or maximum = 0 for none at all"
    elif release.strategy == "in-place" and minimum - batch < max(1, release.minimum):
        left = max(1, release.minimum)
        yield (
            key,
            f"{where}{minimum - batch} of {minimum} instances serve while {batch} are released in place, and {left} must",
            f'minimum = {left + batch}, or release.strategy = "surge"',
        )


def _is_time_zone(name: str) -> bool:
    """Whether the machine's table of time zones has it; true where there is no table."""

    def there(one: str) -> bool:
        try:
            return bool(ZoneInfo(one))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return False

    return there(name) or not there("Etc/UTC")


def windows_are_apart(settings: Settings) -> Iterator[Complaint]:
    """A minute of the week belongs to one window, and the time zone is one."""
    scaling = settings.scaling
    if not _is_time_zone(scaling.time_zone):
        yield ("scaling", "time_zone"), f"{scaling.time_zone!r} is no time zone", "UTC, Europe/Madrid, …"
    minutes = {name: frozenset(window.minutes()) for name, window in scaling.windows.items()}
    for one, other in combinations(sorted(minutes), 2):
        both = minutes[one] & minutes[other]
        if both:
            day, minute = divmod(min(both), DAY)
            yield (
                ("scaling", "windows"),
                f"{one} and {other} both hold on {DAYS[day]} {minute // 60:02}:{minute % 60:02}",
                "windows that do not overlap",
            )
    if len(scaling.steps()) > MOST_STEPS:
        yield (
            ("scaling", "windows"),
            f"they change the size at {len(scaling.steps())} times, and a group has {MOST_STEPS} scheduled actions at most",
            "fewer windows",
        )


TAKEN = 8
"""Addresses of a subnet that no instance gets: AWS's own five (VPC user guide, "Subnet sizing"), and three for NAT and
endpoints: an estimate."""

MOST_STEPS = 125
"""Scheduled actions of a group (Amazon EC2 Auto Scaling user guide, "Quotas")."""


def health_check_times(settings: Settings) -> Iterator[Complaint]:
    service = settings.service
    if service.health_timeout_s >= service.health_interval_s:
        yield (
            ("service", "health_timeout_s"),
            f"is {service.health_timeout_s}, not less than the interval of {service.health_interval_s} s",
            "less than service.health_interval_s",
        )
    if 1 <= service.slow_start_s < 30:
        yield ("service", "slow_start_s"), f"is {service.slow_start_s}", "0, or 30 to 900"


def github_subject_has_ids(settings: Settings) -> Iterator[Complaint]:
    github = settings.github
    if github.subject == "ids" and not (github.owner_id and github.repository_id):
        yield (
            ("github", "subject"),
            "is 'ids', and owner_id or repository_id is missing",
            "both ids: gh api repos/OWNER/NAME --jq '.owner.id, .id'",
        )


def variables_are_not_secrets(settings: Settings) -> Iterator[Complaint]:
    for name in settings.env:
        if name in settings.application.secrets:
            yield ("env", name), "is named in application.secrets too", "keep it in one place"


def processes_stand_beside_the_web_process(settings: Settings) -> Iterator[Complaint]:
    whole = sum(one.count for one in settings.processes.values())
    if whole > MOST_CONTAINERS:
        yield (
            ("processes",),
            f"are {whole} containers on each instance",
            f"at most {MOST_CONTAINERS}, or more instances: compute.count",
        )
    for name, one in settings.processes.items():
        if name in NAMES_TAKEN:
            yield (
                ("processes", name),
                f"{name!r} is what the {NAMES_TAKEN[name]} is called",
                "another name, like worker",
            )
        if one.health_command and one.health_port:
            yield ("processes", name, "health_port"), "stands beside health_command", "one of the two"
        elif not one.health_command and not one.health_port and one.alive_s >= one.start_timeout_s:
            yield (
                ("processes", name, "alive_s"),
                f"is {one.alive_s}, and the process must be well within {one.start_timeout_s} s",
                "less than its start_timeout_s",
            )
        for variable in one.env:
            if variable in settings.application.secrets:
                yield (
                    ("processes", name, "env"),
                    f"{variable} is named in application.secrets too",
                    "another name, or no secret of it",
                )


MOST_CONTAINERS = 20
"""Containers beside the web process on an instance: more do not fit into the report of an instance (4 KB)."""

NAMES_TAKEN = {"web": "process behind the load balancer", "migrate": "container of a migration"}


def names_fit_a_bucket(settings: Settings) -> Iterator[Complaint]:
    """A bucket's name has 63 characters at most (S3 user guide, "Bucket naming rules")."""
    room = 63 - len("-") - len("-assets-") - len("123456789012-") - len(settings.region)
    name, environment = settings.application.name, settings.environment.name
    if len(name) + len(environment) > room:
        yield (
            ("application", "name"),
            f"{name!r} and {environment!r} together have {len(name) + len(environment)} letters; bucket names would be too long",
            f"at most {room} together",
        )


def operators_are_people_of_the_account(settings: Settings) -> Iterator[Complaint]:
    """Whom an ARN with a wildcard means, whoever may make a role decides; another account's roles are another account's to give.

    Identity Center alone makes roles under its path, and ends their names with letters of its own (IAM Identity Center user guide,
    "Referencing permission sets in resource policies"): there an end may be left open.
    """
    for arn in settings.account.operators:
        account, name = arn.split(":")[4], arn.partition(":role/")[2]
        if settings.account.id and account != settings.account.id:
            yield (
                ("account", "operators"),
                f"{arn!r} is a role of another account",
                f"a role of account {settings.account.id}",
            )
        if "*" in name and not _IDENTITY_CENTER.fullmatch(name):
            yield (
                ("account", "operators"),
                f"{arn!r} means every role that somebody may make under such a name",
                "the whole ARN, or aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_<PermissionSet>_*",
            )


_IDENTITY_CENTER = re.compile(
    r"aws-reserved/sso\.amazonaws\.com/(?:[a-z0-9-]+/|\*/|\*)?AWSReservedSSO_[A-Za-z0-9+=,.@_-]+_(?:[0-9a-f]{16}|\*)"
)


def names_of(application: str, environment: str) -> dict[tuple[str, str], str]:
    """What names that services restrict are made of, by resource type and property; a test compares with ``names``."""
    both = f"{application}-{environment}"
    return {
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name"): shortened(both),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name"): shortened(both),
        ("AWS::EC2::SecurityGroup", "GroupName"): f"{both}-alb-sg",
        ("AWS::ECR::Repository", "RepositoryName"): application,
        ("AWS::S3::Bucket", "BucketName"): f"{both}-assets-123456789012",
        ("AWS::SSM::Parameter", "Name"): f"/{application}/{environment}/release/goal",
        ("AWS::SSM::Document", "Name"): f"{both}-run",
        ("AWS::CloudTrail::Trail", "TrailName"): both,
        ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName"): both,
        ("AWS::DynamoDB::Table", "TableName"): f"{application}-deploy-lock",
    }


def names_that_services_take(settings: Settings) -> Iterator[Complaint]:
    """Rules that stand in the services' prose (``service_names``): the first that refuses a name made of these two."""
    application, environment = settings.application.name, settings.environment.name
    parts = (
        (("application", "name"), application, names_of(application, "production")),
        (
            ("environment", "name"),
            environment,
            {
                ("AWS::EC2::SecurityGroup", "GroupName"): f"{environment}-app-sg",
                ("AWS::CloudTrail::Trail", "TrailName"): f"hermes-{environment}",
            },
        ),
    )
    for key, name, made in parts:
        for (kind, prop), whole in made.items():
            why = refusal(kind, prop, whole)
            if why:
                yield key, f"{name!r} makes {whole!r}, which AWS refuses as {kind}: {why}", "another name, like hermes"
                break


RESERVED = ("artifacts", "boundary", "check", "cloudformation", "deploy", "drift", "foundation", "observe")
"""Words that names of the account have where those of an environment have its name: ``hermes-artifacts-...``."""


def names_of_environments_are_apart(settings: Settings) -> Iterator[Complaint]:
    """Roles are bound to names like ``hermes-production-*``: another environment must not be meant by them."""
    name = settings.environment.name
    if name.split("-")[0] in RESERVED:
        yield (
            ("environment", "name"),
            f"{name!r} begins with {name.split('-')[0]!r}, which is in names of the account",
            f"another name than {', '.join(RESERVED)}",
        )


def apart(names: Iterable[str]) -> Iterator[Complaint]:
    """Between all environments of a file: none is another's name and a dash."""
    known = sorted(set(names))
    for short in known:
        for long in known:
            if long.startswith(f"{short}-"):
                yield (
                    ("environments", long),
                    f"{long!r} begins with the name of another environment, {short!r}: permissions on {short}-* would mean both",
                    "a name that does not begin so, like " + repr(f"{long.removeprefix(short + '-')}-{short}"),
                )


RULES: tuple[Rule, ...] = (
    operators_are_people_of_the_account,
    names_that_services_take,
    zones_are_of_the_region,
    image_fits_the_machine,
    allow_list_needs_stable_addresses,
    certificate_is_of_the_region,
    records_need_a_zone,
    batches_fit_the_fleet,
    scaling_has_a_range,
    windows_are_apart,
    health_check_times,
    github_subject_has_ids,
    variables_are_not_secrets,
    processes_stand_beside_the_web_process,
    names_fit_a_bucket,
    names_of_environments_are_apart,
    *ingress_rules.RULES,
    *existing_rules.RULES,
)
