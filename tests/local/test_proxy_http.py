"""The proxy's framing and rules, byte by byte."""

from __future__ import annotations

import pytest

from hermes_cfn.local.fleet.proxy.headers import Forwarding
from hermes_cfn.local.fleet.proxy.http import Body, Head, Malformed, answer, read_head
from hermes_cfn.local.fleet.proxy.routing import action_for, redirect_of
from hermes_cfn.local.fleet.proxy.targets import _matches


def head(target: str = "/", host: str = "example.com", method: str = "GET") -> Head:
    found = read_head(bytearray(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()))
    assert found is not None
    return found


def test_heads_arrive_in_pieces():
    buffer = bytearray(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert read_head(buffer) is None
    buffer += b"\r\nrest"
    found = read_head(buffer)
    assert found is not None and found.get(b"host") == b"x" and buffer == b"rest"


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"x" * 70000])
def test_malformed_heads(text):
    with pytest.raises(Malformed):
        read_head(bytearray(text))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunked_bodies_end_where_they_end(size):
    raw = b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"
    stream = raw + b"GET /next"
    body, taken = Body("chunked"), 0
    while not body.done:
        taken += body.feed(stream[taken : taken + size])
    assert taken == len(raw)


def test_how_answers_are_framed():
    response = Head((b"HTTP/1.1", b"200", b"OK"), [(b"content-length", b"Content-Length", b"3")])
    assert Body.of(response, b"GET").kind == "length"
    assert Body.of(response, b"HEAD").kind == "none"
    assert Body.of(Head((b"HTTP/1.1", b"204", b"")), b"GET").kind == "none"
    assert Body.of(Head((b"HTTP/1.1", b"200", b"")), b"GET").kind == "close"
    with pytest.raises(Malformed):
        Body.of(Head((b"GET", b"/", b"HTTP/1.1"), [(b"content-length", b"Content-Length", b"-1")]))


def test_answers_of_its_own_name_it():
    text = answer(503).decode()
    assert text.startswith("HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: awselb/2.0\r\n")


def rule(field, *values, name=""):
    return {"conditions": [{"field": field, "values": list(values), "name": name}], "actions": [{"type": "hit"}]}


@pytest.mark.parametrize(
    ("given", "asked", "hit"),
    [
        (rule("path-pattern", "/img/*"), head("/img/a.png?x"), True),
        (rule("path-pattern", "/img/*"), head("/IMG/a.png"), False),
        (rule("host-header", "*.example.com"), head(host="WWW.Example.com:80"), True),
        (rule("http-request-method", "POST"), head(), False),
        (rule("http-header", "exam*", name="Host"), head(), True),
        (rule("query-string", {"Key": "v", "Value": "1*"}), head("/?v=12"), True),
        (rule("query-string", {"Value": "2"}), head("/?v=12"), False),
    ],
)
def test_rules(given, asked, hit):
    default = {"conditions": [], "actions": [{"type": "default"}]}
    assert action_for([given, default], asked)["type"] == ("hit" if hit else "default")


def test_redirects_fill_in_what_was_asked():
    action = {"status": "301", "protocol": "HTTPS", "port": "443", "query": "#{query}"}
    assert redirect_of(action, head("/a?b=1", "x.org:80"), "HTTP", 80) == "https://x.org/a?b=1"
    kept = {"status": "302", "path": "/new/#{path}", "query": ""}
    assert redirect_of(kept, head("/a", "x.org"), "HTTP", 8080) == "http://x.org:8080/new/a"


def test_matchers():
    assert [_matches("200-399,404", status) for status in (200, 399, 404, 400)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("given", "there", "absent"),
    [
        ({}, b"X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n", b"x-amzn-tls"),
        ({"xff_header_processing.mode": "preserve"}, b"X-Forwarded-For: 198.51.100.1\r\n", b"192.0.2.7"),
        ({"xff_header_processing.mode": "remove"}, b"X-Forwarded-Proto: https\r\n", b"X-Forwarded-For"),
        ({"xff_client_port.enabled": "true"}, b"198.51.100.1, 192.0.2.7:5000\r\n", b"x-amzn-tls"),
        ({"x_amzn_tls_version_and_cipher_suite.enabled": "true"}, b"x-amzn-tls-version: TLSv1.3\r\n", b"Keep-Alive"),
        ({"drop_invalid_header_fields.enabled": "true"}, b"X-Fine: 1\r\n", b"under_score"),
    ],
)
def test_headers_of_a_request_become_what_the_attributes_say(given, there, absent):
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nunder_score: 1\r\nX-Fine: 1\r\nKeep-Alive: 5\r\n\r\n"
    found = read_head(bytearray(raw))
    attributes = {f"routing.http.{key}": value for key, value in given.items()}
    forwarding = Forwarding.of("HTTPS", 443, attributes)
    sent = b"".join(forwarding.lines(found, ("192.0.2.7", 5000), ("AES", "TLSv1.3"), "Root=1-a-b"))
    assert there in sent and absent not in sent
    assert b"X-Forwarded-Port: 443\r\nX-Amzn-Trace-Id: Root=1-a-b\r\n" in sent
