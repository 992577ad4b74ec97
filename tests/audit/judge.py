"""Known vulnerabilities of what constraints.txt and the pipeline's hash file pin, by pip-audit; ``make audit``.

Ends with 1 for a vulnerability that is not waived here.  What pip-audit could not be told, for want of its database or of a
package in it, is said and fails nothing: a package that no database knows was not looked at.  ``make audit ADVISORIES=DIRECTORY``
asks a checkout of https://github.com/pypa/advisory-database instead, and says how old that is.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILES = (ROOT / "constraints.txt", ROOT / "hermes_cfn/cli/workflows/requirements.txt")

WAIVED: Mapping[str, str] = {}
"""Vulnerability -> why it does not concern us."""


def judged(report: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is wrong, and what was not looked at, of one report of pip-audit."""
    wrong, unseen = [], []
    for one in report["dependencies"]:
        if "skip_reason" in one:
            unseen.append(one["name"])
        for found in one.get("vulns", ()):
            names = {found["id"], *found.get("aliases", ())}
            if not names & set(WAIVED):
                mended = ", ".join(found["fix_versions"]) or "no version yet"
                wrong.append(f"{one['name']} {one['version']}: {found['id']}, mended in {mended}")
    return wrong, unseen


def main(program: str, checkout: str = "") -> int:
    """Both files before pip-audit; its own standard error is shown where it has no report."""
    if not checkout:
        return audited(program, ())
    from advisories import Advisories, served

    advisories = Advisories(Path(checkout))
    sys.stdout.write(f"{advisories.count} advisories, the newest of {advisories.newest}\n")
    with tempfile.TemporaryDirectory() as cache, served(advisories) as url:
        return audited(program, ("--vulnerability-service", "osv", "--osv-url", url, "--cache-dir", cache))


def audited(program: str, more: Sequence[str]) -> int:
    """1 where one of the files pins what is vulnerable and not waived."""
    status = 0
    for file in FILES:
        command = [
            program,
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--no-deps",
            "--disable-pip",
            *more,
            "-r",
            str(file),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            wrong, unseen = judged(json.loads(done.stdout))
        except (ValueError, KeyError, TypeError):
            sys.stdout.write(
                f"ATTENTION: {file.name} was not audited, for pip-audit cannot be told: {done.stderr[-300:].strip()}\n"
            )
            continue
        sys.stdout.writelines(f"{file.name}: {line}\n" for line in wrong)
        seen = sum("skip_reason" not in one for one in json.loads(done.stdout)["dependencies"])
        sys.stdout.write(f"{file.name}: {seen} packages were looked at, {len(wrong)} with a vulnerability\n")
        if unseen:
            sys.stdout.write(f"ATTENTION: {len(unseen)} packages of {file.name} are in no database that could be had\n")
        status = status or int(bool(wrong))
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
