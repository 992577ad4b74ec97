#!/bin/bash
# Where instances share an address, /dev/tcp leads to the port that is really listened on.
words=()
for word in "$@"; do
  while read -r port real; do word=${word//\/dev\/tcp\/127.0.0.1\/$port/\/dev\/tcp\/127.0.0.1\/$real}; done <"$HERMES_PORTS"
  words+=("$word")
done
exec /bin/bash "${words[@]}"
