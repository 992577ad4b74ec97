from decimal import Decimal

from analysis import text

COLUMNS = ["key", "USD", "effort", "gives up"]
LINES = [
    ["a-key-that-is-long", "12.00", "an order", "the freedom to change the type for a year"],
    ["b", "1,200.00", "a day", "nothing"],
]


def test_without_a_width_nothing_is_cut():
    told = text.table(COLUMNS, LINES, right=(1,)).splitlines()
    assert told[2] == "a-key-that-is-long     12.00  an order  the freedom to change the type for a year"
    assert set(told[1]) == {"-", " "}


def test_the_widest_text_gives_way_first_and_the_first_column_never():
    for width in (70, 60, 56):
        told = text.table(COLUMNS, LINES, right=(1,), width=width)
        assert max(map(len, told.splitlines())) <= width
        assert "a-key-that-is-long" in told and "1,200.00" in told and "…" in told


def test_where_cutting_is_not_enough_columns_go_in_their_order():
    told = text.table(COLUMNS, LINES, right=(1,), width=48, drop=(2, 3))
    assert "effort" not in told and "gives up" in told
    told = text.table(COLUMNS, LINES, right=(1,), width=30, drop=(2, 3))
    assert "gives up" not in told and "1,200.00" in told


def test_figures_have_three_digits_and_no_exponent():
    assert [text.figure(value) for value in (3200, 0.0153, 1843.2, 642.7)] == ["3,200", "0.0153", "1,840", "643"]


def test_what_is_not_known_is_a_question_mark():
    assert (text.money(None), text.ms(None), text.share(None), text.span(None, None)) == ("?", "?", "?", "?")
    assert text.ms(float("inf")) == "never"
    assert text.span(Decimal("1.2"), Decimal("1.3")) == "1"


def test_a_screens_width_wraps(monkeypatch):
    monkeypatch.setattr(text, "screen", lambda: 40)
    assert max(map(len, text.wrapped("word " * 30).splitlines())) <= 40
    told = text.entry("right", "word " * 30, "because " * 10)
    assert told.startswith("right          word") and max(map(len, told.splitlines())) <= 40
