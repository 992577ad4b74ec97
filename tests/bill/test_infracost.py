"""Our figure beside Infracost's, which are made from AWS's price list: each row of ``docs/infracost.md``."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("make_infracost", Path(__file__).parents[2] / "docs/make_infracost.py")
infracost = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(infracost)
ROWS = infracost.ROWS


@pytest.mark.parametrize(("file", "name", "resources", "given", "theirs"), ROWS, ids=[f"{r[0]}-{r[1]}" for r in ROWS])
def test_our_figure_is_infracosts_or_the_page_says_why_not(file, name, resources, given, theirs):
    mine = infracost.ours(resources, given).total
    assert float(mine) == pytest.approx(theirs, rel=0.01, abs=0.011) or (file, name) in infracost.EXPLAINED
    if infracost.differs(theirs, mine):
        assert infracost.EXPLAINED[file, name]


def test_at_least_sixty_resources_are_compared():
    assert len({(row[0], row[1]) for row in ROWS}) == len(ROWS) >= 60
