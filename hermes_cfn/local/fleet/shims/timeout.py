"""timeout(1): ``timeout SECONDS COMMAND``; 124 when the time is up.

A deadline on a real program, hurried as all of them: see ``hermes_cfn.local.clock``.
"""

import signal
import subprocess
import sys

SPEED, PATIENCE_S = 1.0, 0.0

given = float(sys.argv[1].rstrip("s"))
process = subprocess.Popen(sys.argv[2:])
try:
    sys.exit(process.wait(min(given, max(given / SPEED, PATIENCE_S)) or None))
except subprocess.TimeoutExpired:
    process.send_signal(signal.SIGTERM)
    process.wait()
    sys.exit(124)
