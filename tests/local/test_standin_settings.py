"""The stand-in serves what ``hermes.toml`` says: port, health path and health code."""

import asyncio
import os
import runpy
from pathlib import Path
from unittest import mock

import pytest

import hermes_cfn.local.fleet.standin as standin
from hermes_cfn.cli import local
from hermes_cfn.cli.local import stand_in
from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError

APP = Path(standin.__file__).with_name("app.py")


@pytest.mark.parametrize(
    ("path", "codes", "status"),
    [("/health", [200], 200), ("/healthz", [200, 204], 200), ("/", [204], 204), ("/up", [301], 301)],
)
def test_it_answers_the_health_check_of_the_settings(path, codes, status):
    settings = parse(
        f'[application]\nport = 8123\nhealth_path = "{path}"\nhealth_codes = {codes}\n[env]\nPORT = "4000"\n'
    )
    said = stand_in(settings, "v1", {})
    assert said["SERVES_PORT"] == "8123"
    with mock.patch.dict(os.environ, said):
        application = runpy.run_path(str(APP))["Application"]()
        assert asyncio.run(application.answer("GET", path, {}))[0] == status
        other = "/nothing"
        assert asyncio.run(application.answer("GET", other, {}))[0] == 404


def test_what_a_person_says_of_the_image_comes_on_top():
    said = stand_in(parse(""), "v1", {"PORT": "9", "HEALTH_PATH": "/other", "RELEASE": "x"})
    assert (said["PORT"], said["HEALTH_PATH"], said["RELEASE"]) == ("9", "/other", "x") and "SERVES_PORT" not in said


def test_an_empty_directory_is_no_image(tmp_path):
    with pytest.raises(HermesError) as caught:
        local._a_program(tmp_path)
    assert caught.value.findings[0].code == "image-without-program"
    (tmp_path / "image.json").write_text("{}")
    local._a_program(tmp_path)
