"""``hermes.toml`` and its environment overlays become :class:`Settings`, frozen, or all findings at once.

One file for each section, ``rules`` for what two sections must agree on, ``reading`` for the file.
Every default is the guide's, so that an empty file is the guide's deployment.

What this package offers is loaded when it is asked for: a bill needs ``usage`` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermes_cfn.config.reading import load, parse
    from hermes_cfn.config.settings import Settings

__all__ = ["Settings", "load", "parse"]

_WHERE = {"Settings": "settings", "load": "reading", "parse": "reading"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value
