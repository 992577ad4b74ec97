"""``docs/architecture.md`` is drawn from the imports, and the files that it names are there."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def made():
    spec = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs/make_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_map_is_as_the_imports_are() -> None:
    module = made()
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "next: python docs/make.py"


def test_every_file_that_the_page_names_is_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.(?:py|sh|csv|toml|md))`", text)) | set(re.findall(r"`(\w+/[\w/]*)`", text))
    missing = {name for name in named if not any((root / name).exists() for root in (ROOT, ROOT / "hermes_cfn"))}
    assert missing == set()
