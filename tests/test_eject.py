"""What ``eject`` writes: every stack, a script that shellcheck has nothing to say about, and never over a file."""

import subprocess
import sys
from pathlib import Path

import pytest

from hermes_cfn import eject
from hermes_cfn.config import parse
from hermes_cfn.eject import render
from hermes_cfn.errors import HermesError
from hermes_cfn.stacks import build

BIN = Path(sys.executable).parent


def test_the_scripts_pass_shellcheck_and_say_every_stack(tmp_path) -> None:
    for text in ("", '[watch]\nenabled = true\nemails = ["a@b.example"]\n[edge]\nassets = true\n'):
        settings = parse(text)
        found = render(build(settings), settings)
        (tmp_path / "stacks.sh").write_text(found["stacks.sh"])
        done = subprocess.run([str(BIN / "shellcheck"), str(tmp_path / "stacks.sh")], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        for spec in build(settings):
            assert f"stack {spec.key} {spec.name} " in found["stacks.sh"]


def test_it_writes_over_nothing(tmp_path) -> None:
    settings = parse("")
    written = eject.write(build(settings), settings, tmp_path / "out")
    assert all(path.stat().st_mode & 0o100 for path in written if path.suffix == ".sh")
    with pytest.raises(HermesError) as caught:
        eject.write(build(settings), settings, tmp_path / "out")
    assert [one.code for one in caught.value.findings] == ["eject-not-over"]
