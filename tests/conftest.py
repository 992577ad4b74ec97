"""What holds for every test."""

import os
import signal

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
"""Nobody's own credentials reach a test, and no test AWS."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A suite that a shell starts in the background inherits an ignored SIGINT, and so would every verb that a test interrupts."""
