"""How many calls of AWS a verb makes one after the other: ``python -m tests.depth VERB …`` prints calls and depth.

No clock is read.  Every call takes one step of its thread; what is asked side by side takes as many steps as its longest
part, on as many hands as there are; who finds an answer in the memory of a look has it when whoever asked had it.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hermes_cfn.aws import clients
from hermes_cfn.aws.calls import Calls, Memo

LOCAL = threading.local()
CALLS: list[str] = []
POLLED = "GetCommandInvocation"
"""How often a run is asked for depends on how long it takes: these are counted, and are no step."""


def step() -> int:
    return getattr(LOCAL, "step", 0)


def counted(after: Callable[..., None]) -> Callable[..., None]:
    def call(self: Calls, http_response: Any, model: Any, **more: Any) -> None:
        LOCAL.step = step() + (model.name != POLLED)
        CALLS.append(f"{LOCAL.step} {self._service}.{model.name}")
        after(self, http_response, model, **more)

    return call


def together(_self: clients.AwsClients, asks: Sequence[Callable[[], Any]]) -> list[Any]:
    if len(asks) < 2:
        return [ask() for ask in asks]
    hands, ends, lock = [step()] * clients.SIDE_BY_SIDE, [], threading.Lock()

    def run(ask: Callable[[], Any]) -> Any:
        with lock:
            hands.sort()
            LOCAL.step = hands.pop(0)
        try:
            return ask()
        finally:
            with lock:
                hands.append(step())
                ends.append(step())

    with ThreadPoolExecutor(min(clients.SIDE_BY_SIDE, len(asks))) as pool:
        answers = list(pool.map(run, asks))
    LOCAL.step = max(ends)
    return answers


def remembered(answer: Callable[..., Any]) -> Callable[..., Any]:
    had: dict[str, int] = {}

    def call(self: Memo, key: str, ask: Callable[[], Any]) -> Any:
        def asked() -> Any:
            try:
                return ask()
            finally:
                had[key] = step()

        found = answer(self, key, asked)
        LOCAL.step = max(step(), had.get(key, 0))
        return found

    return call


def main(words: Sequence[str]) -> None:
    Calls._after = counted(Calls._after)  # type: ignore[method-assign]
    clients.AwsClients.together = together  # type: ignore[method-assign]
    Memo.answer = remembered(Memo.answer)  # type: ignore[method-assign]
    from hermes_cfn.cli import main as typed

    sys.argv = ["hermes-cfn", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        typed()
    print(len(CALLS), step())
    print("\n".join(CALLS))


if __name__ == "__main__":
    main(sys.argv[1:])
