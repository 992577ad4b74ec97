"""What holds for every test."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A suite that a shell starts in the background inherits an ignored SIGINT, and so would every verb that a test interrupts."""
