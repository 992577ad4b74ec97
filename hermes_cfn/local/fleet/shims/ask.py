#!/usr/bin/env python3
"""Hands a command line to the agent of this instance and passes on its answer."""

import os
import socket
import sys

name = sys.argv[0].rsplit("/", 1)[-1]
arguments = b"".join(os.fsencode(word) + b"\0" for word in [os.getcwd(), *sys.argv[1:]])  # noqa: PTH109
reads = "--password-stdin" in sys.argv or any(word.endswith(("file:///dev/stdin", "file://-")) for word in sys.argv)
given = sys.stdin.buffer.read() if reads else b""
host, _, port = os.environ["HERMES_AGENT"].partition(":")
key = os.environ["HERMES_AGENT_KEY"]
with socket.create_connection((host, int(port))) as agent:
    order = f"SHIM {key} {name} {len(arguments)} {len(given)}\n"
    agent.sendall(order.encode() + arguments + given)
    with agent.makefile("rb") as answer:
        head = answer.readline().split()
        if len(head) != 3:
            sys.exit(f"{name}: the agent of this instance is gone")
        status, out, err = (int(word) for word in head)
        sys.stdout.buffer.write(answer.read(out))
        sys.stdout.buffer.flush()
        sys.stderr.buffer.write(answer.read(err))
sys.exit(status)
