"""Every generated page of ``docs/``: ``python docs/make.py`` writes them, ``--check`` fails when one is stale.

A page is registered in the ``PAGES`` of the module that makes it: path -> function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import make_architecture  # noqa: E402
import make_consistency  # noqa: E402
import make_costs  # noqa: E402
import make_crossings  # noqa: E402
import make_endings  # noqa: E402
import make_findings  # noqa: E402
import make_infracost  # noqa: E402
import make_needs  # noqa: E402
import make_planning  # noqa: E402
import make_reference  # noqa: E402
import make_security  # noqa: E402

PAGES: Mapping[Path, Callable[[], str]] = {
    make_architecture.PAGE: make_architecture.page,
    make_consistency.PAGE: make_consistency.page,
    **make_costs.PAGES,
    **make_crossings.PAGES,
    make_endings.PAGE: make_endings.page,
    make_findings.PAGE: make_findings.page,
    make_infracost.PAGE: make_infracost.page,
    make_needs.PAGE: make_needs.page,
    **make_planning.PAGES,
    make_reference.PAGE: make_reference.page,
    **make_security.PAGES,
}


def stale() -> list[Path]:
    """Pages that are not what they would be if they were made now."""
    return [path for path, page in PAGES.items() if not path.exists() or path.read_text(encoding="utf-8") != page()]


def main(arguments: list[str]) -> int:
    """Write what is stale, or with ``--check`` only say so."""
    found = stale()
    for path in found:
        if "--check" in arguments:
            sys.stderr.write(f"{path.name} is stale; next: python docs/make.py\n")
        else:
            path.write_text(PAGES[path](), encoding="utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
