"""``docs/consistency.md``: how late AWS is taken to be, and how every call is protected, from the tables in the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hermes_cfn.aws.calls import LATE_S
from hermes_cfn.aws.writes import WRITES
from hermes_cfn.aws.young import ROLE_S, YOUNG
from hermes_cfn.local.lags import BROKEN, BUCKETS, LAGS, SPLIT_SHARE, UNKNOWNS

PAGE = Path(__file__).resolve().parent / "consistency.md"

HEAD = """# A late, throttling, sometimes broken AWS

*Written by `python docs/make.py` from the tables in the code.*

AWS is eventually consistent: what is read may be seconds old, what was made a moment ago may be unknown, an answer
may get lost after the call was carried out. The deployer decides by these rules:

* **What an own call answered is a floor.** A parameter that this run has written is never read below the version that
  writing it answered; a stack is never seen older than it was seen before (`LastUpdatedTime`, and the order of its
  statuses). An answer below the floor is asked for again, for {late:.0f} s.
* **An outcome is known by a token.** Every event of an operation on a stack carries the client token that it was asked with.
  What DescribeStacks shows is the outcome only when the newest of these events says the same.
* **Every change may have happened.** It has a client token, or error codes that after a lost answer mean "done before", or a
  second time does no harm: the table below. A call that has no row there is refused before it is sent.
* **A difference is not yet somebody's deed.** `group-changed` and `processes-suspended` are believed after {late:.0f} s.
* **A service role that cannot be assumed yet** is asked for again for {role:.0f} s, which is said once.

`status`, `plan` and `doctor` ask side by side what does not depend on each other, and once what several parts of them ask: at
most 8, 14 and 30 calls one after the other (a test counts them). `status` and `plan` say from when to when they read what they show.
`--debug` shows each call with the number of times that it was sent again.

## Every call that changes something

| call | sent twice | what is read after it is known by |
|---|---|---|
"""

BORN = """
## What was made a moment ago

These codes say that there is none, or that it is young. The second is believed of what this run has made itself, and for so
long; the wait is said once (`not-known-yet`). Whoever only looks is told at once.

| what | who asks for it again | after | for (s) | source |
|---|---|---|---:|---|
"""

LAG = """
## How late the embedded cloud is

`hermes-cfn local start --consistency default` draws from these tables, from a seed; `strong`, the usual, answers as of
now; `worst` tells after every write what was before it, and after every new answer the one before. The variable
`HERMES_CONSISTENCY` says it for clouds that `--local`, `demo` and `rehearse` start. Seconds are service time. The cloud's own CloudFormation
and fleet see everything at once.

| reads | share that is late | mean (s) | at most (s) | source |
|---|---:|---:|---:|---|
"""


def page() -> str:
    return HEAD.format(late=LATE_S, role=ROLE_S) + "".join(_lines())


def _lines() -> Iterator[str]:
    for name, row in WRITES.items():
        done = (
            f"after a lost answer {', '.join(f'`{code}`' for code in sorted(row.done))} is success" if row.done else ""
        )
        how = "; ".join(filter(None, (f"`{row.token}`" if row.token else "", done, row.twice)))
        yield f"| `{name}` | {how} | {row.seen_by} |\n"
    yield BORN
    for young in YOUNG:
        calls = ", ".join(f"`{call}`" for call in young.calls)
        codes = ", ".join(f"`{code}`" for code in sorted(young.codes))
        wait = f"{young.wait_s:.0f}" if young.wait_s else ""
        yield f"| {young.what} | {calls} {young.by} | {codes} | {wait} | {young.source} |\n"
    yield LAG
    for lag in LAGS:
        yield f"| `{lag.calls}` | {lag.share:.0%} | {lag.mean_s:g} | {lag.most_s:g} | {lag.source} |\n"
    yield "\n| what is new | unknown for, mean (s) | at most (s) | source |\n|---|---:|---:|---|\n"
    for one in UNKNOWNS:
        yield f"| {one.what} | {one.mean_s:g} | {one.most_s:g} | {one.source} |\n"
    yield "\n| calls | tokens in the bucket | new ones a second | source |\n|---|---:|---:|---|\n"
    for bucket in BUCKETS:
        each = ", a bucket for each action" if bucket.each else ""
        yield f"| `{bucket.calls}`{each} | {bucket.size:g} | {bucket.refill:g} | {bucket.source} |\n"
    yield (
        f"\nOf all calls {BROKEN['default']:.1%} break ({BROKEN['worst']:.0%} in `worst`), half of them after they were carried "
        f"out. Of lists {SPLIT_SHARE:.0%} come in another order, or on pages that end early and say their last item again.\n"
    )
