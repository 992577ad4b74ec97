"""Ratios of one run: the bill beside rendering, the sampled evaluation beside the exact one, memory."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hermes_cfn import bill, config, stacks
from hermes_cfn.bill import sampled
from hermes_cfn.bill.compute import charges
from hermes_cfn.bill.surroundings import of_deployment
from hermes_cfn.config.usage import Usage
from hermes_cfn.pricing import books

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bench


PEAK = "int(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]) / 1024"
"""MiB at most of the process itself: the resource module would count what it was forked from."""


def fresh(program):
    """What a program of its own prints last, as JSON."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program).replace("PEAK", PEAK)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_the_bill_takes_less_than_a_tenth_of_rendering():
    took = fresh(
        """
        import json, time
        from pathlib import Path
        start = time.perf_counter()
        from hermes_cfn import config, stacks, templates
        deployment = stacks.build(config.load(Path("hermes.toml")))
        templates.render(deployment)
        rendered = time.perf_counter()
        from hermes_cfn import bill
        from hermes_cfn.pricing import books
        book = books.load("eu-south-2", "snapshot")
        ready = time.perf_counter()
        bill.compute(deployment, book)
        print(json.dumps({"render": rendered - start, "bill": time.perf_counter() - ready}))
        """
    )
    print(f"bill / render {took['bill'] / took['render']:.4f} (below 0.1)")
    assert took["bill"] < took["render"] / 10, took


def test_cost_as_a_process_takes_little_more_than_render(tmp_path):
    """Both with compiled modules, as an installed program has them."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path / "compiled")

    def whole(*words):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hermes_cfn", *words], cwd=ROOT, env=env, check=True, capture_output=True)
        return time.perf_counter() - start

    pairs = [(whole("render", "--out", str(tmp_path)), whole("cost")) for _ in range(8)]
    render, cost = (min(column) for column in zip(*pairs, strict=True))
    print(f"cost / render, whole processes {cost / render:.3f} (at most 1.15)")
    assert cost <= 1.15 * render, (cost, render)


def test_a_million_samples_are_a_thousand_times_faster_each_than_the_scalar_bill():
    deployment = stacks.build(config.load(ROOT / "hermes.toml"))
    book = books.snapshot()
    usage = Usage.model_validate(
        {"to_users_gb": [10, 20_000], "logs_gb": [1, 50], "requests": [0, 10**9], "releases": [0, 100]}
    )
    scalar = min(_timed(lambda: bill.compute(deployment, book, usage)) for _ in range(20))
    known = charges(of_deployment(deployment, usage), book).known
    values = sampled.draws(usage, 1_000_000)
    vector = min(_timed(lambda: sampled.totals(known, values, usage)) for _ in range(3)) / 1_000_000
    print(f"scalar / vectorised, a sample {scalar / vector:,.0f} (at least 1,000)")
    assert scalar / vector > 1000, (scalar, vector)


def _timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_cost_stays_under_200_mb():
    peak = fresh(
        """
        import json
        from hermes_cfn.cli import hermes
        hermes.main(["cost", "--format", "json"], standalone_mode=False)
        print(json.dumps(PEAK))
        """
    )
    print(f"peak of cost {peak:.0f} MiB (at most 200)")
    assert peak < 200, peak


def test_an_offer_file_of_hundreds_of_megabytes_is_read_in_less_than_100_mb(tmp_path):
    path = tmp_path / "offer.csv"
    header = '"SKU","TermType","EffectiveDate","StartingRange","EndingRange","Unit","PricePerUnit","serviceCode",'
    header += '"usageType","operation","Region Code","PriceDescription"\n'
    row = '"S{0}","OnDemand","2026-09-01","0","Inf","Hrs","0.1","AmazonEC2","EU-UnusedBox:x{0}.large","RunInstances",'
    row += '"eu-west-1","' + "a description of some length " * 8 + '"\n'
    with path.open("w") as file:
        file.write('"Version","1"\n' + header)
        for start in range(0, 800_000, 10_000):
            file.write("".join(row.format(number) for number in range(start, start + 10_000)))
        file.write(row.format(1).replace("UnusedBox", "BoxUsage"))
    assert path.stat().st_size > 200_000_000
    found, peak = fresh(
        f"""
        import json
        from hermes_cfn.pricing import offers
        from hermes_cfn.pricing.wanted import sieve
        with open({str(path)!r}, newline="") as file:
            found = list(offers.bulk(file, sieve("eu-west-1", "AmazonEC2")))
        print(json.dumps([len(found), PEAK]))
        """
    )
    print(f"peak of reading {path.stat().st_size / 1e6:.0f} MB of an offer file {peak:.0f} MiB (below 100)")
    assert found == 1
    assert peak < 100, peak
