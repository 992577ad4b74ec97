# One document at a time, none with an old token, none twice. TASK and the parameters stand above.

alone
RECORD="$STATE_DIR/operations/$TASK.$OPERATION"

# finish OUTCOME [KEY VALUE]...: the last line, recorded, and the exit status that belongs to it.
finish() {
  local line status=0 outcome=$1
  shift
  case "$outcome" in ok) ;; refused*) status=75 ;; *) status=1 ;; esac
  line=$(python3 -c '
import json, sys
task, operation, outcome, *pairs = sys.argv[1:]
print(json.dumps({"task": task, "operation": operation, "outcome": outcome} | dict(zip(pairs[::2], pairs[1::2]))))
' "$TASK" "$OPERATION" "$outcome" "$@")
  if [ "$status" -ne 75 ]; then printf '%s\n%s\n' "$status" "$line" >"$RECORD"; fi
  trap - EXIT
  rm -f "$STATE_DIR"/prepared.env*
  printf '%s\n' "$line"
  exit "$status"
}

if [ "$TOKEN" -lt "$(state token | grep . || echo 0)" ]; then
  finish "refused: token $TOKEN is older than $(state token)"
fi
if [ -s "$RECORD" ]; then
  sed -n 2p "$RECORD"
  exit "$(sed -n 1p "$RECORD")"
fi
remember token "$TOKEN"
remember operation "$OPERATION"

broken() {
  local status=$?
  report ended "failed: $TASK ended with status $status"
  finish "failed: $TASK ended with status $status"
}
trap broken EXIT

GOAL="$STATE_DIR/goal-$GOAL_VERSION.json"

# prepare: the release to work with, its image and its secrets are at hand.
prepare() {
  fetch "$HERMES_GOAL:$GOAL_VERSION" "$GOAL" &&
    pull "$(image "$GOAL")" &&
    environment "$GOAL" "$STATE_DIR/prepared.env"
}
