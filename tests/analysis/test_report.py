import html
import re
import shutil
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from analysis import plots, report
from analysis.latency.times import Interaction, interactions
from analysis.options.frontier import Configuration, Lattice
from analysis.sizing.queueing import grid
from hermes_cfn import config
from hermes_cfn.config.settings import Settings
from hermes_cfn.errors import Finding, HermesError
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
    first = page[: page.index("<h2")]
    headline, lead = (re.search(pattern, first).group(1) for pattern in (r"<h1>(.*?)</h1>", r'"lead">(.*?)</p>'))
    assert re.fullmatch(r"Run 2 x t4g\.small in eu-south-2 for \$\d+\.\d\d a month\.", headline)
    assert re.search(r"\$\d+\.\d\d a month at p50 and \$\d+\.\d\d at p99", lead) and "Las Palmas" in lead
    assert "inferred" in first and "published" in first
    assert "a tenth lower or higher" in first and "the verdict stands" in first
    assert "<code>hermes-cfn prices refresh</code>" in first and "<code>pricing:GetProducts</code>" in first
    assert "first month" in first and "twelve months" in first
    for name in ("warm message", "cold page", "first LiveView load", "Cheaper", "Faster", "How sure"):
        assert name in first
    assert "In your money" not in first


def test_a_verdict_that_hangs_on_inferred_prices_says_so(book):
    from dataclasses import replace

    from analysis.answers import payment, worth

    paid, compared = payment(Settings(), book), worth(Settings(), book)
    close = replace(compared, monthly_more=paid.bill.inferred / 20)
    assert "the verdict turns" in report.surety(paid, close)
    assert "the verdict stands" in report.surety(paid, compared)


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
    assert "90.00 EUR net" in told and "108.90 EUR" in told and "21% VAT" in told and "1,306.80 EUR in twelve" in told
    assert report.stated(Settings(), Decimal(100)) == ""


def test_a_far_database_changes_the_headline(book):
    from analysis.answers import payment, worth

    far = config.parse('[planning]\ndatabase = "frankfurt"\n')
    told = report.decision(far, payment(far, book), worth(far, book), True)
    assert told.startswith("Run it in Fly.io Frankfurt, which is faster and cheaper, not as 2 x t4g.small")
    assert "nothing is gained" in report.lead(far, worth(far, book))
    assert "do not carry" in report.decision(far, payment(far, book), worth(far, book), False)


def test_a_missing_price_of_buying_is_a_row_and_not_the_end(book, monkeypatch):
    def none(*asked):
        raise HermesError(Finding("price-missing", "BoxUsage:t4g.large", "the book has no such price"))

    monkeypatch.setattr(report, "ways", none)
    (row,) = report._bought(Settings(), book)
    assert row.basis == "missing" and "BoxUsage:t4g.large" in row.source


def test_live_rows_are_for_who_has_open_sockets(book):
    from analysis.answers import payment, worth

    plain = config.parse("[planning]\nsockets = 0\n")
    assert interactions(plain.planning) == (Interaction.COLD,)
    assert set(interactions(Settings().planning)) == set(Interaction)
    few, all_of_them = (
        list(report._cards(payment(one, book), worth(one, book), one.planning)) for one in (plain, Settings())
    )
    assert len(few) == len(all_of_them) - 1


def test_what_is_cheaper_names_everything_that_it_changes():
    settings = Settings()
    change = (("compute.instance_type", "t4g.micro"), ("compute.count", 2), ("network.flow_logs", False),
              ("network.zones", ("eu-south-2a", "eu-south-2b")), ("network.egress", settings.network.egress),
              ("account.region", "eu-south-2"))  # fmt: skip
    winner = Configuration(change, "reserved-1y-upfront", 0.0, 90.0, 700.0, 0.998)
    told = report.changes(settings, winner)
    assert told == [
        "t4g.micro for t4g.small",
        "no flow logs for flow logs",
        "2 zones for 3",
        "reserved for a year and paid at once for on demand",
    ]
    same = tuple((key, getattr(getattr(settings, key.split(".")[0]), key.split(".")[1])) for key, _ in change)
    assert report.changes(settings, Configuration(same, "on-demand", 0.0, 90.0, 700.0, 0.998)) == []


WIDTHS = {"phone": 360, "paper": 794, "desk": 1280}
"""CSS pixels: a small telephone, A4 at 96 a inch, a screen."""
A4_HEIGHT = 1123

WATCH = """
<script>
addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const loads = frame.contentWindow.performance.getEntriesByType("resource").filter(one => !one.name.startsWith("data:"));
    frame.dataset.said = [frame.id, root.scrollWidth, root.clientWidth, loads.length,
      Math.round(page.querySelector(".settle").getBoundingClientRect().bottom),
      Math.max(...[...page.querySelectorAll("td, dd, p")].map(one => 16 / parseFloat(getComputedStyle(one).fontSize)))].join(" ");
  }
});
</script>"""


def test_a_browser_shows_it_without_errors_at_every_width(page, tmp_path):
    """Where a browser is installed; without one the page's own policy and structure are what is tested above."""
    if BROWSER is None:
        return
    file = tmp_path / "frames.html"
    frames = "".join(
        f'<iframe id="{name}" width="{width}" height="900" style="border:0" srcdoc="{html.escape(page)}"></iframe>'
        for name, width in WIDTHS.items()
    )
    file.write_text(f"<!doctype html><meta charset=utf-8><title>frames</title>{frames}{WATCH}")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
               "--window-size=1600,1000", "--enable-logging=stderr", "--dump-dom", file.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "CONSOLE" not in done.stderr
    said = {row.split()[0]: row.split()[1:] for row in re.findall(r'data-said="([^"]+)"', done.stdout)}
    assert set(said) == set(WIDTHS)
    for name, (wide, seen, loads, settled, smallest) in said.items():
        assert int(wide) <= int(seen) <= WIDTHS[name], name
        assert int(loads) == 0, name
        assert float(smallest) <= 16 / 11, "no text below 11 pixels"
        if name == "paper":
            assert int(settled) < A4_HEIGHT, "the whole decision is on the first page"


def test_pictures_are_the_same_every_time_and_in_both_formats(tmp_path):
    one, other = (plots.svg(plots.validity(grid())) for _ in range(2))
    assert one == other
    plots.save(plots.utilisation(), tmp_path / "u.png")
    plots.save(plots.utilisation(), tmp_path / "u.svg")
    assert (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "u.svg").read_text()
