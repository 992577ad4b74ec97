import re
import shutil
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from analysis import plots, report
from analysis.options.frontier import Lattice
from analysis.sizing.queueing import grid
from hermes_cfn import config
from hermes_cfn.config.settings import Settings
from hermes_cfn.pricing import books

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="module")
def book():
    return books.load("eu-south-2", "snapshot")


@pytest.fixture(scope="module")
def page(book):
    small = Lattice(Settings(), book, types=("t4g.micro", "t4g.small"), counts=(1, 2, 3))
    steps = []
    text = report.render(Settings(), book, told=steps.append, lattice=small, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert len(steps) >= 5
    return text


def test_the_decision_comes_first_in_one_sentence_with_money_a_millisecond(page):
    first = page[: page.index("<h2>")]
    headline = re.search(r"<h1>(.*?)</h1>", first).group(1)
    assert re.search(r"2 x t4g\.small in eu-south-2 for \$\d+\.\d\d a month", headline)
    assert "p50" in headline and "p99" in headline
    assert "inferred" in first and "published" in first
    assert "a tenth" in first
    assert "prices refresh" in first and "pricing:GetProducts" in first
    assert "first month" in first and "twelve months" in first


def test_it_asks_nothing_of_the_network(page):
    loads = re.findall(r'(?:src|href|url\()\s*=?\s*["\'(]?\s*(https?:[^"\')\s>]+)', page)
    assert not [address for address in loads if "w3.org" not in address]
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_its_elements_are_closed(page):
    class Check(HTMLParser):
        void = {"meta", "link", "br", "hr", "img"}

        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attributes):
            if tag not in self.void:
                self.open.append(tag)

        def handle_startendtag(self, tag, attributes):
            pass

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    check = Check()
    check.feed(page)
    assert not check.open


def test_every_part_is_there(page):
    assert page.count("<svg") == 7
    for word in ("stay where you are", "move the database", "Fargate", "flat-rate", "Fly.io Paris", "MedUX", "fitted"):
        assert word in page
    assert page.count('class="wrong"') >= 15


def test_currency_and_vat_are_the_readers_and_apart():
    stated = config.parse('[planning]\ncurrency = "EUR"\ncurrency_per_usd = 0.9\nvat = 0.21\n')
    from decimal import Decimal

    told = report.stated(stated, Decimal(100))
    assert "90.00 EUR net" in told and "108.90 EUR" in told and "21% VAT" in told
    assert report.stated(Settings(), Decimal(100)) == ""


def test_a_far_database_changes_the_headline(book):
    from analysis.answers import payment, worth

    far = config.parse('[planning]\ndatabase = "frankfurt"\n')
    told = report.decision(far, payment(far, book), worth(far, book), True)
    assert "beside the database (fly-fra)" in told
    assert "do not carry" in report.decision(far, payment(far, book), worth(far, book), False)


def test_a_browser_shows_it_without_errors_at_phone_width(page, tmp_path):
    """Where a browser is installed; without one the page's own policy and structure are what is tested above."""
    if BROWSER is None:
        return
    file = tmp_path / "report.html"
    probe = (
        "<script>addEventListener('load',()=>{const d=document.documentElement;"
        "document.body.dataset.wide=d.scrollWidth>d.clientWidth?'yes':'no';"
        "document.body.dataset.loads=performance.getEntriesByType('resource').filter(e=>!e.name.startsWith('data:')).length})</script></body>"
    )
    file.write_text(page.replace("style-src", "script-src 'unsafe-inline'; style-src").replace("</body>", probe))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
               "--window-size=500,1000", "--enable-logging=stderr", "--dump-dom", file.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    body = re.search(r"<body[^>]*>", done.stdout).group(0)
    assert 'data-wide="no"' in body
    assert 'data-loads="0"' in body
    assert "CONSOLE" not in done.stderr


def test_pictures_are_the_same_every_time_and_in_both_formats(tmp_path):
    one, other = (plots.svg(plots.validity(grid())) for _ in range(2))
    assert one == other
    plots.save(plots.utilisation(), tmp_path / "u.png")
    plots.save(plots.utilisation(), tmp_path / "u.svg")
    assert (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "u.svg").read_text()
