"""Pages about security and coverage say what is there."""

import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_pages_on_permissions_and_security_are_fresh():
    for path, page in loaded("make_security").PAGES.items():
        assert path.read_text(encoding="utf-8") == page(), "next: python docs/make.py"


def test_every_row_of_the_coverage_names_a_test_that_exists():
    text = (ROOT / "docs/guide-coverage.md").read_text(encoding="utf-8").partition("## By row")[2]
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| the guide")]
    assert len(named) == len(rows)
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8") if test else (ROOT / path).exists(), (
            path,
            test,
        )


def test_every_waiver_has_a_reason_and_checkov_skips_nothing_else():
    for deployment in loaded("make_security").deployments():
        for spec in deployment:
            for title, resource in spec.template["Resources"].items():
                metadata = resource.get("Metadata", {})
                reasons = metadata.get("hermes:waivers", {})
                skipped = {item["id"] for item in metadata.get("checkov", {}).get("skip", [])}
                ignored = set(metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", []))
                elsewhere = {rule for rule in reasons if rule.startswith("CT.")}
                assert skipped | ignored | elsewhere == set(reasons), title
                assert all(len(reason) > 20 for reason in reasons.values())


def test_every_test_that_the_threat_model_names_exists():
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("## Waivers")[0]
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 10
    for path, test in named:
        content = (ROOT / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in content, (path, test)
    for role in (*make_security_roles(), "administrator", "cloudformation"):
        assert f"| *{role}* |" in text


def test_every_sentence_has_its_test_beside_it():
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    points = (
        text.partition("What is left:")[2].partition("## Waivers")[0].replace("## What holds", "").split("\n* ")[1:]
    )
    sentences = [one for point in points for one in re.split(r"(?<=\.)\s+(?=[A-Z*`])", " ".join(point.split()))]
    assert len(sentences) >= 25
    assert [one for one in sentences if "`tests/" not in one] == []


def test_every_protection_of_the_threat_model_has_its_test_beside_it():
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("What is left:")[0]
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len({*make_security_roles(), "administrator", "cloudformation", "an instance", "a made role"})
    claims = [claim for row in rows for claim in row[3].split("; ") if "nothing here" not in claim]
    assert [claim for claim in claims if "`tests/" not in claim] == []


def make_security_roles():
    from hermes_cfn.permissions import ROLES

    return ROLES
