if ! patiently fetch "$HERMES_GOAL:$GOAL_VERSION" "$GOAL"; then unfetched; fi
prune
free=$(df -Pm "${ROOT:-/}" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$HERMES_DISK_MIB" ]; then
  why "$WHY_DISK_FULL"
  fail "$free MiB of disk are free, and a release needs $HERMES_DISK_MIB"
fi
if ! prepare; then unfetched; fi
trial
remember prepared "$GOAL_VERSION"
forget left
look_for_leaving "$HERMES_RETURN_S"
report prepared ok
finish ok release "$(pick id <"$GOAL")"
