"""Files that are said to hold a template: none is read further than a template can be long."""

from __future__ import annotations

import stat
from pathlib import Path

from hermes_cfn.cfn.template import LIMIT_BYTES


def text(path: Path) -> str:
    """The text of a file or a pipe.  Raises OSError for a device or too much, UnicodeDecodeError for what is no text."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise OSError("it is neither a file nor a pipe")
    with path.open("rb") as file:
        raw = file.read(LIMIT_BYTES + 1)
    if len(raw) > LIMIT_BYTES:
        raise OSError(f"it has more than {LIMIT_BYTES} bytes, which no template has")
    return raw.decode("utf-8-sig")
