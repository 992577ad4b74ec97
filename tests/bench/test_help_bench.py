"""``--help`` beside the bare import of the library that it stands on."""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.bench
TIMES = 25
BARE = "import click"
OURS = "import sys; from hermes_cfn.cli import main; sys.exit(main(['--help']))"


def once(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def test_help_takes_hardly_longer_than_the_import_of_click():
    """The shortest of many runs of each, in turns: what is least disturbed by whatever else runs here."""
    pairs = [(once(BARE), once(OURS)) for _ in range(TIMES)]
    bare, ours = (min(times) for times in zip(*pairs, strict=True))
    print(f"--help {ours / bare:.2f} x import click ({1000 * ours:.0f} ms, {1000 * bare:.0f} ms)")
    assert ours <= 1.3 * bare
