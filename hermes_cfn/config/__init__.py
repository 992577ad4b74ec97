"""``hermes.toml`` and its environment overlays become :class:`Settings`, frozen, or all findings at once.

One file for each section, ``rules`` for what two sections must agree on, ``load`` for reading.
Every default is the guide's, so that an empty file is the guide's deployment.
"""

from hermes_cfn.config.load import load, parse
from hermes_cfn.config.settings import Settings

__all__ = ["Settings", "load", "parse"]
