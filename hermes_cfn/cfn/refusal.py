"""How CloudFormation refuses a template."""

from __future__ import annotations

from hermes_cfn.errors import Finding, HermesError


def invalid(message: str, where: str = "template") -> HermesError:
    """The error for a template that CloudFormation would reject, in its own words."""
    return HermesError(Finding("template-invalid", where, message))
