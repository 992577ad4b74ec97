"""``python docs/make_reliability.py``: rehearse every row of ``docs/reliability.md`` and write the page.

It takes minutes and its figures differ from run to run, so no test compares the page with a new one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE / "reliability.md"
QUIET = "200 requests a second, nothing goes wrong"
ROWS: Sequence[tuple[str, Sequence[str]]] = (
    (QUIET, ("--rate", "200", "--seed", "1")),
    (QUIET, ("--rate", "200", "--seed", "2")),
)
HEAD = """# Reliability

What a rolling update loses, counted by the client. Each row is one `hermes-cfn rehearse` of this repository's `hermes.toml`
(two t4g.small, in place) on a fresh embedded cloud: real processes behind a real proxy, the waits of the fleet shortened by one
factor that keeps them in proportion. The page is made by `python docs/make_reliability.py`; figures differ from run to run.

| rehearsed | options | sent | failed | by reason | WebSockets that reconnected | without service (s) | took (s) | lower bound (s) | ends |
|---|---|---:|---:|---|---:|---:|---:|---:|---|
"""
TAIL = """
*Lower bound* is drain, stop, start and health checks for each batch, without any overhead; what lies above it here is mostly
starting Python processes and the checks before the first instance leaves, which do not shrink with the factor. *Ends* names the
release at the end, and whether the fleet converged on one.

An instance that stops answering fails requests until the health checks notice: that is the interval times the unhealthy
threshold, and no deployer can shorten it. Everything else that fails a request would be a defect: please report it with the
`seed`.

## What is not shown here

* The figures come from the embedded cloud, not from AWS; [the embedded cloud](embedded-cloud.md) lists where the two differ.
* Faults. `rehearse --faults` lists them; a rehearsal with `instance-dies@deploying` did not end within five minutes when this page
  was made, so faults have no row until that is understood. `tests/stories/test_deploy_story.py` shows a deployer that is killed
  at three steps and converges, a release that fails its checks and is rolled back, and two deployers of which one acts.
* A surge instance and a canary are decided and tested in `tests/deciders`, but not rehearsed in this table.
"""


def rehearse(options: Sequence[str]) -> Mapping[str, Any] | str:
    """The report of one rehearsal, or the last line of what it said instead."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "rehearse", "--format", "json", *options],
            cwd=HERE.parent,
            env={**os.environ, "HERMES_STATE": str(Path(directory, "state"))},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        report: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or ["nothing"])[0]
    return report


def row(what: str, options: Sequence[str], told: Mapping[str, Any] | str) -> str:
    """A line of the table."""
    if isinstance(told, str):
        return f"| {what} | `{' '.join(options)}` | | | {told} | | | | | |\n"
    reasons = ", ".join(f"{count} × {reason}" for reason, count in told["failed_by_reason"].items()) or "none"
    ends = f"{told['release']}, {'converged' if told['converged'] else 'not converged'}"
    return (
        f"| {what} | `{' '.join(options)}` | {told['sent']} | {told['failed']} | {reasons} | {told['reconnected']} "
        f"| {told['interruption_s']:.1f} | {told['duration_s']:.1f} | {told['lower_bound_s']:.1f} | {ends} |\n"
    )


def main() -> None:
    """Rehearse, and write the page."""
    lines = []
    for what, options in ROWS:
        lines.append(row(what, options, rehearse(options)))
        sys.stderr.write(lines[-1])
    PAGE.write_text(HEAD + "".join(lines) + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
