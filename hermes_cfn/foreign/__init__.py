"""Deployments that other tools describe, as settings of ``hermes.toml``: what is taken, from where, and what is not.

One file a format, each a table from the format's keys to a setting or a reason (:mod:`hermes_cfn.foreign.table`);
:mod:`hermes_cfn.foreign.search` finds which format a file or a folder is in.  Nothing here is evaluated, started or
fetched, and no value of a secret leaves: of what looks like one only the name is taken.
"""

from hermes_cfn.foreign.model import Left, Reading, Taken
from hermes_cfn.foreign.search import read

__all__ = ["Left", "Reading", "Taken", "read"]
