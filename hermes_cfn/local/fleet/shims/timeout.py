"""timeout(1): ``timeout SECONDS COMMAND``; 124 when the time is up."""

import subprocess
import sys

try:
    sys.exit(subprocess.run(sys.argv[2:], timeout=float(sys.argv[1].rstrip("s"))).returncode)
except subprocess.TimeoutExpired:
    sys.exit(124)
