"""``[ingress]``, ``[routes.NAME]`` and ``[sign_in]``: by which names, from where and on which paths requests come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from hermes_cfn.config.section import Domain, Section

CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$")
]
HEADERS: Mapping[str, str] = {
    name: "routing.http.response." + name.lower().replace("-", "_") + ".header_value"
    for name in (
        "Strict-Transport-Security",
        "Content-Security-Policy",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Credentials",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
    )
}
"""Response header -> attribute of a listener (ELB API reference, ListenerAttribute); there are no others."""

VALUES_OF_A_RULE = 5
"""Condition values that one listener rule may have (ALB quotas, "Condition values per rule")."""

MOST_BODY = 1024
"""Characters of a fixed answer (ELB API reference, FixedResponseActionConfig)."""

LEAST_PRIORITY, MOST_PRIORITY = 100, 49_000
"""Of routes: the numbers below are the maintenance page's and the redirected hosts', those above sign-in's."""

RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?.-]{1,100}\.[a-z]{2,20}$")]
Body = Annotated[str, StringConstraints(max_length=MOST_BODY)]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=1024)]
ContentType = Literal["text/plain", "text/html", "text/css", "application/javascript", "application/json"]


def _ranges(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        try:
            ip_network(one)
        except ValueError as error:
            raise ValueError(f"{error}; write it like 203.0.113.0/24 or 2001:db8::/32") from error
    if len(set(value)) < len(value):
        raise ValueError("a range stands there twice")
    return tuple(str(ip_network(one)) for one in value)


class Ingress(Section):
    """The load balancer's own rules, beside ``[routes]``."""

    listener_arn: Annotated[
        str,
        StringConstraints(
            pattern=r"^(arn:aws:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[A-Za-z0-9-]{1,32}/[0-9a-f]+/[0-9a-f]+)?$"
        ),
    ] = ""
    listener_priority: Annotated[int, Field(ge=0, le=50_000)] = 0
    hosts: Annotated[tuple[Domain, ...], Field(strict=False, max_length=20)] = ()
    redirect_hosts: Annotated[tuple[Domain, ...], Field(strict=False, max_length=20)] = ()
    certificates: Annotated[tuple[CertificateArn, ...], Field(strict=False, max_length=20)] = ()
    allowed_addresses: Annotated[tuple[str, ...], Field(strict=False, max_length=25)] = ()
    headers: Mapping[str, HeaderValue] = Field(default_factory=dict)
    maintenance: bool = False
    maintenance_page: Body = "<!doctype html><title>Maintenance</title><h1>We will be back soon.</h1>"
    maintenance_allows: Annotated[tuple[str, ...], Field(strict=False, max_length=4)] = ()

    _checked = field_validator("allowed_addresses", "maintenance_allows")(_ranges)

    @field_validator("headers")
    @classmethod
    def _that_the_balancer_has(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        unknown = [name for name in value if name not in HEADERS]
        if unknown:
            raise ValueError(
                f"the load balancer cannot add {', '.join(unknown)}: let the application answer it; it adds {', '.join(HEADERS)}"
            )
        return value


class Route(Section):
    """Requests that match ``hosts``, ``paths`` and ``methods`` at once; the smallest ``priority`` that matches wins.

    ``redirect`` or ``answer`` is what they get; with ``allowed_addresses`` alone they reach the application from there,
    and get 403 from elsewhere.
    """

    priority: Annotated[int, Field(ge=LEAST_PRIORITY, le=MOST_PRIORITY)]
    paths: Annotated[tuple[Path, ...], Field(strict=False, max_length=VALUES_OF_A_RULE)] = ()
    hosts: Annotated[tuple[Host, ...], Field(strict=False, max_length=VALUES_OF_A_RULE)] = ()
    methods: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z_-]{1,40}$")], ...],
        Field(strict=False, max_length=VALUES_OF_A_RULE),
    ] = ()
    redirect: Annotated[
        str, StringConstraints(pattern=r"^((https?://[a-z0-9#{}.-]+(:[0-9]{1,5})?)?/.*)?$", max_length=300)
    ] = ""
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    answer: Body | None = None
    content_type: ContentType = "text/plain"
    allowed_addresses: Annotated[tuple[str, ...], Field(strict=False, max_length=VALUES_OF_A_RULE)] = ()

    _checked = field_validator("allowed_addresses")(_ranges)

    @property
    def priorities(self) -> tuple[int, ...]:
        """Those that it takes: with an allow-list the next one too, for everybody else."""
        return (self.priority, self.priority + 1) if self.allowed_addresses else (self.priority,)

    @property
    def values(self) -> int:
        """Condition values of its rule."""
        return len(self.paths) + len(self.hosts) + len(self.methods) + len(self.allowed_addresses)

    def shadows(self, later: Route) -> bool:
        """Whether no request that ``later`` means gets past this one."""
        return (
            _all_covered(self.paths, later.paths, fold=False)
            and _all_covered(self.hosts, later.hosts, fold=True)
            and (not self.methods or (bool(later.methods) and set(later.methods) <= set(self.methods)))
        )


def _all_covered(mine: tuple[str, ...], others: tuple[str, ...], fold: bool) -> bool:
    if not mine:
        return True
    wanted = others or ("*",)
    return all(
        any(covers(one.lower() if fold else one, other.lower() if fold else other) for one in mine) for other in wanted
    )


def covers(pattern: str, other: str) -> bool:
    """Whether everything that ``other`` matches, ``pattern`` matches: ``*`` is any text, ``?`` one character.

    A sound answer: True is proven, and False may be a cover that no single alignment shows.
    """
    reached = set(_past_stars(pattern, {0}))
    for character in other:
        step = set()
        for at in reached:
            if at == len(pattern):
                continue
            if pattern[at] == "*":
                step.add(at)
            elif character != "*" and pattern[at] in ("?", character):
                step.add(at + 1)
        reached = set(_past_stars(pattern, step))
    return len(pattern) in reached


def _past_stars(pattern: str, places: set[int]) -> Iterator[int]:
    for at in places:
        yield at
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            yield at


class SignIn(Section):
    """OpenID Connect at the load balancer, for ``paths``; the client's secret lies in Secrets Manager under ``secret_name``."""

    paths: Annotated[tuple[Path, ...], Field(strict=False, max_length=4)] = ()
    issuer: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    user_info_endpoint: str = ""
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]*$", max_length=500)] = ""
    secret_name: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9/_+=.@-]{1,200})?$")] = ""
    scope: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e ]+$")] = "openid"
    session_s: Annotated[int, Field(ge=1, le=604_800)] = 604_800

    @field_validator("issuer", "authorization_endpoint", "token_endpoint", "user_info_endpoint")
    @classmethod
    def _over_https(cls, value: str) -> str:
        if value and not (value.startswith("https://") and len(value.split()) == 1 and len(value) > len("https://")):
            raise ValueError(
                "is not an address that begins with https://; the provider's /.well-known/openid-configuration has it"
            )
        return value
