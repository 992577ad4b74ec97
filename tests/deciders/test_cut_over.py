"""The cut-over as a table, and every way that looks can go."""

from itertools import product

import pytest

from hermes_cfn.deciders.cut_over import End, Hold, Move, Seen, Want, decide

WANT = Want((5, 50, 100), 120.0)


@pytest.mark.parametrize(
    ("seen", "want", "what"),
    [
        (Seen(0, 0, ("",)), WANT, Move(5, "next step")),
        (Seen(0, 0, ()), WANT, Hold(120.0)),
        (Seen(5, 30, ("",)), WANT, Hold(90.0)),
        (Seen(5, 120, ("",)), WANT, Move(50, "next step")),
        (Seen(100, 120, ("",)), WANT, End(100)),
        (Seen(25, 500, ("",)), WANT, Move(50, "next step")),
        (Seen(50, 500, ("", "502")), WANT, Hold(120.0)),
        (Seen(50, 10, ("503", "502")), WANT, Move(0, "502")),
        (Seen(0, 10, ("503", "502")), WANT, End(0, "502")),
        (Seen(50, 10, ("503", "502")), Want(back=True), Move(0, "as asked")),
        (Seen(0, 10, ()), Want(back=True), End(0)),
    ],
)
def test_the_next_thing(seen, want, what):
    assert decide(seen, want) == what


@pytest.mark.parametrize("first", [True, False])
def test_whatever_the_looks_say_it_ends_where_everybody_is_served(first):
    """Never a rise in doubt, and at the end all or nothing."""
    for looks in product((True, False), repeat=8):
        goes((first, *looks))


def goes(looks):
    share, held, wrong, history, want = 0, 0.0, (), [], WANT
    for well in (*looks, *(True,) * 20):
        wrong = (*wrong, "" if well else "502")[-2:]
        step = decide(Seen(share, held, wrong), want)
        if isinstance(step, End):
            break
        if isinstance(step, Move):
            assert step.share == 0 or (well and step.share > share)
            want = Want(back=True) if step.share == 0 else want
            share, held, wrong = step.share, 0.0, ()
            history.append(share)
        else:
            held += min(step.left_s, 60.0)
    assert isinstance(step, End) and step.share in (0, 100) and share == step.share
    assert sorted(history[:-1]) == history[:-1]
