"""Listener rules: the action for a request ("Listener rules", ALB user guide)."""

from __future__ import annotations

import fnmatch
import random
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qsl

from hermes_cfn.local.fleet.proxy.http import Head


def action_for(rules: list[dict[str, Any]], head: Head, peer: str = "") -> dict[str, Any]:
    """The last (routing) action of the first rule that matches a request of address ``peer``; rules come in order of priority."""
    for rule in rules:
        if all(_holds(condition, head, peer) for condition in rule["conditions"]):
            return dict(rule["actions"][-1])
    return {"type": "fixed-response", "status": 503}


def target_group_of(action: dict[str, Any]) -> str:
    """The target group of a forward action, chosen by weight."""
    groups: list[tuple[str, int]] = [(group["arn"], int(group["weight"])) for group in action["groups"]]
    if len(groups) == 1:
        return groups[0][0]
    return random.choices([arn for arn, _ in groups], [weight for _, weight in groups])[0]  # noqa: S311 - chance, not a secret


def redirect_of(action: dict[str, Any], head: Head, protocol: str, port: int) -> str:
    """The address that a redirect action leads to, with ``#{...}`` filled in."""
    host = head.get(b"host").decode("latin-1").partition(":")[0]
    path, _, query = head.words[1].decode("latin-1").partition("?")
    values = {"protocol": protocol, "host": host, "port": str(port), "path": path.lstrip("/"), "query": query}

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace("#{" + name + "}", value)
        return text

    scheme = filled(action.get("protocol") or "#{protocol}").lower()
    where = filled(action.get("host") or "#{host}")
    number = filled(action.get("port") or "#{port}")
    shown_port = "" if (scheme, number) in (("http", "80"), ("https", "443")) else f":{number}"
    rest = filled(action.get("path") or "/#{path}")
    asked = filled(action.get("query") or "#{query}")
    return f"{scheme}://{where}{shown_port}{rest}{'?' + asked if asked else ''}"


def _holds(condition: dict[str, Any], head: Head, peer: str) -> bool:
    target = head.words[1].decode("latin-1")
    path, _, query = target.partition("?")
    values = condition["values"]
    match condition["field"]:
        case "path-pattern":
            return any(fnmatch.fnmatchcase(path, pattern) for pattern in values)
        case "host-header":
            host = head.get(b"host").decode("latin-1").partition(":")[0].lower()
            return any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in values)
        case "source-ip":
            return bool(peer) and any(ip_address(peer) in ip_network(one) for one in values)
        case "http-request-method":
            return head.words[0].decode("latin-1") in values
        case "http-header":
            found = head.get(condition["name"].lower().encode()).decode("latin-1").lower()
            return bool(found) and any(fnmatch.fnmatchcase(found, pattern.lower()) for pattern in values)
        case "query-string":
            pairs = parse_qsl(query, keep_blank_values=True)
            return any(
                fnmatch.fnmatchcase(value, wanted["Value"]) and wanted.get("Key", name) == name
                for wanted in values for name, value in pairs
            )  # fmt: skip
    return False
