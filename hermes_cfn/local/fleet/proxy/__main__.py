"""The load balancer's process."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from hermes_cfn.local.fleet.proxy.balancer import Balancer


def tell(event: str, **values: Any) -> None:
    """One event for the cloud."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    balancer = Balancer(tell)
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            await balancer.do(json.loads(line))
        except (KeyError, ValueError) as problem:
            tell("failed", why=f"{type(problem).__name__}: {problem}", order=line.decode()[:500])


if __name__ == "__main__":
    asyncio.run(main())
