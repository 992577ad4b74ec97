"""PostgreSQL's programs where only root may enter: whom PostgreSQL runs as can run them nevertheless."""

import os
import subprocess

import pytest

from hermes_cfn.local.fleet.database.front import open_to_others, opened_to_others
from hermes_cfn.local.fleet.external import binaries


@pytest.fixture(params=[0o644, 0o600])
def closed(tmp_path, request):
    """An installation in a directory of mode 0700, with files that others may or may not read."""
    install = tmp_path / "root" / "site-packages" / "package" / "pginstall18"
    (install / "bin").mkdir(parents=True)
    (install / "share").mkdir()
    (install / "share" / "errcodes.txt").write_text("x")
    program = install / "bin" / "postgres"
    program.write_text("#!/bin/sh\ncat ${0%/*}/../share/errcodes.txt ${0%/*}/../../../package.libs/lib.so\n")
    libraries = install.parent.parent / "package.libs"
    libraries.mkdir()
    (libraries / "lib.so").write_text("y")
    for path in (tmp_path / "root").rglob("*"):
        if path.is_file():
            path.chmod(request.param | (0o111 if path == program and request.param == 0o644 else 0o100))
    (tmp_path / "root").chmod(0o700)
    return program.parent


def test_what_only_root_may_enter_is_seen(closed):
    assert not open_to_others(closed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as somebody else")
def test_the_programs_run_as_somebody_else_from_where_anybody_may_enter(closed, tmp_path_factory):
    place = tmp_path_factory.mktemp("open")
    for directory in (place, *place.parents):
        if directory != directory.parent and directory.stat().st_uid == 0:
            directory.chmod(directory.stat().st_mode | 0o011)
    programs = opened_to_others(closed, place)
    assert open_to_others(programs)
    done = subprocess.run([programs / "postgres"], user="nobody", capture_output=True, text=True)
    assert done.stdout == "xy", done.stderr


def test_the_wheel_brings_its_libraries_along(tmp_path):
    programs = opened_to_others(binaries(), tmp_path)
    for name in ("postgres", "psql", "initdb"):
        shown = subprocess.run([programs / name, "--version"], capture_output=True, text=True)
        assert shown.returncode == 0 and "PostgreSQL" in shown.stdout, shown.stderr
