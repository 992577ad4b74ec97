"""A machine with a real systemd as process 1: Debian's packages, booted by systemd-nspawn.

The root directory is made once by debootstrap and kept (``HERMES_MACHINE_ROOT``, or the cache directory of whoever runs
this); each machine changes a layer of its own, which is gone with it.  It has no network.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("systemd", "python3", "systemd-sysv", "dbus", "curl", "procps", "util-linux", "bsdutils")
MIRROR = "http://deb.debian.org/debian"
NEEDED = ("systemd-nspawn", "debootstrap", "nsenter")


def missing() -> str:
    """Why no such machine can be had here; nothing if one can."""
    if os.geteuid() != 0:
        return "only root can boot one"
    absent = [program for program in NEEDED if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def root() -> Path:
    """The root directory, made if need be.  Raises CalledProcessError or TimeoutExpired where it cannot be made."""
    place = Path(os.environ.get("HERMES_MACHINE_ROOT") or Path.home() / ".cache/hermes-cfn/machine")
    made = place / "made"
    if not made.exists() or made.read_text() != " ".join(PACKAGES):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        command = [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            "bookworm",
            str(place),
            MIRROR,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=900)
        made.write_text(" ".join(PACKAGES))
    return place


class Booted:
    """One machine, which shares ``directory`` with this one; :meth:`end` it."""

    def __init__(self, name: str, directory: Path | None = None) -> None:
        self._nspawn = subprocess.Popen(
            [
                "systemd-nspawn", "--quiet", "--directory", str(root()), "--boot", "--register=no", "--keep-unit",
                "--private-network", "--volatile=overlay", f"--machine={name}", "--link-journal=no", "--console=pipe",
                *([f"--bind={directory}"] if directory else []),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._until_up()

    def _until_up(self) -> None:
        deadline = time.monotonic() + 120
        while self._state() not in ("running", "degraded"):
            if self._nspawn.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError("the machine did not boot")
            time.sleep(0.2)

    def _state(self) -> str:
        return self.run("systemctl is-system-running --wait").stdout.strip() if self._inside() else ""

    def _inside(self) -> int:
        """Its process 1, as this machine counts; 0 while there is none."""
        try:
            found = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(found[0]) if found else 0

    @property
    def root(self) -> Path:
        """Its root directory, seen from here."""
        return Path(f"/proc/{self._inside()}/root")

    def run(self, script: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a script as root."""
        command = ["nsenter", "--target", str(self._inside()), "--all", "/bin/bash", "-c", script]
        given = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HERMES_ROOT": "",
            **(environment or {}),
        }
        return subprocess.run(command, env=given, capture_output=True, text=True, timeout=120)

    def power_off(self) -> None:
        """Its systemd stops everything, and it ends."""
        self.run("systemctl --no-block poweroff")
        self._nspawn.wait(120)

    def end(self) -> None:
        """Ends it, and everything that runs in it."""
        inside = self._inside()
        if inside:
            os.kill(inside, signal.SIGKILL)
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
