"""What ``[ingress]``, ``[routes.NAME]`` and ``[sign_in]`` must agree on, among themselves and with the other sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from hermes_cfn.config.ingress import VALUES_OF_A_RULE, Route, covers
from hermes_cfn.config.settings import Settings

Complaint = tuple[tuple[str, ...], str, str]

MOST_RULES = 100
"""Of one load balancer, without its default rules (ALB quotas)."""

PLACEHOLDERS = frozenset({"protocol", "host", "port", "path", "query"})
REDIRECTS = (301, 302)


def hosts_are_named_once(settings: Settings) -> Iterator[Complaint]:
    seen = {settings.certificate.domain: "certificate.domain"}
    for key in ("hosts", "redirect_hosts"):
        for host in getattr(settings.ingress, key):
            if host in seen:
                yield ("ingress", key), f"{host!r} is named in {seen[host]} too", "name each host once"
            seen.setdefault(host, f"ingress.{key}")


def certificates_are_of_the_region(settings: Settings) -> Iterator[Complaint]:
    for arn in settings.ingress.certificates:
        if arn.split(":")[3] != settings.region:
            yield (
                ("ingress", "certificates"),
                f"{arn} is a certificate of {arn.split(':')[3]}, and the load balancer is in {settings.region}",
                f"one of {settings.region}",
            )


def hosts_are_validated(settings: Settings) -> Iterator[Complaint]:
    """By Route 53 a certificate's record is made in one zone: a name of another domain has none there."""
    certificate = settings.certificate
    if certificate.arn or certificate.validation != "route53":
        return
    for host in settings.requested_hosts:
        if _top(host) != _top(certificate.domain):
            yield (
                ("ingress", "redirect_hosts" if host in settings.ingress.redirect_hosts else "hosts"),
                f"{host!r} is in another zone than {certificate.domain}, whose zone validates the certificate",
                "request a certificate for it yourself, and write its ARN in ingress.certificates",
            )


def _top(host: str) -> list[str]:
    return host.split(".")[-2:]


def routes_do_one_thing(settings: Settings) -> Iterator[Complaint]:
    for name, route in settings.routes.items():
        key = ("routes", name)
        does = [
            word for word, said in (("redirect", bool(route.redirect)), ("answer", route.answer is not None)) if said
        ]
        if route.allowed_addresses:
            does.append("allowed_addresses")
        if len(does) != 1:
            yield (
                key,
                f"it says {' and '.join(does) or 'nothing that shall be done'}",
                "one of redirect, answer or allowed_addresses",
            )
        if not (route.paths or route.hosts or route.methods):
            yield key, "it says no paths, hosts or methods", 'paths = ["/*"] means every request'
        if route.values > VALUES_OF_A_RULE:
            yield (
                key,
                f"it has {route.values} values, and a rule of the load balancer may have {VALUES_OF_A_RULE}",
                "two routes",
            )
        yield from _status(key, route)
        yield from _target(key, route, settings)


def _status(key: tuple[str, ...], route: Route) -> Iterator[Complaint]:
    if route.status is None:
        return
    if route.redirect and route.status not in REDIRECTS:
        yield (*key, "status"), f"{route.status} is no redirect of the load balancer", "301 or 302"
    elif not route.redirect and (route.answer is None or route.status // 100 == 3):
        instead = (
            "redirect for 301 and 302" if route.answer is not None else "answer or redirect beside it, or no status"
        )
        yield (
            (*key, "status"),
            f"{route.status} is no status of {'an answer' if route.answer is not None else 'this route'}",
            instead,
        )


def _target(key: tuple[str, ...], route: Route, settings: Settings) -> Iterator[Complaint]:
    """``redirect``: placeholders that there are, a host that is one, and no way back to the route itself."""
    if not route.redirect:
        return
    unknown = set(re.findall(r"#\{([^}]*)\}", route.redirect)) - PLACEHOLDERS
    if unknown:
        words = ", ".join(f"#{{{word}}}" for word in sorted(PLACEHOLDERS))
        yield (*key, "redirect"), f"#{{{sorted(unknown)[0]}}} stands for nothing", f"one of {words}"
        return
    _, host, path, query = parts(route.redirect)
    where = host.replace("#{host}", "*")
    known = {settings.certificate.domain, *settings.ingress.hosts}
    here = (
        host in ("", "#{host}") or any(covers(one, where) for one in route.hosts) or (not route.hosts and host in known)
    )
    again = (
        any(covers(one, path.replace("#{path}", "*").replace("//", "/")) for one in route.paths)
        if route.paths
        else True
    )
    if here and again and not query.strip("#{query}"):
        yield (
            (*key, "redirect"),
            f"{route.redirect!r} matches the route's own paths: it would lead to itself without end",
            "another path or host, or narrower paths",
        )


def parts(redirect: str) -> tuple[str, str, str, str]:
    """Protocol and port, host, path and query of a redirect; what is not written is empty."""
    if redirect.startswith("/"):
        path, _, query = redirect.partition("?")
        return "", "", path, query
    whole = urlsplit(redirect.replace("#", "\0"))
    scheme = whole.scheme.upper() + (f":{whole.port}" if whole.port else "")
    return (
        scheme,
        (whole.hostname or "").replace("\0", "#"),
        whole.path.replace("\0", "#") or "/",
        whole.query.replace("\0", "#"),
    )


def routes_are_reached(settings: Settings) -> Iterator[Complaint]:
    ordered = sorted(settings.routes.items(), key=lambda item: item[1].priority)
    holders: dict[int, str] = {}
    for name, route in ordered:
        for number in route.priorities:
            if number in holders:
                yield (
                    ("routes", name, "priority"),
                    f"{number} is taken by the route {holders[number]!r}"
                    + (
                        ", whose allow-list takes two numbers"
                        if number != settings.routes[holders[number]].priority
                        else ""
                    ),
                    f"a number that is free, like {max(max(one.priorities) for one in settings.routes.values()) + 10}",
                )
                break
        else:
            holders |= dict.fromkeys(route.priorities, name)
    for at, (name, route) in enumerate(ordered):
        hidden = next(
            (other for other, earlier in ordered[:at] if earlier.priority < route.priority and earlier.shadows(route)),
            None,
        )
        if hidden is not None:
            yield (
                ("routes", name),
                f"it is never reached: the route {hidden!r} comes before it and matches every request that it means",
                f"a smaller priority than {settings.routes[hidden].priority}, or take it out",
            )
        gone = [host for host in route.hosts if any(host == one for one in settings.ingress.redirect_hosts)]
        if gone and len(gone) == len(route.hosts):
            yield (
                ("routes", name, "hosts"),
                f"requests for {', '.join(gone)} are sent on by ingress.redirect_hosts before",
                "take the host out of one of the two",
            )


def rules_fit_the_balancer(settings: Settings) -> Iterator[Complaint]:
    count = sum(len(route.priorities) for route in settings.routes.values())
    if count > MOST_RULES - 10:
        yield (
            ("routes",),
            f"they are {count} rules, and a load balancer has room for {MOST_RULES}",
            "fewer routes; let the application answer",
        )


def maintenance_is_ready(settings: Settings) -> Iterator[Complaint]:
    ingress = settings.ingress
    if ingress.maintenance_allows and not ingress.maintenance:
        yield (
            ("ingress", "maintenance_allows"),
            "there is no maintenance page that it could be for",
            "maintenance = true",
        )
    if ingress.maintenance and not ingress.maintenance_page:
        yield ("ingress", "maintenance_page"), "is empty", "HTML of at most 1,024 characters"


NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "user_info_endpoint", "client_id", "secret_name")


def sign_in_is_whole(settings: Settings) -> Iterator[Complaint]:
    """The load balancer refuses an incomplete provider (ELB API reference, AuthenticateOidcActionConfig)."""
    missing = [key for key in NEEDED if not getattr(settings.sign_in, key)]
    if settings.sign_in.paths and missing:
        yield (
            ("sign_in", missing[0]),
            f"is missing{', with ' + ', '.join(missing[1:]) if missing[1:] else ''}",
            "the provider tells all of them",
        )
    if not settings.sign_in.paths and len(missing) < len(NEEDED):
        yield (
            ("sign_in", "paths"),
            "says no path that asks for signing in",
            'paths = ["/*"] for everything, or take the section out',
        )
    if "openid" not in settings.sign_in.scope.split():
        yield ("sign_in", "scope"), "has no openid, without which it is no OpenID Connect", 'scope = "openid email"'


RULES = (
    hosts_are_named_once,
    certificates_are_of_the_region,
    hosts_are_validated,
    routes_do_one_thing,
    routes_are_reached,
    rules_fit_the_balancer,
    maintenance_is_ready,
    sign_in_is_whole,
)
