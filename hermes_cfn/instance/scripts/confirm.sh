disarm return
forget armed
forget return.json
rm -f "$STATE_DIR"/failed-*
current=$(image "$STATE_DIR/current.json")
previous=$([ -s "$STATE_DIR/previous.json" ] && image "$STATE_DIR/previous.json" || true)
docker image ls --no-trunc --digests "${current%@*}" | awk '{ print $1 "@" $3 }' | while read -r image; do
  case "$image" in
    "$current" | "$previous" | REPOSITORY@* | *'<none>') ;;
    *) docker image rm "$image" >/dev/null 2>&1 || true ;;
  esac
done
find "$STATE_DIR" -name 'goal-*.json' ! -name "goal-$GOAL_VERSION.json" -delete
find "$STATE_DIR/operations" -type f -mtime +30 -delete
report running ok
finish ok
