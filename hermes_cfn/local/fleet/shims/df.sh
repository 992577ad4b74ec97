#!/bin/bash
# The machine's own disk, unless the fault "disk full" is on.
if [ -e "$HERMES_ROOT/run/disk-full" ]; then
  printf 'Filesystem 1048576-blocks Used Available Capacity Mounted on\n/dev/nvme0n1p1 8124 8124 0 100%% /\n'
else
  exec /bin/df "$@"
fi
