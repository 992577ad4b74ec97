#!/bin/bash
# A line of the system's log.
tag=logger
while [ $# -gt 0 ]; do
  case "$1" in
    -t | --tag) tag=$2; shift 2 ;;
    -p | --priority) shift 2 ;;
    -s | -i) shift ;;
    --) shift; break ;;
    -*) printf 'logger: the embedded cloud does not know %s\n' "$1" >&2; exit 64 ;;
    *) break ;;
  esac
done
printf '%s %s: %s\n' "$(date -u +%FT%TZ)" "$tag" "$*" >>"$HERMES_ROOT/var/log/messages"
