"""Known vulnerabilities of what constraints.txt and the pipeline's hash file pin, by pip-audit; ``make audit``.

Ends with 1 for a vulnerability that is not waived here.  What pip-audit could not be told, for want of its database or of a
package in it, is said and fails nothing: a package that no database knows was not looked at.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
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


def main(program: str) -> int:
    """Both files before pip-audit; its own standard error is shown where it has no report."""
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
        if unseen:
            sys.stdout.write(f"ATTENTION: {len(unseen)} packages of {file.name} are in no database that could be had\n")
        status = status or int(bool(wrong))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
