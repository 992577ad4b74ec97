"""flock(1) for a file descriptor that the shell holds: ``flock [-n] [-x] FD``."""

import fcntl
import sys

words = [word for word in sys.argv[1:] if not word.startswith("-")]
if len(words) != 1 or not words[0].isdigit():
    sys.exit("flock: the embedded cloud knows only a file descriptor")
mode = fcntl.LOCK_EX | (fcntl.LOCK_NB if "-n" in sys.argv else 0)
try:
    fcntl.flock(int(words[0]), mode)
except BlockingIOError:
    sys.exit(1)
