"""``cost --focus 1.0`` before its public validator, focus-validator 1.0.0, which lives in an environment of its own.

``python tests/focus/validate.py ENVIRONMENT`` (``make focus``) validates the bill of the rendered
stacks and of the carried templates, and a file with a column too few, which must not pass.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BILLS = [
    [],
    *(["--template", str(path), "--region", "us-east-1"] for path in sorted(ROOT.glob("tests/bill/templates/*.json"))),
]


def rows(words):
    """The FOCUS file of one bill, as text."""
    command = [sys.executable, "-m", "hermes_cfn", "cost", "--book", "snapshot", "--focus", "1.0", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def passes(environment, path):
    """Whether the validator is content with a file; it reads its currency codes relative to where it is installed."""
    where = "import focus_validator, pathlib; print(pathlib.Path(focus_validator.__file__).parents[1])"
    python = environment / "bin/python"
    packages = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    command = [environment / "bin/focus-validator", "--data-file", path]
    command += ["--validate-version", "1.0", "--column-namespace", "x_"]
    ended = subprocess.run(command, cwd=packages, capture_output=True, text=True)
    said = ended.stdout + ended.stderr
    return ended.returncode == 0 and "Validation succeeded." in said, said


def without(path, column):
    """The same file with a column less."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    shorter = path.with_name("shorter.csv")
    with shorter.open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in lines[0] if name != column], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines)
    return shorter


def main(environment):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "focus.csv"
        for words in BILLS:
            text = rows(words)
            if text.count("\n") < 2:
                sys.exit(f"no row for {words}")
            path.write_text(text)
            content, said = passes(environment, path)
            if not content:
                sys.exit(f"cost --focus 1.0 {' '.join(words)} does not pass:\n{said}")
            print(f"focus-validator 1.0.0 passes cost --focus 1.0 {' '.join(words)} ({text.count(chr(10)) - 1} rows)")
        if passes(environment, without(path, "BilledCost"))[0]:
            sys.exit("the validator passes a file without BilledCost, so it proves nothing")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
