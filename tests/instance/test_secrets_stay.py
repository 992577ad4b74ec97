"""No spelling of a secret leaves an instance: by migrations, an operator's command, a diagnosis, or a failed release."""

import base64
import contextlib
import html
import importlib.util
import json
import re
import shlex
import socket
import sys
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_cfn.config import parse
from hermes_cfn.instance import documents


def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__)
SCRIPTS = HERE.parents[2] / "hermes_cfn/instance/scripts"
machine_module = loaded("machine_of_secrets", HERE.with_name("machine.py"))
mask = loaded("mask", SCRIPTS / "mask.py")
database = loaded("database_url", SCRIPTS / "database.py")
Machine, Release = machine_module.Machine, machine_module.Release

PASSWORD = "Zq7%/+w v'\"&é5"
VALUES = {
    "DATABASE_URL": f"postgresql://hermes:{urllib.parse.quote(PASSWORD, safe='')}@db.example.com:5432/hermes",
    "KEY": " kJ8<x>\\y\"'z/+ ",
    "DOCUMENT": json.dumps({"user": "ana", "password": "in-a-document-77"}),
    "PIN": "x7q",
}
"""A URL, one with blanks around it and all that is quoted anywhere, one that is JSON, and one that is very short."""

SPELLINGS = {
    "raw": lambda text: text,
    "stripped": str.strip,
    "json": lambda text: json.dumps({"value": text}),
    "json, not ascii": lambda text: json.dumps({"value": text}, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps({"value": text})),
    "repr": lambda text: repr([text]),
    "shell": shlex.quote,
    "html": html.escape,
    "decoded": urllib.parse.unquote,
    "quoted": lambda text: urllib.parse.quote(text, safe=""),
    "quoted, paths": urllib.parse.quote,
    "form": lambda text: urllib.parse.urlencode({"value": text}),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"x:{text}:y".encode()).decode(),
    "base64 of yet more": lambda text: base64.urlsafe_b64encode(f"xy:{text}:".encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(f"0123456789 0123456789 {text} 0123456789".encode()).decode(),
    "password": lambda text: urllib.parse.urlsplit(text).password or text,
    "password, decoded": lambda text: urllib.parse.unquote(urllib.parse.urlsplit(text).password or text),
    "within": lambda text: json.loads(text)["password"] if text.startswith("{") else text,
}
SHORT = {"PIN"}


def marks(name):
    """What must not be read, in ``name``'s value: in any spelling of it, four characters at least."""
    inner = {
        "DATABASE_URL": [PASSWORD, urllib.parse.quote(PASSWORD, safe="")],
        "DOCUMENT": ["in-a-document-77"],
    }.get(name, [VALUES[name].strip()])
    return {text for one in inner for form in SPELLINGS.values() for text in [core(form, one)] if len(text) >= 3}


def core(form, text):
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return re.sub(r"^\W+|\W+$", "", form(text)) if form is not SPELLINGS["form"] else form(text).partition("=")[2]
    return text


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("home")
    (place / "state").mkdir()
    (place / "state/current.json").write_text(json.dumps({"id": "r1", "secrets": dict.fromkeys(VALUES, 1)}))
    (place / ".env").write_text("".join(f"{name}={value}\n" for name, value in {"PORT": "4000", **VALUES}.items()))
    return place


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", VALUES)
def test_a_spelling_is_masked(home, name, spelling):
    if name in SHORT and "base64" in spelling:
        pytest.skip("three bytes within base64 are too few to tell from anything else")
    said = f"connecting with <{SPELLINGS[spelling](VALUES[name])}> on port 4000 for the environment production"
    shown = mask.masker(str(home))(said)
    assert mask.MASK in shown
    assert not [mark for mark in marks(name) if mark in shown.replace("\n", "")], shown
    assert "on port 4000 for the environment production" in shown, "what is no secret stays readable"


@settings(deadline=None)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\n\r\0", exclude_categories=["Cs", "Zl", "Zp", "Cc"]),
        min_size=4,
    ).filter(lambda t: len(t.strip()) >= 4),
    st.sampled_from(
        ["raw", "json", "json, not ascii", "json in json", "quoted", "base64", "base64 of more", "shell", "form"]
    ),
)
def test_any_value_is_masked_in_any_spelling(value, spelling):
    form = SPELLINGS[spelling]
    pattern = re.compile("|".join(map(mask.pattern, sorted(mask.spellings(value), key=len, reverse=True))))
    said = form(value)
    left = pattern.sub("", said)
    frame = form("")
    assert len(left) <= len(frame) + 8, (said, left)


def test_short_secrets_are_masked_where_they_stand_alone(home):
    masked = mask.masker(str(home))
    assert masked("pin=x7q; x7q") == "pin=********; ********"
    assert masked("max7quality") == "max7quality"


def test_variables_are_no_secrets_unless_nobody_says_which_are(home, tmp_path):
    assert mask.masker(str(home))("listens on 4000") == "listens on 4000"
    (tmp_path / ".env").write_text("PORT=4000\nSOMETHING=long-enough-1\n")
    assert mask.masker(str(tmp_path))("4000 long-enough-1") == "4000 ********"


@pytest.mark.parametrize("url", ["redis://:hush@cache:6379", "amqp://u:hush@a,amqp://u:hush@b", "https://u:hush@h/x"])
def test_passwords_of_urls_that_nobody_named_are_masked(tmp_path, url):
    assert "hush" not in mask.masker(str(tmp_path))(f"connects to {url}")


def instance(directory, **values):
    names = list(values)
    made = Machine(
        directory, parse(f"[application]\nstart_timeout_s = 5\nsecrets = {names}\n[release]\nreturn_after_s = 60\n")
    )
    parameters = made.world["parameters"]
    for name, value in values.items():
        parameters[made.names.secret(name)] = [value]
    one = Release("r1", machine_module.release(1).image, "v1", {"PORT": "4000"}, dict.fromkeys(names, 1))
    parameters[made.names.goal_parameter] = parameters[made.names.stable_parameter] = [one.to_json()]
    made.set(parameters=parameters)
    return made


def everything():
    return " ; ".join(
        form(value)
        for value in VALUES.values()
        for form in (str, json.dumps, SPELLINGS["base64"], SPELLINGS["password, decoded"])
    )


def assert_silent(text):
    assert mask.MASK in text
    for name in VALUES:
        assert not [mark for mark in marks(name) if mark in text.replace("\n", "")], text


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = instance(tmp_path_factory.mktemp("instance"), **VALUES)
    assert made.boot().returncode == 0
    return made


@pytest.mark.parametrize("status", [0, 3])
def test_a_migration_that_prints_its_secrets(machine, status):
    machine.set(migrating=everything(), migrate_status=status)
    ended, line, told = machine.send("migrate")
    assert (ended == 0) is (status == 0)
    assert (line["schema_before"], line["schema_after"]) == ("41", "42")
    assert_silent(told)


def test_a_command_that_prints_the_environment(machine):
    file = machine.root / "opt/hermes/.env"
    told = machine.send("run", command=f"cat {file}; base64 {file}; head -c 40000 /dev/zero | tr '\\0' .; cat {file}")[
        2
    ]
    assert_silent(told)


def test_half_a_secret_at_the_cut_is_not_shown(machine):
    file = machine.root / "opt/hermes/.env"
    value = VALUES["DATABASE_URL"]
    for cut in (2, len(value) // 2, len(value) - 2):
        command = f"grep '^DATABASE_URL' {file}; head -c {16000 - cut - 1} /dev/zero | tr '\\0' ."
        told = machine.send("run", command=command)[2]
        assert urllib.parse.quote(PASSWORD, safe="")[-6:] not in told, cut


def test_a_diagnosis_of_a_container_that_prints_its_secrets(machine):
    machine.set(logged=everything())
    status, line, told = machine.send("diagnose")
    assert status == 0 and line["outcome"] == "ok"
    assert_silent(told)


def test_what_is_kept_of_a_failed_release_is_kept_without_secrets_once_it_was_told(machine):
    two = Release("r2", machine_module.release(2).image, "v2", {"PORT": "4000"}, dict.fromkeys(VALUES, 1))
    machine.set(ill=[two.image], logged=everything())
    assert machine.deploy(machine.goal(two))[0] == 1
    first = machine.send("diagnose")
    assert first[1]["failed"]["release"] == "r2"
    assert_silent(first[2])
    holders = [
        path.name for path in machine.root.rglob("*") if path.is_file() and "in-a-document-77" in path.read_text()
    ]
    assert holders == [".env"]
    assert machine.send("diagnose")[1]["failed"] == first[1]["failed"]


def test_copies_of_secrets_are_gone_when_nobody_needs_them(machine):
    def copies():
        found = [path for path in machine.root.rglob("*") if path.is_file()]
        return sorted(path.name for path in found if "in-a-document-77" in path.read_text(errors="replace"))

    two = Release("r2", machine_module.release(2).image, "v2", {"PORT": "4000"}, dict.fromkeys(VALUES, 1))
    version = machine.goal(two)
    machine.set(ill=[])
    for task in ("prepare", "migrate", "run", "diagnose"):
        machine.send(task, version)
        assert copies() == [".env"], task
    machine.deploy(version)
    assert copies() == [".env"]
    machine.send("confirm", version)
    assert copies() == [".env"]


def test_boot_says_nothing_of_a_secret(tmp_path):
    made = instance(tmp_path, **VALUES)
    made.set(ill=[machine_module.release(1).image], logged=everything())
    done = made.boot()
    said = done.stdout + done.stderr
    assert done.returncode and "no healthy answer" in said
    for name in VALUES:
        assert not [mark for mark in marks(name) if len(mark) > 3 and mark in said]
    calls = "\n".join(made.calls)
    assert not [mark for name in VALUES for mark in marks(name) if len(mark) > 3 and mark in calls]


# What reads a URL.

HOSTILE = st.text(st.sampled_from("Zq7Wv/#?[]@:%+ é&='\"\\"), min_size=1, max_size=30)


@settings(deadline=None)
@given(HOSTILE)
def test_no_part_of_a_password_is_told_by_what_reads_the_url(password):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(database.socket, "getaddrinfo", lambda host, at, **_: _nowhere(host, port, at))
            told = json.dumps(
                database.database(f"postgresql://hermes:{password}@127.0.0.1:{port}/hermes"), ensure_ascii=False
            )
    for at in range(len(password) - 3):
        assert password[at : at + 4] not in told


def _nowhere(host, port, at):
    if host != "127.0.0.1":
        raise socket.gaierror(-2, "Name or service not known")
    raise ConnectionRefusedError(111, "Connection refused")


@pytest.mark.parametrize(
    "password", ["CANARYDBPW/rest", "CANARYDBPW#rest", "CANARYDBPW?rest", "CANARYDBPW[rest", "a@CANARYDBPW/rest"]
)
def test_a_url_with_a_password_that_breaks_it_is_said_to_be_unreadable(password):
    assert database.database(f"postgresql://hermes:{password}@127.0.0.1/db") == {"url": "unreadable"}


def test_documents_that_print_what_a_program_said_have_the_mask():
    for task in documents.TASKS:
        text = "\n".join(documents.document(task, parse(""))["mainSteps"][0]["inputs"]["runCommand"])
        assert ("masked" in text) is (task in (*documents.PRINTING, "diagnose"))
        if "command.log" in text or "migrate.log" in text:
            assert task in documents.PRINTING
