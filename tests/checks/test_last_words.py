"""The right cause: the application's own last words, and a rule of thumb only where its evidence is there."""

from datetime import UTC, datetime

import pytest

from hermes_cfn.aws.logs import Line
from hermes_cfn.checks import instance, last_words, start
from hermes_cfn.config.settings import Settings
from hermes_cfn.flows.fleet import diagnosis

SAID = {
    "wrong-architecture": ["exec /app/bin/server: exec format error"],
    "host-refused": [
        "django.core.exceptions.DisallowedHost: Invalid HTTP_HOST header: '10.0.128.9:8000'.",
        "[ActionDispatch::HostAuthorization::DefaultResponseApp] Blocked hosts: 10.0.128.9:3000",
    ],
    "module-missing": [
        "ModuleNotFoundError: No module named 'settings.production'",
        "Error: Cannot find module '/app/server.js'",
        "bootsnap: cannot load such file -- puma (LoadError)",
        "Error: Could not find or load main class Main, caused by: java.lang.ClassNotFoundException: Main",
        'PHP Fatal error:  Uncaught Error: Class "App\\Kernel" not found',
    ],
    "variable-missing": [
        "KeyError: 'DJANGO_SECRET'",
        "environment variable DATABASE_URL is missing.",
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
        'KeyError: key not found: "RAILS_KEY"',
        "Missing `secret_key_base` for 'production' environment",
        "Could not resolve placeholder 'DB_URL' in value",
        "No application encryption key has been specified.",
    ],
    "address-in-use": ["Error: listen EADDRINUSE: address already in use :::3000", "** (exit) :eaddrinuse"],
    "database-refused": ['FATAL:  password authentication failed for user "app"'],
    "database-unreachable": ['connection to server at "db" (10.1.2.3), port 5432 failed: Connection refused'],
    "read-only": ["OSError: [Errno 30] Read-only file system: '/app/db.sqlite3'"],
    "not-permitted": ["sh: ./start.sh: Permission denied"],
    "memory": [
        "FATAL ERROR: Reached heap limit - JavaScript heap out of memory",
        "java.lang.OutOfMemoryError: Java heap",
    ],
    "program-missing": ['exec: "gunicorn": executable file not found in $PATH', "sh: 1: bundle: not found"],
    "library-missing": ["/server: error while loading shared libraries: libvips.so.42: cannot open shared object file"],
    "port-not-permitted": ["listen tcp :80: bind: permission denied"],
    "database-encryption": ['FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "app", no encryption'],
    "certificate-untrusted": ["x509: certificate signed by unknown authority"],
    "service-unreachable": [
        "dial tcp 10.0.0.4:6379: connect: connection refused",
        "Error: getaddrinfo ENOTFOUND cache",
    ],
    "schema-missing": ['django.db.utils.ProgrammingError: relation "shop_item" does not exist'],
}


def test_every_rule_is_tried():
    assert set(SAID) == {rule.kind for rule in last_words.RULES}


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in SAID.items() for line in lines])
def test_a_log_line_of_a_framework_tells_its_cause(kind, line):
    found = last_words.rule(["Starting up", line, "  at somewhere"])
    assert found is not None and found.kind == kind


@pytest.mark.parametrize("log", [None, [], "", ["GET / 200", "Listening on 0.0.0.0:8000", "ready"]])
def test_nothing_is_guessed_without_evidence(log):
    assert last_words.rule(log) is None


def silent(**said):
    running = {"status": "running", "exit_code": 0}
    (found,) = instance.health("i-1", {"container": running, "health": {"status": None}, **said}, 8000, "/up", (200,))
    return found


def test_the_applications_words_come_before_the_health_check():
    found = silent(log=["booting", "ModuleNotFoundError: No module named 'x'"])
    assert found.evidence.splitlines()[1].startswith("ModuleNotFoundError") and not found.why
    assert "0.0.0.0" not in str(found) + found.why + str(found.next)


def test_a_port_is_named_only_where_the_instance_says_it():
    assert "4000" in silent(listens=[["0.0.0.0", 4000]]).why
    assert not silent().why


def test_a_diagnosis_begins_with_the_last_words_and_the_last_answer():
    told = {"i-1": {"memory": {"free": 1}, "health": {"status": 400}, "log": [f"line {n}" for n in range(20)]}}
    lines = diagnosis.shown(told).splitlines()
    assert lines[1:9] == [f"  log: line {n}" for n in range(12, 20)] and "400" in lines[9]
    assert lines[-1] == "  before: line 11"


class Kept:
    """A log group, by instance: minute and text."""

    def __init__(self, **streams):
        self.log_group, self.streams = "/app", streams
        self.names = self.clients = self.logs = self

    def lines(self, group, since):
        assert group == self.log_group
        for stream, told in self.streams.items():
            for minute, text in told:
                yield Line(datetime(2026, 11, 1, 10, minute, tzinfo=UTC), f"{stream}/app", text)


FRESH = {"i-9": {"container": "Error: No such image: hermes", "log": ["status 1: no such container"]}}


def test_an_instance_that_was_replaced_has_left_its_words_in_the_log_group():
    """Its successor knows nothing yet; the older lines of another instance say less than those of the last one."""
    kept = Kept(old=[(1, "KeyError: 'OLD'")], last=[(3, "KeyError: 'URL'"), (2, "postgresql://app:hunter22@db/app")])
    told = diagnosis.with_words(kept, FRESH, datetime(2026, 11, 1, tzinfo=UTC))
    assert told["last"]["log"] == ["postgresql://app:********@db/app", "KeyError: 'URL'"]
    assert start.cause("last", start.read(told["last"]), Settings().application).code == "application-variable-missing"


def test_what_an_instance_says_itself_is_not_looked_up_again():
    said = {"i-1": {"container": {"status": "running"}, "log": ["its own words"]}}
    assert diagnosis.with_words(Kept(other=[(1, "x")]), said, datetime(2026, 11, 1, tzinfo=UTC)) == said


@pytest.mark.parametrize("line", ["SECRET_KEY=abcdef123", "password: 'hunter22'", '"api_key" => "abcdef123"'])
def test_a_line_from_the_log_group_shows_no_value_of_a_secret(line):
    assert "********" in diagnosis.masked(line)
    assert "abcdef123" not in diagnosis.masked(line) and "hunter22" not in diagnosis.masked(line)
