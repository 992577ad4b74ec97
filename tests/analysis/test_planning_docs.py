import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_planning", DOCS / "make_planning.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_code_says(make):
    assert (DOCS / "planning.md").read_text(encoding="utf-8") == make.page(), "next: python docs/make_planning.py"


def test_its_pictures_are_there_and_are_pictures(make):
    page = make.page()
    for path in make.PICTURES:
        assert f"({path.name})" in page
        assert ET.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")
