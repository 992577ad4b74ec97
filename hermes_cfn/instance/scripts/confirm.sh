restarts=$(docker inspect "$HERMES_APP" 2>/dev/null | pick 0 RestartCount 2>/dev/null || true)
if [ "${restarts:-0}" -gt 0 ]; then
  why "$WHY_RESTARTED"
  fail "the container ended by itself and was started again, $restarts times since the deployment"
fi
%if containers
process=$(processes restarted)
if [ -n "$process" ]; then
  remember failed-process "$process"
  why "$WHY_RESTARTED"
  fail "process $process ended by itself and was started again since the deployment" process "$process"
fi
%end
disarm return
forget armed
forget return.json
rm -f "$STATE_DIR"/failed-*
cp "$STATE_DIR/current.json" "$GOAL"
prune
find "$STATE_DIR" -name 'goal-*.json' ! -name "goal-$GOAL_VERSION.json" -delete
find "$STATE_DIR/operations" -type f -mtime +30 -delete
report running ok
finish ok
