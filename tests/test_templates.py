"""Templates on disk: the same bytes every time, read back as they were, compared readably."""

import pytest

from hermes_cfn import stacks, templates
from hermes_cfn.config import parse
from hermes_cfn.errors import HermesError


@pytest.fixture(scope="module")
def deployment():
    return stacks.build(parse("[watch]\nenabled = true\n[budget]\nceiling_usd = 90\n"))


def test_written_and_read_back(deployment, tmp_path):
    templates.write(deployment, tmp_path)
    assert templates.read(tmp_path) == deployment
    assert templates.compare(deployment, tmp_path) == ""


def test_the_same_bytes_every_time(deployment, tmp_path):
    templates.write(deployment, tmp_path / "one")
    templates.write(templates.read(tmp_path / "one"), tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_stale_template_shows_as_a_diff(deployment, tmp_path):
    templates.write(deployment, tmp_path)
    path = tmp_path / "network.template.json"
    path.write_text(path.read_text().replace("10.0.0.0/16", "10.9.0.0/16"))
    difference = templates.compare(deployment, tmp_path)
    assert '-        "CidrBlock": "10.9.0.0/16"' in difference
    assert '+        "CidrBlock": "10.0.0.0/16"' in difference


def test_a_stack_that_is_no_more_goes(deployment, tmp_path):
    templates.write(deployment, tmp_path)
    smaller = stacks.build(parse(""))
    assert "watch.template.json" in templates.compare(smaller, tmp_path)
    templates.write(smaller, tmp_path)
    assert not (tmp_path / "watch.template.json").exists()


@pytest.mark.parametrize("content", ["", "{", "{}", '{"stacks": [{}]}'])
def test_a_broken_directory_is_a_finding(tmp_path, content):
    (tmp_path / "deployment.json").write_text(content)
    with pytest.raises(HermesError) as caught:
        templates.read(tmp_path)
    assert caught.value.findings[0].code == "templates-unreadable"


def test_a_directory_that_is_a_file_is_a_finding(deployment, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(HermesError, match="cannot be written"):
        templates.write(deployment, tmp_path / "out")
