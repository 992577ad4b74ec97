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


def test_every_point_has_its_test_beside_it():
    text = (
        (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("What is left:")[2].partition("## Waivers")[0]
    )
    points = text.split("\n* ")[1:]
    assert len(points) >= 15
    assert all("`tests/" in point or "no test can say more" in point for point in points)


def make_security_roles():
    from hermes_cfn.permissions import ROLES

    return ROLES
