if ! prepare; then
  report running "failed: release $GOAL_VERSION could not be fetched"
  finish "failed: release $GOAL_VERSION could not be fetched"
fi
report switching ""
if switch "$GOAL" "$GOAL_VERSION"; then
  report running ok
  finish ok release "$(pick id <"$GOAL")"
fi
why="failed: release $(pick id <"$GOAL") did not answer on $HERMES_HEALTH_PATH within $HERMES_START_TIMEOUT s"
report ended "$why"
finish "$why"
