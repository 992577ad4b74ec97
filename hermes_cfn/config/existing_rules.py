"""What an existing network, an existing listener and a shared environment ask of the other settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hermes_cfn.config.settings import Settings

Complaint = tuple[tuple[str, ...], str, str]


def subnets_are_said_with_their_vpc(settings: Settings) -> Iterator[Complaint]:
    network, shares = settings.network, settings.environment.shares
    public = network.egress == "public-subnets"
    if shares:
        for key in ("vpc_id", "public_subnets", "private_subnets"):
            if getattr(network, key):
                yield ("network", key), f"the network is that of {shares}, by environment.shares", "one of the two"
        return
    if not network.vpc_id:
        for key in ("public_subnets", "private_subnets"):
            if getattr(network, key):
                yield (
                    ("network", key),
                    "there is no vpc_id that they could be of",
                    "vpc_id; without it a VPC with subnets is made",
                )
        return
    if network.egress not in ("nat-gateway", "public-subnets"):
        yield (
            ("network", "egress"),
            f"{network.egress!r} is of a network that is made; in an existing one the subnets' own routes lead out",
            'no egress, or egress = "public-subnets" for instances in the public ones',
        )
    if len(network.public_subnets) < 2 and settings.own_balancer:
        yield (
            ("network", "public_subnets"),
            "a load balancer needs subnets in two zones",
            "two public subnets, each in another zone",
        )
    if not network.private_subnets and not public:
        yield (
            ("network", "private_subnets"),
            "says no subnet for the instances",
            'private subnets; or egress = "public-subnets"',
        )
    if public and not network.public_subnets:
        yield ("network", "public_subnets"), "says no subnet for the instances", "public subnets"
    for key in ("public_subnets", "private_subnets"):
        if len(set(getattr(network, key))) < len(getattr(network, key)):
            yield ("network", key), "a subnet is named twice", "name each once"
    if network.interface_endpoints:
        yield (
            ("network", "interface_endpoints"),
            "endpoints are made in a network that is made",
            "make them with that VPC",
        )


OWNERS = (
    ("ingress", "maintenance"), ("ingress", "redirect_hosts"), ("ingress", "allowed_addresses"), ("ingress", "headers"),
    ("sign_in", "paths"), ("service", "waf"), ("service", "access_logs"),
)  # fmt: skip
"""What is of the load balancer as a whole, and so its owner's to say."""


def a_shared_listener_is_its_owners(settings: Settings) -> Iterator[Complaint]:
    ingress, shares = settings.ingress, settings.environment.shares
    if shares and ingress.listener_arn:
        yield (
            ("ingress", "listener_arn"),
            f"the load balancer is that of {shares}, by environment.shares",
            "one of the two",
        )
    if settings.own_balancer:
        if ingress.listener_priority:
            yield (
                ("ingress", "listener_priority"),
                "the load balancer is this deployment's own",
                "listener_arn, or leave it out",
            )
        return
    if not ingress.listener_priority:
        yield (
            ("ingress", "listener_priority"),
            "is missing: a rule of a listener that others use too needs a number of its own",
            "a number from 1 to 50000 that no other rule of it has",
        )
    if ingress.listener_arn and ingress.listener_arn.split(":")[3] != settings.region:
        yield ("ingress", "listener_arn"), f"is not in {settings.region}", f"a listener of {settings.region}"
    if ingress.listener_arn and settings.own_network:
        yield (
            ("ingress", "listener_arn"),
            "its load balancer reaches targets of its own VPC only, and this deployment makes another one",
            "network.vpc_id with the load balancer's VPC",
        )
    for section, key in OWNERS:
        if getattr(getattr(settings, section), key):
            yield (
                (section, key),
                "is the load balancer's as a whole, which others use too",
                "take it out; its owner may say it",
            )
    if settings.routes:
        yield (
            ("routes", next(iter(settings.routes))),
            "routes are not offered on a listener that others use too",
            "let the application answer; routes = {} in [environments.NAME] takes those of the base away",
        )


def an_image_is_built_or_fetched(settings: Settings) -> Iterator[Complaint]:
    build = settings.build
    made = [
        key
        for key, default in (("context", "."), ("dockerfile", ""), ("target", ""), ("args", {}), ("secrets", ()))
        if getattr(build, key) != default
    ]
    if build.image and made:
        yield ("build", made[0]), "is for building, and image names one that is ready-made", "one of the two"
    if bool(build.registry_user) != bool(build.registry_password):
        key = "registry_password" if build.registry_user else "registry_user"
        yield (
            ("build", key),
            "is missing: a registry that asks for one asks for both",
            "the name of the variable that holds it" if build.registry_user else "the user",
        )
    if build.registry_user and not build.image:
        yield ("build", "registry_user"), "there is no image that it could be for", "image, or neither"
    if build.image and ":" not in build.image.rpartition("/")[2]:
        yield (
            ("build", "image"),
            f"{build.image!r} names no version, so that nobody knows which one runs",
            "a tag, {tag}, or @sha256:…",
        )
    for name in build.args:
        if name in build.secrets or name in settings.application.secrets:
            yield (
                ("build", "args"),
                f"{name} is a secret by another key, and build arguments stay readable in the image",
                "build.secrets",
            )


RULES = (an_image_is_built_or_fetched, subnets_are_said_with_their_vpc, a_shared_listener_is_its_owners)


def between(family: Sequence[Settings]) -> Iterator[Complaint]:
    """Between all environments of a file: who shares whom, and two that claim one priority or one host of one listener."""
    found = list(_sharing(family))
    yield from found or (*_hosts(family), *_secrets(family))


def _hosts(family: Sequence[Settings]) -> Iterator[Complaint]:
    """A rule comes before the owner's default: one for a host of somebody else would take that host's requests from it."""
    owners: dict[tuple[str, str], str] = {}
    by_name = {one.environment.name: one for one in family}
    for one in sorted(family, key=lambda one: bool(one.environment.shares)):
        mine, ingress = one.environment.name, one.ingress
        sharers = any(other.environment.shares == mine for other in family)
        listener = ingress.listener_arn or one.environment.shares or (mine if sharers else "")
        hosts = {
            one.certificate.domain: ("certificate", "domain"),
            **dict.fromkeys(ingress.hosts, ("ingress", "hosts")),
        }
        hosts |= dict.fromkeys(ingress.redirect_hosts, ("ingress", "redirect_hosts"))
        for host, key in hosts.items() if listener else ():
            holder = owners.setdefault((listener, host), mine)
            if holder == mine:
                continue
            own = by_name[holder].certificate.domain == host
            yield (
                ("environments", mine, *key),
                f"{host!r} is {'the domain' if own else 'a host'} of {holder!r}, which has the same load balancer: this one would get its requests",
                f"a host of its own, like {mine}.{host}",
            )


def _secrets(family: Sequence[Settings]) -> Iterator[Complaint]:
    """What is called as another environment's extras are is that one's, and no role of this one may read it."""
    for one in family:
        for other in family:
            prefix = f"{other.application.name}-{other.environment.name}-extra-"
            if other.environment.name != one.environment.name and one.sign_in.secret_name.startswith(prefix):
                yield (
                    ("environments", one.environment.name, "sign_in", "secret_name"),
                    f"{one.sign_in.secret_name!r} is called as the secrets of the extras of {other.environment.name!r} are",
                    "a secret of its own",
                )


def _sharing(family: Sequence[Settings]) -> Iterator[Complaint]:
    known = {one.environment.name: one for one in family}
    claimed: dict[tuple[str, int], str] = {}
    for one in family:
        mine, shares = one.environment.name, one.environment.shares
        key = ("environments", mine, "environment", "shares")
        owner = known.get(shares)
        if shares and (owner is None or shares == mine):
            others = ", ".join(name for name in known if name != mine) or "there is none beside it"
            yield key, f"there is no other environment {shares!r} in this file, account and region", f"one of {others}"
        elif owner is not None and owner.environment.shares:
            yield (
                key,
                f"{shares!r} itself shares {owner.environment.shares!r}",
                f"shares = {owner.environment.shares!r}",
            )
        elif owner is not None and (one.network.egress == "public-subnets") != (
            owner.network.egress == "public-subnets"
        ):
            yield (
                ("environments", mine, "network", "egress"),
                f"{shares} has {owner.network.egress!r}, and its network is shared",
                "the same",
            )
        listener = one.ingress.listener_arn or (f"of {shares}" if owner is not None else "")
        if not listener or not one.ingress.listener_priority:
            continue
        taken = (
            {number for route in owner.routes.values() for number in route.priorities} if owner is not None else set()
        )
        fixed = set(range(1, 100)) | set(range(49_000, 50_001)) if owner is not None else set()
        number = one.ingress.listener_priority
        holder = claimed.setdefault((listener, number), mine)
        if holder != mine or number in taken or number in fixed:
            whose = (
                repr(holder)
                if holder != mine
                else f"a route of {shares!r}"
                if number in taken
                else f"{shares!r} for rules of its own"
            )
            yield (
                ("environments", mine, "ingress", "listener_priority"),
                f"{number} of the listener {listener.rpartition('/')[2]} is claimed by {whose} too",
                "a number that nobody else has" + (", from 100 to 48999" if owner is not None else ""),
            )
