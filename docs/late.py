"""``python docs/late.py MODE SEED``: every verb in turn on a late cloud; the table of it in ``docs/reliability.md``.

MODE is ``default`` or ``worst`` (``hermes-cfn rehearse --story --consistency MODE --seed SEED``).  What each scenario has
shown is kept in ``docs/late.json``; then ``python docs/make_reliability.py --page`` writes the page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SEEN = HERE / "late.json"
KEPT = ("name", "exit_code", "false", "sent", "lost", "ended", "suspended", "wrong")

HEAD = """
## On a cloud that answers late

Every verb in turn, from `bootstrap` to `destroy`, on a fresh embedded cloud that is [late](consistency.md): `default` as often as AWS,
`worst` with what was before told once after every write and after every new answer, and one call in a hundred broken. From the first
deployment on under 30 requests a second. *Ended falsely*: with another exit code than the right one, after which the same command
is typed again. Each run is `python docs/late.py MODE SEED`.

| scenario | runs | ended falsely | requests sent | lost | instances ended without need | left suspended | else |
|---|---|---:|---:|---:|---:|---:|---|
"""


def table() -> str:
    """The section of the page; a scenario that no run has reached has no row."""
    runs = json.loads(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    return HEAD + "".join(_rows(runs)) if runs else ""


def _rows(runs: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    names = list(dict.fromkeys(scene["name"] for scenes in runs.values() for scene in scenes))
    for name in names:
        told = {run: scene for run, scenes in runs.items() for scene in scenes if scene["name"] == name}
        modes: dict[str, list[str]] = {}
        for run in told:
            mode, _, seed = run.partition(" ")
            modes.setdefault(mode, []).append(seed)
        said = "; ".join(f"{mode} {', '.join(sorted(seeds))}" for mode, seeds in sorted(modes.items()))
        sums = {key: sum(scene[key] for scene in told.values()) for key in ("false", "sent", "lost", "ended")}
        left = sum(bool(scene["suspended"]) for scene in told.values())
        wrong = "; ".join(sorted({scene["wrong"] for scene in told.values()} - {""}))
        yield f"| {name} | {said} | {sums['false']} | {sums['sent']:,} | {sums['lost']} | {sums['ended']} | {left} | {wrong} |\n"


def keep(mode: str, seed: str, scenes: Sequence[dict[str, Any]]) -> None:
    """Adds a run to what is kept, in place of the one before with the same seed."""
    runs = json.loads(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    runs[f"{mode} {seed}"] = [{key: scene[key] for key in KEPT} for scene in scenes]
    SEEN.write_text(json.dumps(dict(sorted(runs.items())), indent=1) + "\n", encoding="utf-8")


def main(mode: str, seed: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        words = ["rehearse", "--story", "--consistency", mode, "--seed", seed, "--format", "json"]
        done = subprocess.run(
            [sys.executable, "-m", "hermes_cfn", "--config", str(HERE.parent / "hermes.toml"), *words],
            cwd=HERE.parent,
            env={**os.environ, "HERMES_STATE": str(Path(directory, "state"))},
            stdout=subprocess.PIPE,
            text=True,
        )
    keep(mode, seed, json.loads(done.stdout))


if __name__ == "__main__":
    main(*sys.argv[1:])
