# At every boot: the release of stable, or the one that ran last when it cannot be read.

alone
report starting ""
persist fetch "$HERMES_STABLE" "$STATE_DIR/stable.json" || say "stable cannot be read"
if [ ! -s "$STATE_DIR/stable.json" ]; then cp "$STATE_DIR/current.json" "$STATE_DIR/stable.json"; fi
if IMAGE=$(image "$STATE_DIR/stable.json") && pull "$IMAGE" && switch "$STATE_DIR/stable.json" ""; then
  report running ok
else
  report ended "failed: the stable release does not answer"
  exit 1
fi
if [ -n "$(state armed)" ]; then
  exec 9>&-
  "$HOME_DIR/bin/hermes-return"
fi
