"""What the application wrote comes out of what Docker and the CloudWatch agent made of it."""

import json

import pytest

from hermes_cfn.aws.logs import unwrapped
from hermes_cfn.errors import HermesError
from hermes_cfn.flows import logs


@pytest.mark.parametrize(
    "written", ["plain", "", '{"level": "error"}', 'a "quoted" word\ttab', "é 😀", '{"log": "own", "stream": "x"}']
)
def test_a_line_comes_back_as_it_was_written(written):
    wrapped = json.dumps({"log": written + "\n", "stream": "stdout", "time": "2026-11-23T22:00:00.000000000Z"})
    assert unwrapped(wrapped) == written
    assert unwrapped(written) == written, "the boot's log is not wrapped"


def test_a_filter_by_json_fields_is_refused_before_anything_is_asked():
    with pytest.raises(HermesError) as refused:
        list(logs.lines(None, None, pattern="{ $.status = 500 }"))
    assert refused.value.findings[0].code == "filter-json"


def test_no_line_is_told_from_nothing_that_could_write_one(monkeypatch):
    from types import SimpleNamespace

    context = SimpleNamespace(names=SimpleNamespace(auto_scaling_group="shop-production"))
    monkeypatch.setattr(logs, "group", lambda _: object())
    assert logs.nothing(context) is None
    monkeypatch.setattr(logs, "group", lambda _: None)
    with pytest.raises(HermesError) as refused:
        logs.nothing(context)
    assert refused.value.findings[0].code == "service-missing"
