"""Commands that instances find first in their PATH; written once for a cloud."""

from __future__ import annotations

import sys
from pathlib import Path

ASKING = ("docker", "systemctl", "systemd-run", "amazon-cloudwatch-agent-ctl", "aws", "nsenter")
SHELL = ("dnf", "logger", "df", "date", "bash", "flock", "timeout")


def interpreter() -> Path:
    """The Python behind the virtual environment, which starts faster."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def sources() -> Path:
    """The directory that this package is imported from: for ``PYTHONPATH``, as :func:`interpreter` knows no other packages."""
    return Path(__file__).parents[__name__.count(".") + 1]


def write(directory: Path, own_ports: bool, speed: float, patience: float) -> None:
    """Writes the shims into ``directory``.

    ``flock`` only where the machine has none, ``bash`` only where instances share an address (it
    sends ``/dev/tcp`` to the port that is really listened on).  ``timeout`` is hurried like every
    deadline on a real program: ``speed`` times, to ``patience`` real seconds at most.
    """
    directory.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).parent
    ask = (here / "ask.py").read_text().replace("#!/usr/bin/env python3", f"#!{interpreter()} -IS", 1)
    for name in ASKING:
        _executable(directory / name, ask)
    (directory / "python3").symlink_to(interpreter())
    for name in ("dnf", "logger", "df", "date"):
        _executable(directory / name, (here / f"{name}.sh").read_text())
    (directory / "yum").symlink_to("dnf")
    if own_ports:
        _executable(directory / "bash", (here / "bash.sh").read_text())
    text = (here / "timeout.py").read_text()
    text = text.replace("SPEED, PATIENCE_S = 1.0, 0.0", f"SPEED, PATIENCE_S = {speed!r}, {patience!r}", 1)
    _executable(directory / "timeout", f"#!{interpreter()} -IS\n{text}")
    if not any(Path(place, "flock").exists() for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin")):
        _executable(directory / "flock", f"#!{interpreter()} -IS\n" + (here / "flock.py").read_text())


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o700)
