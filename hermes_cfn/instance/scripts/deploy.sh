if ! prepare; then
  report running "failed: release $GOAL_VERSION could not be fetched"
  finish "failed: release $GOAL_VERSION could not be fetched"
fi
now=$(group_state)
if [ "$now" = InService ]; then
  report running "failed: the instance is in service, and its container is not stopped there"
  finish "failed: the instance is in service, and its container is not stopped there"
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
  report running ok
  finish ok release "$(pick id <"$GOAL")"
fi
why="failed: release $(pick id <"$GOAL") did not answer on $HERMES_HEALTH_PATH within $HERMES_START_TIMEOUT s"
report ended "$why"
finish "$why"
