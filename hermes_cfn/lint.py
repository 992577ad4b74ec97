"""cfn-lint through its Python API, for the region of each stack.  The only importer of it.

Nothing is waived here: waivers stand in the Metadata of a resource (``cfn-lint``'s own
``ignore_checks``), with the reason beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.api import lint as cfn_lint
from cfnlint.config import ManualArgs

from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError, Severity

_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "informational": Severity.INFO}


def lint_template(template: Mapping[str, Any] | Path, region: str, name: str = "template") -> list[Finding]:
    """All that cfn-lint has to say; an empty list is the aim.

    Raises :class:`HermesError` ``template-unreadable``.
    """
    if isinstance(template, Path):
        name = str(template)
        try:
            text = template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HermesError(Finding("template-unreadable", name, f"cannot be read: {error}")) from error
    else:
        text = json.dumps(template)
    matches = cfn_lint(text, config=ManualArgs(regions=[region]))
    return [_finding(match, name) for match in matches]


def lint(deployment: Deployment) -> list[Finding]:
    """Every stack, for its own region."""
    return [
        finding for spec in deployment for finding in lint_template(spec.template, spec.region, f"{spec.key} stack")
    ]


def _finding(match: Any, name: str) -> Finding:
    path = ".".join(str(part) for part in getattr(match, "path", None) or ())
    where = f"{name} {path}" if path else f"{name}:{match.linenumber}"
    return Finding(
        code=str(match.rule.id),
        where=where,
        what=str(match.message),
        why=str(match.rule.shortdesc),
        evidence=f"line {match.linenumber}",
        next=str(match.rule.source_url),
        severity=_SEVERITIES.get(str(match.rule.severity).lower(), Severity.WARNING),
    )
