"""Settings become Troposphere templates, pure, one file for each stack; :func:`build` wires them.

Outputs feed parameters, never ``Fn::ImportValue``, which locks stacks together and cannot cross
regions.  ``foundation`` is rendered last: it is told the resource types of the others.
"""

from hermes_cfn.stacks.build import build

__all__ = ["build"]
