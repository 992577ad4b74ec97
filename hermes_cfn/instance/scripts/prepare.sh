free=$(df -Pm "${ROOT:-/}" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$HERMES_DISK_MIB" ]; then
  report running "failed: $free MiB of disk are free, and a release needs $HERMES_DISK_MIB"
  finish "failed: $free MiB of disk are free, and a release needs $HERMES_DISK_MIB"
fi
if ! prepare; then
  report running "failed: release $GOAL_VERSION could not be fetched"
  finish "failed: release $GOAL_VERSION could not be fetched"
fi
remember prepared "$GOAL_VERSION"
forget left
look_for_leaving "$HERMES_RETURN_S"
report prepared ok
finish ok release "$(pick id <"$GOAL")"
