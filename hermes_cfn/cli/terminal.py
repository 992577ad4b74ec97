"""The one way of text to a terminal: whatever AWS, an instance, a visitor or a file said cannot move its cursor.

A log line, a name or a reason of somebody else may hold control characters, by which a terminal sets its title, clears its
screen, writes over what was said, or answers as if it was typed to (ECMA-48; Unicode Technical Report 36, "Bidirectional Text
Spoofing").  They are shown as JSON writes them, so that JSON stays what it is.
"""

from __future__ import annotations

from typing import Any

import click

_KEPT = "\t\n"
_CONTROLS = (
    *range(0x20), *range(0x7F, 0xA0),
    0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF, *range(0xE0000, 0xE0080),
)  # fmt: skip
"""C0 and C1 controls, DEL, what turns the direction of writing, ends lines, or is not seen at all."""
_SHOWN = {code: f"\\u{code:04x}" if code < 0x10000 else "" for code in _CONTROLS if chr(code) not in _KEPT}


def plain(text: str) -> str:
    """``text`` with every control character but tab and new line written out, like ``\\u001b``; ``\\r\\n`` is a new line."""
    return text.replace("\r\n", "\n").translate(_SHOWN)


def echo(text: object = "", nl: bool = True, err: bool = False) -> None:
    """Print ``text`` for people."""
    click.echo(plain(str(text)), nl=nl, err=err)


def secho(text: object = "", nl: bool = True, err: bool = False, **styles: Any) -> None:
    """Print ``text`` with a colour or weight of ours."""
    click.secho(plain(str(text)), nl=nl, err=err, **styles)


def confirm(question: str, default: bool | None = False, abort: bool = False, err: bool = False) -> bool:
    """Ask for yes or no."""
    return click.confirm(plain(question), default=default, abort=abort, err=err)
