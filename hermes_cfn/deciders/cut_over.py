"""A cut-over from an old load balancer to the new one, by the weights of two records: what to do next.

Theory
------
The share of the new one (0 to 100) stands in Route 53 and nowhere else: whoever looks knows how far it is, so that a
run that was cut off is gone on with, or undone, from what is there.  Each share is held for as long as the records live
in resolvers, and then some, before the next.  While it is held everybody looks at the new one: that it has healthy
targets, that visitors are answered through its load balancer, that no alarm fires that did not before.  Whatever of it
is not so twice in a row sends everybody back to the old one, whose record was never taken away.
"""

from __future__ import annotations

from dataclasses import dataclass

DOUBTS = 2
"""So many looks in a row that find something wrong send everybody back: one may be an answer that was lost."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``share`` of the new one in Route 53, 0 to 100; ``held_s`` since this run has seen it so; ``wrong`` in words what
    the last looks found, the newest last and "" where nothing was."""

    share: int
    held_s: float
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """``steps`` are the shares of the new one, rising; ``hold_s`` how long each is held.  ``back``: to the old one at once."""

    steps: tuple[int, ...] = (5, 25, 50, 100)
    hold_s: float = 120.0
    back: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Give the new one this share."""

    share: int
    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Look again later."""

    left_s: float


@dataclass(frozen=True, slots=True)
class End:
    """It is over; ``failed`` says why it went back, or never began."""

    share: int
    failed: str = ""


def decide(seen: Seen, want: Want) -> Move | Hold | End:
    """The next thing; doubts come before steps, and the way back waits for nothing."""
    if want.back:
        return Move(0, "as asked") if seen.share else End(0)
    last = seen.wrong[-DOUBTS:]
    if len(last) == DOUBTS and all(last):
        return Move(0, last[-1]) if seen.share else End(0, last[-1])
    if last and last[-1]:
        return Hold(want.hold_s)
    if seen.share and seen.held_s < want.hold_s:
        return Hold(want.hold_s - seen.held_s)
    if not seen.share and not seen.wrong:
        return Hold(want.hold_s)
    following = [step for step in want.steps if step > seen.share]
    return Move(following[0], "next step") if following else End(seen.share)
