"""What a load is made from: every format, what is left out, and what is refused."""

from __future__ import annotations

import gzip
import json

import pytest

from hermes_cfn.errors import HermesError
from hermes_cfn.rehearse import profile

LINE = (
    "{kind} 2026-11-30T22:{minute}:00.186641Z app/shop/50dc6c495c0c9188 192.0.2.39:2817 10.0.0.1:80 0.086 0.048 0.037 "
    '{status} {status} 0 57 "{method} https://shop.example:443{path} HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 '
    'TLSv1.2 arn:aws:elasticloadbalancing:eu-south-2:123456789012:targetgroup/a/1 "Root=1" "shop.example" "arn" 1 '
    '2026-11-30T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "{status}" "-" "-"\n'
)


def line(path, method="GET", status="200", minute="23", kind="https"):
    return LINE.format(path=path, method=method, status=status, minute=minute, kind=kind)


def test_an_access_log_is_asked_for_as_often_as_it_was_and_at_its_busiest_rate(tmp_path):
    log = line("/a?page=2") * 90 + line("/b", kind="h2") * 30 + line("/c", minute="24")
    log += line("/d", method="POST") + line("/e", status="404") + line("/f", status="-") + "broken\n"
    for name, content in {"a.log": log.encode(), "a.log.gz": gzip.compress(log.encode())}.items():
        (tmp_path / name).write_bytes(content)
        found = profile.read(tmp_path / name)
        assert [(one.method, one.path, one.weight) for one in found.requests] == [
            ("GET", "/a?page=2", 90), ("GET", "/b", 30), ("GET", "/c", 1),
        ]  # fmt: skip
        assert found.rate == pytest.approx(123 / 60)
        assert len(found.said) == 3
        assert dict(profile.mix(found))["GET /a"] == pytest.approx(90 / 121)


def entry(url, method="GET", status=200, headers=(), cookies=()):
    named = [{"name": name, "value": "secret-value"} for name in headers]
    request = {"method": method, "url": url, "headers": named, "cookies": [{"name": n, "value": "v"} for n in cookies]}
    return {"request": request, "response": {"status": status}}


def test_a_har_file_is_repeated_as_nobody_in_particular(tmp_path):
    entries = [
        entry("https://shop.example/a?q=1", headers=("Authorization", "Cookie"), cookies=("id", "theme")),
        entry("https://shop.example/b", status=304),
        entry("https://cdn.example/lib.js"),
        entry("https://shop.example/buy", method="POST"),
        entry("https://shop.example/missing", status=404),
        {"comment": "nothing"},
    ]
    (tmp_path / "a.har").write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    found = profile.read(tmp_path / "a.har")
    assert [one.path for one in found.requests] == ["/a?q=1", "/b"]
    assert "secret-value" not in repr(found)
    assert "2 cookies left out" in found.said and "1 Authorization headers left out" in found.said
    assert "1 requests to other hosts left out" in found.said


def test_an_openapi_document_is_asked_where_nothing_has_to_be_guessed(tmp_path):
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.example/v1/"}],
        "components": {"parameters": {"size": {"name": "size", "in": "query", "required": True, "example": 5}}},
        "paths": {
            "/plain": {"get": {}},
            "/items/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "schema": {"enum": ["a b"]}}]}},
            "/sized": {"parameters": [{"$ref": "#/components/parameters/size"}], "get": {}},
            "/guess/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}]}},
            "/mine": {"get": {"security": [{"key": []}]}},
            "/made": {"post": {}, "delete": {}},
        },
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    found = profile.read(tmp_path / "api.json")
    assert [one.path for one in found.requests] == ["/v1/plain", "/v1/items/a%20b", "/v1/sized?size=5"]
    assert len(found.said) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326\n', "load-unknown"),
        (b"", "load-unknown"),
        (b"{", "load-unknown"),
        (b'{"a": 1}', "load-unknown"),
        (b'{"log": {"entries": []}}', "load-empty"),
        (b'{"openapi": "3.0.0", "paths": {"/x": {"post": {}}}}', "load-empty"),
        (b'{"openapi": "3.0.0", "paths": {"/x": 3, "y": {"get": []}}, "servers": 5}', "load-empty"),
        (b"openapi: [\n", "load-unknown"),
        (b"\x1f\x8bnothing", "load-unknown"),
        (b"\xff\xfe\x00", "load-unknown"),
        (b"openapi: 3.0.0\npaths: {}\nx: " + b"y" * (profile.LIMIT_BYTES["openapi"]), "load-too-large"),
        (b'{"openapi": "3.0.0", "x": "' + b"y" * profile.LIMIT_BYTES["openapi"] + b'", "paths": {}}', "load-too-large"),
    ],
)
def test_anything_else_is_refused_by_one_finding(tmp_path, content, code):
    (tmp_path / "given").write_bytes(content)
    with pytest.raises(HermesError) as refused:
        profile.read(tmp_path / "given")
    assert [finding.code for finding in refused.value.findings] == [code]


@pytest.mark.parametrize("path", ["x", "/a b", "/a\r\nX: y", "/ü", "\\a", ""])
def test_a_path_that_would_not_go_over_the_wire_as_it_is_is_refused(path):
    with pytest.raises(HermesError):
        profile.stated((path,))
