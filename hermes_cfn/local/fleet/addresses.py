"""Loopback addresses for instances: one each in 127.0.0.0/8, or a port each on 127.0.0.1."""

from __future__ import annotations

import random
import socket
import threading

from hermes_cfn.local.options import Addresses

LOCK_PORT = 48620


class AddressBook:
    """A block 127.a.b.0/24 (more when it is full) that no other cloud on this machine uses.

    The block is held by a listening socket on its first address, so that two clouds side by
    side never give out the same address.  Where such addresses cannot be bound (macOS), or when
    asked, instances share 127.0.0.1 and get ports of their own.
    """

    def __init__(self, wanted: Addresses) -> None:
        self._lock = threading.Lock()
        self._blocks: list[tuple[str, socket.socket]] = []
        self._used: set[str] = set()
        self.own_ports = wanted is Addresses.OWN_PORT or not self._hold_block()
        if self.own_ports and wanted is Addresses.OWN_ADDRESS:
            raise OSError("no address in 127.0.0.0/8 other than 127.0.0.1 can be bound on this machine")

    def take(self) -> str:
        """An address for a new instance; given back by :meth:`give_back`."""
        if self.own_ports:
            return "127.0.0.1"
        with self._lock:
            while True:
                for block, _ in self._blocks:
                    for last in range(2, 255):
                        address = f"{block}.{last}"
                        if address not in self._used:
                            self._used.add(address)
                            return address
                self._hold_block()

    def give_back(self, address: str) -> None:
        with self._lock:
            self._used.discard(address)

    def close(self) -> None:
        for _, held in self._blocks:
            held.close()
        self._blocks.clear()

    def _hold_block(self) -> bool:
        chooser = random.SystemRandom()
        for _ in range(200):
            block = f"127.{chooser.randrange(1, 255)}.{chooser.randrange(0, 256)}"
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                held.bind((f"{block}.1", LOCK_PORT))
                held.listen(1)
            except OSError:
                held.close()
                continue
            self._blocks.append((block, held))
            return True
        return False


def free_port(address: str = "127.0.0.1") -> int:
    """A port on ``address`` that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
