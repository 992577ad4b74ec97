"""Commands that instances find first in their PATH; written once for a cloud."""

from __future__ import annotations

import sys
from pathlib import Path

ASKING = ("docker", "systemctl", "systemd-run", "amazon-cloudwatch-agent-ctl", "aws")
SHELL = ("dnf", "logger", "df", "bash", "flock", "timeout")


def interpreter() -> Path:
    """The Python behind the virtual environment, which starts faster."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def write(directory: Path, own_ports: bool) -> None:
    """Writes the shims into ``directory``.

    ``flock`` and ``timeout`` only where the machine has none, ``bash`` only where instances
    share an address (it sends ``/dev/tcp`` to the port that is really listened on).
    """
    directory.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).parent
    ask = (here / "ask.py").read_text().replace("#!/usr/bin/env python3", f"#!{interpreter()} -IS", 1)
    for name in ASKING:
        _executable(directory / name, ask)
    (directory / "python3").symlink_to(interpreter())
    for name in ("dnf", "logger", "df"):
        _executable(directory / name, (here / f"{name}.sh").read_text())
    (directory / "yum").symlink_to("dnf")
    if own_ports:
        _executable(directory / "bash", (here / "bash.sh").read_text())
    for name in ("flock", "timeout"):
        if not any(Path(place, name).exists() for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin")):
            _executable(directory / name, f"#!{interpreter()} -IS\n" + (here / f"{name}.py").read_text())


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
