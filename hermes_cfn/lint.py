"""cfn-lint through its Python API, for the region of each stack.  The only importer of it.

Nothing is waived here: waivers stand in the Metadata of a resource (``cfn-lint``'s own
``ignore_checks``), with the reason beside it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.rules import Rules
from cfnlint.runner import Runner, run_template_by_data

from hermes_cfn.cfn import files
from hermes_cfn.cfn.template import conditions_end, load
from hermes_cfn.deployment import Deployment
from hermes_cfn.errors import Finding, HermesError, Severity

_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "informational": Severity.INFO}

Job = tuple[Mapping[str, Any] | Path, str, str]
"""A template or its file, its region, and what it is called in a finding."""


def lint_templates(jobs: Sequence[Job]) -> list[Finding]:
    """All that cfn-lint has to say, in the order of ``jobs``; an empty list is the aim.

    The rules are loaded once; on Linux the templates are checked in several processes, as many as there are processors.
    A file that cannot be looked at has one finding, ``template-invalid``.
    Raises :class:`HermesError` ``template-unreadable``.
    """
    texts = [(_text(template, name), region, str(name)) for template, region, name in jobs]
    found: list[list[Finding]] = [
        _refused(text, name) if isinstance(template, Path) else []
        for (template, _, _), (text, _, name) in zip(jobs, texts, strict=True)
    ]
    _rules()
    left = [number for number, refused in enumerate(found) if not refused]
    order = sorted(left, key=lambda number: -len(texts[number][0]))
    answers = _together([texts[number] for number in order])
    for number, answer in zip(order, answers, strict=True):
        found[number] = answer
    return [finding for findings in found for finding in findings]


def _together(texts: list[tuple[str, str, str]]) -> list[list[Finding]]:
    """What cfn-lint says of each, side by side and each within :data:`WORK_S`, where processes can be forked."""
    alone = threading.active_count() == 1  # a process that forks beside running threads may take over a held lock
    if not texts or not alone or "fork" not in multiprocessing.get_all_start_methods():
        return [_lint(each) for each in texts]
    fork, most = multiprocessing.get_context("fork"), max(1, min(os.cpu_count() or 1, len(texts)))

    def run(some: list[tuple[str, str, str]], workers: int) -> list[list[Finding]]:
        with ProcessPoolExecutor(workers, fork, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
            return list(pool.map(_limited, some))

    try:
        return run(texts, most)
    except BrokenProcessPool:  # one of them ended its process: which
        found = []
        for each in texts:
            try:
                found += run([each], 1)
            except BrokenProcessPool:
                what = f"cfn-lint comes to no end with it within {WORK_S} s of work"
                found.append([Finding("template-invalid", each[2], what, next="a smaller template")])
        return found


WORK_S = 60
"""Seconds of a processor that one template may take."""

PATTERN_S = 0.5
"""As long as all patterns of a template may take on its own defaults, in seconds of a processor."""


def _limited(job: tuple[str, str, str]) -> list[Finding]:
    """What cfn-lint says, in a process of its own: it tries defaults with Python's ``re``, which may not come to an end."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = int(used.ru_utime + used.ru_stime) + WORK_S, resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    before = signal.signal(signal.SIGVTALRM, _late)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATTERN_S)
    try:
        for pattern, default in _tried(job[0]):
            re.match(pattern, default)
    except TimeoutError:
        return [
            Finding("template-invalid", job[2], "an AllowedPattern takes too long to decide", next="a simpler pattern")
        ]
    except (re.error, RecursionError, OverflowError):
        pass  # cfn-lint says so
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return _lint(job)


def _late(*_: object) -> None:
    raise TimeoutError


def _tried(text: str) -> Iterator[tuple[str, str]]:
    """Patterns of parameters with the values that cfn-lint tries them on."""
    body = load(text)
    declared = body.get("Parameters") if isinstance(body, Mapping) else None
    for spec in declared.values() if isinstance(declared, Mapping) else ():
        if isinstance(spec, Mapping) and "AllowedPattern" in spec:
            values = [spec.get("Default", ""), *(spec.get("AllowedValues") or ())]
            yield from ((str(spec["AllowedPattern"]), str(value)) for value in values)


def _refused(text: str, name: str) -> list[Finding]:
    """What keeps a file of somebody else from being looked at: too deep, too large, endless; the same as for its bill."""
    try:
        body = load(text)
        if isinstance(body, Mapping):
            conditions = body.get("Conditions")
            conditions_end(conditions if isinstance(conditions, Mapping) else {})
    except HermesError as error:
        if {one.code for one in error.findings} != {"template-invalid"}:
            raise
        return [replace(one, where=f"{name}: {one.where}") for one in error.findings]
    return []


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
        return files.text(template)
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
