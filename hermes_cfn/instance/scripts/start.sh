# At every boot: the release of stable, or the one that ran last when it cannot be read.

exec 9>"$STATE_DIR/lock"
flock 9
report starting ""
for attempt in 1 2 3 4 5; do
  if fetch "$HERMES_STABLE" "$STATE_DIR/stable.json"; then break; fi
  say "stable cannot be read, attempt $attempt"
  sleep "$attempt"
done
if [ ! -s "$STATE_DIR/stable.json" ]; then cp "$STATE_DIR/current.json" "$STATE_DIR/stable.json"; fi
if pull "$(image "$STATE_DIR/stable.json")" && switch "$STATE_DIR/stable.json" ""; then
  report running ok
else
  report "$([ -s "$STATE_DIR/current.json" ] && echo running || echo failed)" "failed: the stable release does not answer"
  exit 1
fi
if [ -n "$(state armed)" ]; then
  exec 9>&-
  "$HOME_DIR/bin/hermes-return"
fi
