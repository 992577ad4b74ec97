"""``[ingress]``, ``[routes.NAME]`` and ``[sign_in]``: what is refused, and what of it reaches the load balancer."""

import fnmatch
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_cfn import stacks
from hermes_cfn.cfn.changes import ResourceChange
from hermes_cfn.cfn.template import Resource
from hermes_cfn.config import parse
from hermes_cfn.config.ingress import HEADERS, covers
from hermes_cfn.errors import ConfigurationError
from hermes_cfn.local.fleet.proxy.http import Head
from hermes_cfn.local.fleet.proxy.routing import action_for, redirect_of
from hermes_cfn.local.services.elbv2 import model, traffic
from hermes_cfn.plan import claims

OIDC = """[sign_in]
paths = ["/staff/*"]
issuer = "https://id.example.com"
authorization_endpoint = "https://id.example.com/authorize"
token_endpoint = "https://id.example.com/token"
user_info_endpoint = "https://id.example.com/user"
client_id = "hermes"
secret_name = "hermes/oidc"
"""
SHOP = (
    OIDC
    + """
[certificate]
domain = "shop.example.com"
[ingress]
redirect_hosts = ["www.example.com", "example.com"]
maintenance = true
maintenance_allows = ["203.0.113.7"]
[routes.blog]
priority = 100
paths = ["/blog/*"]
redirect = "https://blog.example.com/#{path}"
[routes.old]
priority = 110
paths = ["/old"]
redirect = "/new?from=old"
status = 302
[routes.robots]
priority = 120
paths = ["/robots.txt"]
answer = "User-agent: *"
[routes.admin]
priority = 130
paths = ["/admin", "/admin/*"]
allowed_addresses = ["203.0.113.0/24"]
[routes.api]
priority = 140
hosts = ["api.example.com"]
methods = ["DELETE"]
answer = "no"
status = 405
"""
)


def service(text, maintenance="off"):
    template = stacks.build(parse(text)).stack("service").template
    on = maintenance == "on"
    return {k: v for k, v in template["Resources"].items() if on or v.get("Condition") != "MaintenanceIsOn"}


def routed(resources):
    """The rules in the embedded balancer's own form, in its own order."""
    rules = [
        model.Rule(
            title,
            str(one["Properties"]["Priority"]),
            one["Properties"]["Conditions"],
            actions(one["Properties"]["Actions"]),
        )
        for title, one in resources.items()
        if one["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule"
    ]
    rules.sort(key=lambda rule: int(rule.priority))
    default = model.Rule("", "default", [], [{"Type": "forward", "TargetGroupArn": "app"}])
    return [traffic._routing(rule) for rule in [*rules, default]]


def actions(given):
    return [
        {**one, **({"TargetGroupArn": "app"} if one["Type"] == "forward" else {})}
        for one in given
        if one["Type"] != "authenticate-oidc"
    ]


ANSWERS = [
    ("shop.example.com", "GET", "/", "198.51.100.1", "app"),
    ("www.example.com", "GET", "/a?b=c", "198.51.100.1", "301 https://shop.example.com/a?b=c"),
    ("example.com", "GET", "/blog/x", "198.51.100.1", "301 https://shop.example.com/blog/x"),
    ("shop.example.com", "GET", "/blog/x", "198.51.100.1", "301 https://blog.example.com/blog/x"),
    ("shop.example.com", "GET", "/blog", "198.51.100.1", "app"),
    ("shop.example.com", "GET", "/old", "198.51.100.1", "302 https://shop.example.com/new?from=old"),
    ("shop.example.com", "GET", "/robots.txt", "198.51.100.1", "200 User-agent: *"),
    ("shop.example.com", "GET", "/admin", "198.51.100.1", "403 Forbidden"),
    ("shop.example.com", "GET", "/admin/users", "203.0.113.9", "app"),
    ("shop.example.com", "GET", "/administer", "198.51.100.1", "app"),
    ("api.example.com", "DELETE", "/x", "198.51.100.1", "405 no"),
    ("api.example.com", "GET", "/x", "198.51.100.1", "app"),
]


def answer(rules, host, method, target, peer):
    head = Head((method.encode(), target.encode(), b"HTTP/1.1"), [(b"host", b"Host", host.encode())])
    action = action_for(rules, head, peer)
    if action["type"] == "redirect":
        return f"{action['status']} {redirect_of(action, head, 'HTTPS', 443)}"
    return "app" if action["type"] == "forward" else f"{action['status']} {action['body']}"


@pytest.mark.parametrize(("host", "method", "target", "peer", "wanted"), ANSWERS)
def test_what_a_visitor_gets(host, method, target, peer, wanted):
    assert answer(routed(service(SHOP)), host, method, target, peer) == wanted


@pytest.mark.parametrize(("host", "method", "target", "peer", "wanted"), ANSWERS)
def test_maintenance_answers_everybody_but_those_it_lets_in_and_the_health_path(host, method, target, peer, wanted):
    rules = routed(service(SHOP, "on"))
    assert answer(rules, host, method, target, peer).startswith("503 <!doctype html>")
    assert answer(rules, host, method, target, "203.0.113.7") == "app"
    assert answer(rules, host, method, "/health", peer) == "app"


def test_the_default_has_no_rule_and_no_word_more():
    assert not [one for one in service("").values() if one["Type"].endswith(("ListenerRule", "ListenerCertificate"))]


def test_the_clients_secret_is_a_reference_that_only_cloudformation_follows():
    template = json.dumps([dict(spec.template) for spec in stacks.build(parse(SHOP))])
    assert "{{resolve:secretsmanager:hermes/oidc:SecretString}}" in template
    assert ":secret:hermes/oidc-??????" in template
    out = service(SHOP)["LoadBalancerSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert [rule["FromPort"] for rule in out] == [443], "the load balancer itself asks the provider"


def test_every_header_is_said_as_soon_as_one_is():
    """CloudFormation leaves an attribute as it is that a template stops saying."""
    said = service("[ingress]\nheaders = { X-Frame-Options = 'DENY' }\n")["HttpsListener"]["Properties"][
        "ListenerAttributes"
    ]
    assert {one["Key"]: one["Value"] for one in said} == {
        key: "DENY" if name == "X-Frame-Options" else "" for name, key in HEADERS.items()
    }


def test_an_apex_and_a_name_of_another_domain_are_on_the_certificate():
    made = stacks.build(
        parse(
            '[certificate]\ndomain = "www.shop.com"\n[ingress]\nhosts = ["shop.org", "a.www.shop.com"]\nredirect_hosts = ["shop.com"]\n'
        )
    )
    names = made.stack("certificate").template["Resources"]["Certificate"]["Properties"]["SubjectAlternativeNames"]
    assert names == ["*.www.shop.com", "shop.org", "shop.com"]


ROUTE = "[routes.a]\npriority = 100\n"
REFUSED = {
    "route without priority": "[routes.a]\npaths = ['/x']\nanswer = ''\n",
    "priority of ours": "[routes.a]\npriority = 3\npaths = ['/x']\nanswer = ''\n",
    "unknown key": ROUTE + "paths = ['/x']\nanswer = ''\ncolour = 'red'\n",
    "nothing done": ROUTE + "paths = ['/x']\n",
    "two things done": ROUTE + "paths = ['/x']\nanswer = ''\nredirect = '/y'\n",
    "no condition": ROUTE + "answer = ''\n",
    "six values": ROUTE + "paths = ['/1', '/2', '/3']\nhosts = ['a.com', 'b.com', 'c.com']\nanswer = ''\n",
    "path without a slash": ROUTE + "paths = ['x']\nanswer = ''\n",
    "path too long": ROUTE + f"paths = ['/{'x' * 128}']\nanswer = ''\n",
    "host without a dot": ROUTE + "hosts = ['localhost']\nanswer = ''\n",
    "answer too long": ROUTE + f"paths = ['/x']\nanswer = '{'x' * 1025}'\n",
    "redirect by 307": ROUTE + "paths = ['/x']\nredirect = '/y'\nstatus = 307\n",
    "answer by 301": ROUTE + "paths = ['/x']\nanswer = ''\nstatus = 301\n",
    "status of an allow-list": ROUTE + "paths = ['/x']\nallowed_addresses = ['203.0.113.0/24']\nstatus = 403\n",
    "redirect to itself": ROUTE + "paths = ['/x/*']\nredirect = '/x/y'\n",
    "redirect of all to a path": ROUTE + "paths = ['/*']\nredirect = '/new/#{path}'\n",
    "unknown placeholder": ROUTE + "paths = ['/x']\nredirect = '/#{uri}'\n",
    "redirect to no address": ROUTE + "paths = ['/x']\nredirect = 'y'\n",
    "no range": ROUTE + "paths = ['/x']\nallowed_addresses = ['203.0.113.1/24']\n",
    "same priority": ROUTE + "paths = ['/x']\nanswer = ''\n[routes.b]\npriority = 100\npaths = ['/y']\nanswer = ''\n",
    "priority of an allow-list's others": ROUTE
    + "paths = ['/x']\nallowed_addresses = ['203.0.113.0/24']\n[routes.b]\npriority = 101\npaths = ['/y']\nanswer = ''\n",
    "shadowed": ROUTE + "paths = ['/x/*']\nanswer = ''\n[routes.b]\npriority = 200\npaths = ['/x/y*', '/x/z']\nanswer = ''\n",
    "shadowed by any path": ROUTE + "hosts = ['*.a.com']\nanswer = ''\n[routes.b]\npriority = 200\nhosts = ['B.A.com'.lower()]\nanswer = ''\n".replace("'B.A.com'.lower()", "'b.a.com'"),
    "host that is sent on": ROUTE + "hosts = ['www.a.com']\nanswer = ''\n[ingress]\nredirect_hosts = ['www.a.com']\n",
    "host named twice": "[ingress]\nhosts = ['a.com']\nredirect_hosts = ['a.com']\n",
    "own domain sent on": "[certificate]\ndomain = 'a.com'\n[ingress]\nredirect_hosts = ['a.com']\n",
    "header that is not the balancer's": "[ingress]\nheaders = { Server = 'x' }\n",
    "header with a line break": '[ingress]\nheaders = { X-Frame-Options = "a\\nb" }\n',
    "certificate of another region": "[ingress]\ncertificates = ['arn:aws:acm:eu-west-1:123456789012:certificate/0f']\n",
    "host of another zone": "[certificate]\ndomain = 'a.com'\nvalidation = 'route53'\nhosted_zone_id = 'Z0123456789ABC'\n[ingress]\nhosts = ['b.org']\n",
    "allows without a page": "[ingress]\nmaintenance_allows = ['203.0.113.7']\n",
    "empty page": "[ingress]\nmaintenance = true\nmaintenance_page = ''\n",
    "half a provider": "[sign_in]\npaths = ['/x']\nissuer = 'https://id.example.com'\n",
    "a provider for no path": OIDC.replace('paths = ["/staff/*"]\n', ""),
    "provider without TLS": OIDC.replace("https://id.example.com/token", "http://id.example.com/token"),
    "no openid": OIDC + 'scope = "email"\n',
    "route that is no table": "routes = 3\n",
    "route that is a number": "[routes]\na = 3\n",
    "name of a route": "[routes.A_b]\npriority = 100\npaths = ['/x']\nanswer = ''\n",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_the_load_balancer_would_refuse_or_never_reach_is_one_finding(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    (finding,) = caught.value.findings
    assert finding.next and finding.where.startswith("hermes.toml:")


FINE = [
    ROUTE + "paths = ['/*']\nredirect = 'https://other.example.com/#{path}'\n",
    ROUTE + "paths = ['/x']\nredirect = '/x/'\n",
    ROUTE + "hosts = ['old.example.com']\nredirect = 'https://new.example.com/#{path}?#{query}'\n",
    ROUTE
    + "paths = ['/x*']\nmethods = ['GET']\nanswer = ''\n[routes.b]\npriority = 200\npaths = ['/xy']\nanswer = ''\n",
    ROUTE
    + "paths = ['/x']\nanswer = ''\n[environments.staging.routes.a]\npriority = 300\npaths = ['/y']\nanswer = ''\n",
]


@pytest.mark.parametrize("text", FINE)
def test_what_is_reached_is_taken(text):
    parse(text)


ALPHABET = st.text("ab*?/", max_size=6)


@given(ALPHABET, ALPHABET, st.text("ab/", max_size=8))
def test_a_cover_matches_whatever_the_other_pattern_matches(pattern, other, text):
    if covers(pattern, other) and fnmatch.fnmatchcase(text, other):
        assert fnmatch.fnmatchcase(text, pattern)


@given(ALPHABET, st.text("ab/", max_size=8))
def test_a_cover_of_a_plain_text_is_a_match(pattern, text):
    assert covers(pattern, text) == fnmatch.fnmatchcase(text, pattern)


RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


def rule(title, priority):
    return Resource(title, RULE, {"Priority": priority})


@pytest.mark.parametrize(
    ("before", "after", "clash"),
    [
        ({"A": 100}, {"A": 100, "B": 110}, set()),
        ({"A": 100}, {"A": 110}, set()),
        ({"A": 100, "B": 110}, {"A": 110, "B": 100}, {"A", "B"}),
        ({"A": 100}, {"B": 100}, {"B"}),
        ({"A": 100}, {"A": 110, "B": 100}, {"B"}),
        ({}, {"A": 100}, set()),
    ],
)
def test_a_priority_that_another_rule_still_has_is_refused_before_anything_is_touched(before, after, clash):
    old, new = ({title: rule(title, number) for title, number in rules.items()} for rules in (before, after))
    found = [
        ResourceChange("Modify" if title in old else "Add", title, RULE)
        for title in new
        if title not in old or old[title].properties != new[title].properties
    ]
    told = list(claims.priorities("service", old, new, found))
    assert {finding.where.partition("/")[2] for finding in told} == clash
    assert {finding.code for finding in told} <= {"priority-taken"}
