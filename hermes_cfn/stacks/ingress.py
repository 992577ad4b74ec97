"""The rules of the HTTPS listener: maintenance, hosts that are sent on, ``[routes]``, signing in.

The default action stays what it is, the application; a rule that is never written costs nothing, and the first ten of a
request cost nothing either (https://aws.amazon.com/elasticloadbalancing/pricing/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from troposphere import Equals, Parameter, Ref, Template
from troposphere import elasticloadbalancingv2 as elb

from hermes_cfn.config import Settings
from hermes_cfn.config.ingress import HEADERS, VALUES_OF_A_RULE, Route
from hermes_cfn.config.ingress_rules import parts
from hermes_cfn.names import MAINTENANCE
from hermes_cfn.stacks.common import parameter

STATED = "MaintenanceIsOn"
HEALTH, ALLOWED, PAGE, REDIRECTS, SIGN_IN_HEALTH, SIGN_IN = 1, 2, 3, 10, 49_900, 49_990
"""Priorities that are not the user's."""


def attributes(settings: Settings) -> list[elb.ListenerAttribute]:
    """Of the HTTPS listener: every header is said as soon as one is, so that one that goes is taken away."""
    wanted = settings.ingress.headers
    return (
        [elb.ListenerAttribute(Key=key, Value=wanted.get(name, "")) for name, key in HEADERS.items()] if wanted else []
    )


def build(stack: Template, settings: Settings, listener: elb.Listener, target: elb.TargetGroup) -> None:
    """Every rule, as a resource of its own whose logical ID says what it is for."""
    ingress, sign_in = settings.ingress, settings.sign_in
    forward = elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(target))
    health = [_condition("path-pattern", [_literal(settings.application.health_path)])]
    rules = _Rules(stack, listener)
    if ingress.maintenance:
        stack.add_parameter(
            Parameter(
                MAINTENANCE, Type="String", AllowedValues=["on", "off"], Description="Moved by maintenance on and off"
            )
        )
        stack.add_condition(STATED, Equals(Ref(MAINTENANCE), "on"))
        page = _fixed(503, ingress.maintenance_page, "text/html")
        rules.add("MaintenanceHealth", HEALTH, health, [forward], STATED)
        if ingress.maintenance_allows:
            rules.add(
                "MaintenanceAllows", ALLOWED, [_condition("source-ip", ingress.maintenance_allows)], [forward], STATED
            )
        rules.add("MaintenancePage", PAGE, [_condition("path-pattern", ["/*"])], [page], STATED)
    hosts = ingress.redirect_hosts
    for number, at in enumerate(range(0, len(hosts), VALUES_OF_A_RULE)):
        chunk = hosts[at : at + VALUES_OF_A_RULE]
        action = _redirect({"Host": settings.certificate.domain}, 301)
        rules.add(f"RedirectHosts{number + 1}", REDIRECTS + number, [_condition("host-header", chunk)], [action])
    for name, route in settings.routes.items():
        _route(rules, name, route, forward)
    if sign_in.paths:
        rules.add("SignInHealth", SIGN_IN_HEALTH, health, [forward])
        rules.add("SignIn", SIGN_IN, [_condition("path-pattern", sign_in.paths)], _signed_in(settings, target))
    for arn in ingress.certificates:
        stack.add_resource(
            elb.ListenerCertificate(
                _certificate(arn),
                ListenerArn=Ref(listener),
                Certificates=[elb.Certificate(CertificateArn=arn)],
            )
        )


LISTENER = "ListenerArn"
"""The service stack's parameter where the listener is somebody else's."""


def as_a_rule(stack: Template, settings: Settings, target: elb.TargetGroup, certificate: Ref) -> None:
    """One rule of a listener that others use too: requests for our names come to us, and our certificate is offered for them."""
    listener = parameter(stack, LISTENER, "String", "The HTTPS listener that is shared")
    hosts = (settings.certificate.domain, *settings.ingress.hosts)
    for number, at in enumerate(range(0, len(hosts), VALUES_OF_A_RULE)):
        stack.add_resource(
            elb.ListenerRule(
                f"Host{number or ''}Rule",
                ListenerArn=listener,
                Priority=settings.ingress.listener_priority + number,
                Conditions=[_condition("host-header", hosts[at : at + VALUES_OF_A_RULE])],
                Actions=[elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(target))],
            )
        )
    for title, arn in {
        "HostCertificate": certificate,
        **{_certificate(arn): arn for arn in settings.ingress.certificates},
    }.items():
        stack.add_resource(
            elb.ListenerCertificate(title, ListenerArn=listener, Certificates=[elb.Certificate(CertificateArn=arn)])
        )


def _certificate(arn: str) -> str:
    return f"Certificate{arn.rpartition('/')[2].replace('-', '')}"


class _Rules:
    """The rules of one listener."""

    def __init__(self, stack: Template, listener: elb.Listener) -> None:
        self.stack = stack
        self.listener = listener

    def add(
        self,
        title: str,
        priority: int,
        conditions: list[elb.Condition],
        actions: list[elb.ListenerRuleAction],
        when: str = "",
    ) -> None:
        rule = elb.ListenerRule(
            f"{title}Rule", ListenerArn=Ref(self.listener), Priority=priority, Conditions=conditions, Actions=actions
        )
        if when:
            rule.Condition = when
        self.stack.add_resource(rule)


def _route(rules: _Rules, name: str, route: Route, forward: elb.ListenerRuleAction) -> None:
    title = "Route" + "".join(word.capitalize() for word in name.split("-"))
    conditions = [
        _condition(field, values)
        for field, values in (
            ("path-pattern", route.paths),
            ("host-header", route.hosts),
            ("http-request-method", route.methods),
        )
        if values
    ]
    if route.allowed_addresses:
        source = _condition("source-ip", route.allowed_addresses)
        rules.add(title, route.priority, [*conditions, source], [forward])
        rules.add(f"{title}Others", route.priority + 1, conditions, [_fixed(403, "Forbidden", "text/plain")])
    elif route.redirect:
        rules.add(title, route.priority, conditions, [_redirect(dict(_where(route.redirect)), route.status or 301)])
    else:
        rules.add(
            title, route.priority, conditions, [_fixed(route.status or 200, route.answer or "", route.content_type)]
        )


def _where(redirect: str) -> Iterator[tuple[str, str]]:
    """What of a redirect is not as it was asked for."""
    protocol, host, path, query = parts(redirect)
    if protocol:
        scheme, _, port = protocol.partition(":")
        yield "Protocol", scheme
        yield "Port", port or {"HTTP": "80", "HTTPS": "443"}[scheme]
    if host:
        yield "Host", host
    yield "Path", path
    if query:
        yield "Query", query


def _redirect(where: Mapping[str, str], status: int) -> elb.ListenerRuleAction:
    return elb.ListenerRuleAction(
        Type="redirect", RedirectConfig=elb.RedirectConfig(StatusCode=f"HTTP_{status}", **where)
    )


def _fixed(status: int, body: str, kind: str) -> elb.ListenerRuleAction:
    said: dict[str, Any] = {"MessageBody": body} if body else {}
    return elb.ListenerRuleAction(
        Type="fixed-response",
        FixedResponseConfig=elb.FixedResponseConfig(StatusCode=str(status), ContentType=kind, **said),
    )


def _signed_in(settings: Settings, target: elb.TargetGroup) -> list[elb.ListenerRuleAction]:
    """The secret is a dynamic reference: CloudFormation reads it, and no template, parameter or log has it."""
    wanted = settings.sign_in
    oidc = elb.ListenerRuleAuthenticateOidcConfig(
        Issuer=wanted.issuer,
        AuthorizationEndpoint=wanted.authorization_endpoint,
        TokenEndpoint=wanted.token_endpoint,
        UserInfoEndpoint=wanted.user_info_endpoint,
        ClientId=wanted.client_id,
        ClientSecret=f"{{{{resolve:secretsmanager:{wanted.secret_name}:SecretString}}}}",
        OnUnauthenticatedRequest="authenticate",
        Scope=wanted.scope,
        SessionTimeout=wanted.session_s,
    )
    return [
        elb.ListenerRuleAction(Type="authenticate-oidc", Order=1, AuthenticateOidcConfig=oidc),
        elb.ListenerRuleAction(Type="forward", Order=2, TargetGroupArn=Ref(target)),
    ]


def _condition(field: str, values: Any) -> elb.Condition:
    key = "".join(part.capitalize() for part in field.split("-")) + "Config"
    made = {
        "path-pattern": elb.PathPatternConfig,
        "host-header": elb.HostHeaderConfig,
        "http-request-method": elb.HttpRequestMethodConfig,
        "source-ip": elb.SourceIpConfig,
    }[field]
    return elb.Condition(Field=field, **{key: made(Values=list(values))})


def _literal(path: str) -> str:
    """A path as a pattern: what a pattern cannot say of it, any one character stands for."""
    return path.partition("?")[0]
