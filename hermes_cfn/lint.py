"""cfn-lint through its Python API, for the region of each stack.  The only importer of it.

Nothing is waived here: waivers stand in the Metadata of a resource (``cfn-lint``'s own
``ignore_checks``), with the reason beside it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.rules import Rules
from cfnlint.runner import Runner, run_template_by_data

from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError, Severity

_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "informational": Severity.INFO}

Job = tuple[Mapping[str, Any] | Path, str, str]
"""A template or its file, its region, and what it is called in a finding."""


def lint_templates(jobs: Sequence[Job]) -> list[Finding]:
    """All that cfn-lint has to say, in the order of ``jobs``; an empty list is the aim.

    The rules are loaded once; on Linux the templates are checked in several processes, as many as there are processors.
    Raises :class:`HermesError` ``template-unreadable``.
    """
    texts = [(_text(template, name), region, str(name)) for template, region, name in jobs]
    _rules()
    workers = min(os.cpu_count() or 1, len(texts))
    alone = threading.active_count() == 1  # a process that forks beside running threads may take over a held lock
    if workers < 2 or not alone or "fork" not in multiprocessing.get_all_start_methods():
        found = [_lint(each) for each in texts]
    else:
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number][0]))
        fork = multiprocessing.get_context("fork")
        with fork.Pool(workers, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
            answers = pool.map(_lint, [texts[number] for number in order], chunksize=1)
            pool.close()
            pool.join()
        found = [answer for _, answer in sorted(zip(order, answers, strict=True), key=lambda pair: pair[0])]
    return [finding for findings in found for finding in findings]


def lint_template(template: Mapping[str, Any] | Path, region: str, name: str = "template") -> list[Finding]:
    """The same of one template.  Raises :class:`HermesError` ``template-unreadable``."""
    return lint_templates([(template, region, str(template) if isinstance(template, Path) else name)])


def lint(deployment: Deployment) -> list[Finding]:
    """Every stack, for its own region."""
    return lint_templates([(spec.template, spec.region, f"{spec.key} stack") for spec in deployment])


def _text(template: Mapping[str, Any] | Path, name: str) -> str:
    if not isinstance(template, Path):
        return json.dumps(template)
    try:
        return template.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HermesError(Finding("template-unreadable", name, f"cannot be read: {error}")) from error


@cache
def _rules() -> Rules:
    return Runner(ConfigMixIn()).rules


def _lint(job: tuple[str, str, str]) -> list[Finding]:
    text, region, name = job
    template, matches = decode_str(text)
    if not matches and template is not None:
        matches = list(run_template_by_data(template, ConfigMixIn(regions=[region]), _rules()))
    return [_finding(match, name) for match in matches]


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
