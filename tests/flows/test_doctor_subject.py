"""``doctor`` says how GitHub must introduce itself, in the format that the repository has."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hermes_cfn.config import parse
from hermes_cfn.flows.doctor import Doctor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "repo:me/hermes:environment:production "),
        ("subject = 'ids'\nowner_id = 1\nrepository_id = 2", "repo:me@1/hermes@2:environment:production "),
        ("[account]\ngithub_provider = 'none'", ""),
    ],
)
def test_the_account_begins_with_the_subject_that_is_expected(text, expected):
    settings = parse(f"[github]\nrepository = 'me/hermes'\n{text}")
    began = next(Doctor(SimpleNamespace(settings=settings, now=datetime.now(UTC))).visit())
    assert (began.stage, expected in began.detail, bool(began.detail)) == ("account", True, bool(expected))
