"""The page of a rehearsal: everything on it, nothing from elsewhere, and no word of anybody's is markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

from hermes_cfn.rehearse import page
from hermes_cfn.rehearse.course import Act
from hermes_cfn.rehearse.tally import Second, Tally
from hermes_cfn.rehearse.watcher import GONE, SERVES
from tests.rehearse.test_verdict import WELL

EVIL = "<script>alert(1)</script>\"'&"
SEEN = replace(
    WELL,
    seconds=[Second(float(at), 20, int(at == 3), 0.01, 0.05) for at in range(9)],
    time_line={"i-1": [(0.0, SERVES), (2.0, "standby, absent"), (4.0, SERVES)], EVIL: [(0.0, "pending, absent"), (5.0, GONE)]},
    spoken=[(1.0, f"release {EVIL} begins")],
    begun_s=1.5,
    ended_s=8.0,
)  # fmt: skip
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open, self.seen, self.texts = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        if tag not in ("meta", "rect", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert tag == "rect" or self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def made(**changed):
    acts = [
        Act("release", f"Release of {EVIL}", replace(SEEN, **changed)),
        Act("rollback", "Rollback", SEEN, "it is wrong"),
    ]
    return page.render(page.of_acts(acts, f"Rehearsal of {EVIL}", [f"note {EVIL}"], [("image", EVIL)]))


def test_the_page_loads_nothing_and_takes_no_word_for_markup():
    reader = Reader()
    text = made()
    reader.feed(text)
    assert reader.open == [] and not reader.seen & {"script", "link", "img", "iframe", "object"}
    assert "url(" not in text and "http" not in re.sub(r'http-equiv="[^"]*"', "", text)
    shown = "".join(reader.texts)
    for wanted in (EVIL, "i-1", "it is wrong", "rollback", "note", "100"):
        assert wanted in shown


def test_lanes_end_where_the_time_line_ends_and_nothing_leaves_the_drawing():
    for x, width in re.findall(r'<rect class="[a-z0-9]+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', made()):
        assert 0 <= float(x) <= page.WIDE and float(x) + float(width) <= page.WIDE + 2
    assert 'class="aside"' in made() and 'class="gone"' in made() and 'class="failed"' in made()


def test_an_update_that_saw_nothing_has_a_page_too():
    empty = page.of_acts([], "Nothing", [], [])
    assert not empty.well and "Nothing" in page.render(empty)
    assert "NaN" not in made(seconds=[], time_line={}, spoken=[], begun_s=0.0, ended_s=0.0)


def test_seconds_of_a_load():
    rows = [(10.2, 0.1, "a", "ok", ""), (10.9, 0.3, "a", "status 500", ""), (12.5, 0.2, "a", "ok", "")]
    found = Tally(1, 0, tuple(rows)).seconds(10.0)
    assert [(one.at, one.sent, one.failed) for one in found] == [(0, 2, 1), (1, 0, 0), (2, 1, 0)]
    assert found[0].p99_s == 0.1 and found[1].p99_s == 0


def test_a_browser_shows_it_at_phone_and_desk_width(tmp_path):
    """No element is wider than the window: a page of 390 pixels is not scrolled sideways."""
    if BROWSER is None:
        print("no browser is here: the page's width is not looked at")
        return
    probe = "<script>document.title=document.documentElement.scrollWidth+'/'+innerWidth</script></body>"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", made()).replace("</body>", probe)
    (tmp_path / "page.html").write_text(
        f"<!doctype html><iframe id=a width=390 height=800 srcdoc='{text.replace('&', '&amp;').replace(chr(39), '&#39;')}'></iframe>"
        "<script>onload=()=>{document.title=a.contentDocument.title}</script>"
    )
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
         "--virtual-time-budget=2000", "--dump-dom", str(tmp_path / "page.html")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    width, window = map(int, re.search(r"<title>(\d+)/(\d+)", done.stdout).groups())
    assert width <= window == 390, done.stdout[:300]
