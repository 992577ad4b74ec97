"""A certificate stands for one image and one configuration, and for no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hermes_cfn.config import Settings
from hermes_cfn.deciders import certificate
from hermes_cfn.deciders.certificate import Certificate
from hermes_cfn.errors import HermesError

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
GOOD = Certificate(
    "shop:v1", (DIGEST,), certificate.settings_hash(Settings()), ("release",), 100, 1, 0, 1.0, 2.0, 3.0, 60.0,
    (NOW - timedelta(hours=5)).isoformat(), "0.1.0", 1,
)  # fmt: skip


def asked(one=GOOD, digest=DIGEST, settings=None, at_most=None):
    found = certificate.lacking(
        [one],
        "shop:v1",
        {digest, "sha256:" + "0" * 64},
        settings or certificate.settings_hash(Settings()),
        NOW,
        at_most,
    )
    return found.code if found else ""


def test_every_digest_that_differs_by_one_character_is_refused():
    assert asked() == ""
    for at in range(len("sha256:"), len(DIGEST)):
        other = DIGEST[:at] + ("c" if DIGEST[at] != "c" else "d") + DIGEST[at + 1 :]
        assert asked(digest=other) == "rehearsal-missing"


def test_age_settings_and_losses_are_asked_for():
    assert asked(at_most=timedelta(hours=6)) == ""
    assert asked(at_most=timedelta(hours=4)) == "rehearsal-old"
    assert asked(replace(GOOD, lost=1)) == "rehearsal-lost"
    other = Settings.model_validate({"release": {"strategy": "surge"}})
    assert asked(settings=certificate.settings_hash(other)) == "rehearsal-of-other-settings"
    budget = Settings.model_validate({"budget": {"ceiling_usd": 7}})
    assert certificate.settings_hash(budget) == certificate.settings_hash(Settings())


def test_the_newest_that_fits_is_enough():
    old = replace(GOOD, made=(NOW - timedelta(days=9)).isoformat())
    for known in ([old, GOOD], [GOOD, old]):
        assert certificate.lacking(known, "x", [DIGEST], GOOD.settings, NOW, timedelta(days=1)) is None


def test_no_character_of_a_certificate_can_be_changed_unseen():
    text = GOOD.text()
    assert certificate.read(text, "here") == GOOD
    content = json.loads(text)
    changed = [{**content, key: "x"} for key in content] + [
        {k: v for k, v in content.items() if k != key} for key in content
    ]
    for one in (*map(json.dumps, changed), "", "[]", "null", text.replace('"lost": 0', '"lost": 1'), "[" * 100_000):
        with pytest.raises(HermesError) as refused:
            certificate.read(one, "here")
        assert [finding.code for finding in refused.value.findings] == ["certificate-unreadable"]


def test_ages():
    assert certificate.age("90m") == timedelta(minutes=90) and certificate.age("7d") == timedelta(days=7)
    assert not any(map(certificate.age, ("", "7", "0d", "-1h", "1w", "1d ", "999999d", "any")))
