"""What holds for every test."""

import os
import signal

import pytest

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
"""Nobody's own credentials reach a test, and no test AWS."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A suite that a shell starts in the background inherits an ignored SIGINT, and so would every verb that a test interrupts."""

SLOWEST = ("stories", "embedded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin first, so that at the end no worker waits for another one's story."""
    items.sort(key=lambda item: item.path.parent.name not in SLOWEST)
