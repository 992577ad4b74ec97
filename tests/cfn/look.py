"""Runs a verb on each file in a process of its own, under limits, and prints how it ended; for test_hostile.py.

``look.py VERB... -- FILE...``: a line of JSON for each file: status, seconds of processor, MiB of memory, what it said.
"""

import json
import os
import resource
import sys

import hermes_cfn.bill
import hermes_cfn.cfn.short_forms
import hermes_cfn.lint
from hermes_cfn.cli import main

MEMORY = 3 << 30
"""Bytes of address space: threads and libraries reserve more than they use."""


def look(words):
    """How ``main(words)`` ended."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.dup2(write, 1)
        os.dup2(write, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(status or 0))
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status, used = os.wait4(process, 0)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": used.ru_utime + used.ru_stime,
        "mib": used.ru_maxrss / 1024,
        "said": said[-4000:],
        "errors": sum(line.startswith("error: ") for line in said.splitlines()),
    }


if __name__ == "__main__":
    at = sys.argv.index("--")
    verb, files = sys.argv[1:at], sys.argv[at + 1 :]
    assert hermes_cfn.bill and hermes_cfn.lint._rules()
    for file in files:
        print(json.dumps(look([file if word == "FILE" else word for word in verb])), flush=True)
