"""Doctor says when GitHub's environments let everybody deploy: before a server that answers as GitHub does."""

import http.server
import json
import threading

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.base import github

SETTINGS = parse("[github]\nrepository = 'acme/shop'\n")
BRANCHES = {"protected_branches": True, "custom_branch_policies": False}
REVIEWERS = {"id": 1, "type": "required_reviewers", "reviewers": [{"type": "User"}]}
TIMER = {"id": 2, "type": "wait_timer", "wait_timer": 30}
WELL = {"production": (BRANCHES, [TIMER]), "production-infrastructure": (BRANCHES, [REVIEWERS])}
TOKEN = "ghp-canary-token"
SUBJECT = "/repos/acme/shop/actions/oidc/customization/sub"


@pytest.fixture
def server():
    """GitHub's answers by path, with the tokens that it was shown."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            shown.append((self.path, self.headers.get("Authorization")))
            status, body = answers.get(self.path, (404, {"message": "Not Found"}))
            self.send_response(status)
            if status == 301:
                self.send_header("Location", body)
            self.end_headers()
            self.wfile.write(body.encode() if isinstance(body, str) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    answers, shown = {}, []
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made.server_address[1], answers, shown
    made.shutdown()
    thread.join()
    made.server_close()


def asked(server, environments, **more):
    port, answers, _ = server
    root = "/repos/acme/shop/environments"
    answers[root] = (200, {"environments": []})
    answers[SUBJECT] = (
        200,
        {"use_default": True, "use_immutable_subject": False, "sub_claim_prefix": "repo:acme/shop"},
    )
    for name, (policy, rules) in environments.items():
        answers[f"{root}/{name}"] = (200, {"name": name, "deployment_branch_policy": policy, "protection_rules": rules})
    answers.update(more.pop("answers", {}))
    environ = {"GH_TOKEN": TOKEN, "GITHUB_API_URL": f"http://127.0.0.1:{port}", **more}
    return [(one.code, one.severity.value) for one in github.check(SETTINGS, environ)]


def test_environments_that_are_protected_are_well(server):
    assert asked(server, WELL) == []
    assert {token for _, token in server[2]} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"production": (None, [])}, "github-environment-open"),
        ({"production-infrastructure": (None, [REVIEWERS])}, "github-environment-open"),
        ({"production-infrastructure": (BRANCHES, [TIMER])}, "github-reviewers-missing"),
        ({"production-infrastructure": (BRANCHES, [])}, "github-reviewers-missing"),
    ],
)
def test_each_lock_that_is_missing_is_said(server, change, code):
    assert asked(server, {**WELL, **change}) == [(code, "warning")]


@pytest.mark.parametrize("name", WELL)
def test_an_environment_that_is_not_there_would_be_made_open(server, name):
    there = {one: row for one, row in WELL.items() if one != name}
    assert asked(server, there) == [("github-environment-missing", "warning")]


PATH = "/repos/acme/shop/environments/production"


@pytest.mark.parametrize(
    "answer",
    [(401, {}), (403, {}), (500, "x"), (200, "no json"), (200, []), (200, {}), (301, "http://127.0.0.1:9/elsewhere")],
)
def test_what_cannot_be_asked_is_said_with_what_to_look_at(server, answer):
    assert asked(server, WELL, answers={PATH: answer}) == [("github-unchecked", "info")]


def test_a_token_that_may_not_see_the_repository_is_not_taken_for_an_absence(server):
    assert asked(server, {}, answers={"/repos/acme/shop/environments": (404, {})}) == [("github-unchecked", "info")]


def test_the_token_goes_to_no_other_place_and_into_no_word(server):
    for base in (
        "http://github.example",
        "ftp://127.0.0.1:1",
        "http://127.0.0.1.example:80",
        "http://127.0.0.1:80@github.example",
    ):
        found = list(github.check(SETTINGS, {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": base}))
        assert {one.code for one in found} == {"github-unchecked"}
        assert TOKEN not in str([one.as_dict() for one in found])


def test_without_a_token_or_offline_one_line_says_what_to_look_at():
    for found in (list(github.check(SETTINGS, {})), list(github.check(SETTINGS, {"GH_TOKEN": TOKEN}, offline=True))):
        assert [(one.code, one.severity.value) for one in found] == [("github-unchecked", "info")]
        assert "acme/shop" in str(found[0].next)


@pytest.mark.parametrize("text", ["", "[account]\ngithub_provider='none'\n[github]\nrepository='acme/shop'"])
def test_no_pipeline_is_nothing_to_look_at(text):
    assert list(github.check(parse(text), {"GH_TOKEN": TOKEN})) == []


NAMES = "[github]\nrepository = 'acme/shop'\n"
IDS = NAMES + "subject = 'ids'\nowner_id = 123456\nrepository_id = 456789\n"


@pytest.mark.parametrize(
    ("text", "said", "wanted"),
    [
        (NAMES, {"use_default": True, "sub_claim_prefix": "repo:acme/shop"}, None),
        (IDS, {"use_default": True, "sub_claim_prefix": "repo:acme@123456/shop@456789"}, None),
        (NAMES, {"use_default": True}, None),  # an enterprise server tells no prefix
        (NAMES, {"use_default": True, "sub_claim_prefix": "repo:acme@1/shop@2"}, "owner_id = 1, repository_id = 2"),
        (IDS, {"use_default": True, "sub_claim_prefix": "repo:acme@123456/shop@4"}, "repository_id = 4"),
        (IDS, {"use_default": True, "sub_claim_prefix": "repo:acme/shop"}, "github.subject = 'names'"),
        (NAMES, {"use_default": True, "sub_claim_prefix": "repo:Acme/Shop"}, "github.repository = 'Acme/Shop'"),
        (IDS, {"use_default": True, "sub_claim_prefix": "repo:Acme@123456/shop@456789"}, "'Acme/shop'"),
        (NAMES, {"use_default": False, "include_claim_keys": ["repo"]}, "use_default=true"),
    ],
)
def test_a_repository_that_no_role_would_trust_is_an_error(server, text, said, wanted):
    """GitHub gives ids to repositories made, renamed or moved since 15 July 2026, and AWS then refuses every job."""
    asked(server, WELL)
    port, answers, _ = server
    answers[SUBJECT] = (200, said)
    environ = {"GH_TOKEN": TOKEN, "GITHUB_API_URL": f"http://127.0.0.1:{port}"}
    found = list(github.check(parse(text), environ))
    assert [(one.code, one.severity.value) for one in found] == ([("github-subject", "error")] if wanted else [])
    assert all(wanted in str(one.next) for one in found)


@pytest.mark.parametrize("answer", [(403, {}), (404, {}), (200, "no json"), (200, []), (200, {})])
def test_a_subject_that_cannot_be_read_is_said(server, answer):
    assert asked(server, WELL, answers={SUBJECT: answer}) == [("github-unchecked", "info")]


def test_a_new_file_gets_the_numbers_that_github_tells(server):
    port, answers, _ = server
    environ = {"GH_TOKEN": TOKEN, "GITHUB_API_URL": f"http://127.0.0.1:{port}"}
    answers[SUBJECT] = (200, {"use_default": True, "sub_claim_prefix": "repo:acme@1/shop@2"})
    assert github.introduced("acme/shop", environ).ids == (1, 2)
    assert github.introduced("acme/other", environ) is None
    assert github.introduced("acme/shop", {}) is None
