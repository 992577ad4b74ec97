# steady SECONDS: whether the container answers and has not ended by itself after so long; nobody is served by it yet.
steady() {
  local until restarts
  until=$(($(date +%s) + $1))
  while [ "$(date +%s)" -lt "$until" ]; do
    sleep 1
    restarts=$(docker inspect "$HERMES_APP" 2>/dev/null | pick 0 RestartCount 2>/dev/null || true)
    if [ "${restarts:-0}" -gt 0 ]; then return 1; fi
%if containers
    if [ -n "$(processes restarted)" ]; then return 1; fi
%end
  done
  answers
}
# unsteady: the one before comes back on this instance, which has served nobody since it left.
unsteady() {
  witness "$GOAL"
  why "$WHY_RESTARTED"
  if [ -s "$STATE_DIR/return.json" ] && ! cmp -s "$STATE_DIR/return.json" "$GOAL"; then
    say "the previous release is started again"
    switch "$STATE_DIR/return.json" "$(state return-version)" || true
  fi
  fail "the container did not stay up for $HERMES_STEADY_S s after it had answered"
}
