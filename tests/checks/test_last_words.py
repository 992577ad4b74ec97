"""The right cause: the application's own last words, and a rule of thumb only where its evidence is there."""

import pytest

from hermes_cfn.checks import instance, last_words
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
    assert "0.0.0.0" not in str(found) + found.why + found.next


def test_a_port_is_named_only_where_the_instance_says_it():
    assert "4000" in silent(listens=[["0.0.0.0", 4000]]).why
    assert not silent().why


def test_a_diagnosis_begins_with_the_last_words_and_the_last_answer():
    told = {"i-1": {"memory": {"free": 1}, "health": {"status": 400}, "log": [f"line {n}" for n in range(20)]}}
    lines = diagnosis.shown(told).splitlines()
    assert lines[1:9] == [f"  log: line {n}" for n in range(12, 20)] and "400" in lines[9]
    assert lines[-1] == "  before: line 11"
