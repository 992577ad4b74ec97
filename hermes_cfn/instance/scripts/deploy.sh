if ! prepare; then unfetched; fi
now=$(group_state)
if [ "$now" = InService ]; then
  why "$WHY_IN_SERVICE"
  fail "the instance is in service, and its container is not stopped there"
fi
remember armed "$OPERATION"
rm -f "$STATE_DIR"/failed-* "$STATE_DIR"/operations/confirm.*
if [ -s "$STATE_DIR/current.json" ]; then
  cp "$STATE_DIR/current.json" "$STATE_DIR/return.json"
  remember return-version "$(state current-version)"
fi
later return "$HERMES_RETURN_S" "$OPERATION"
report switching ""
if switch "$GOAL" "$GOAL_VERSION"; then
%if steady
  steady "$HERMES_STEADY_S" || unsteady
%end
  prove
  report running ok
  finish ok release "$(pick id <"$GOAL")"
fi
unanswered
