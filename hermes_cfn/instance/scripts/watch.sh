# The instance's own health report: unhealthy when nothing accepts a connection for longer than a restart takes.
# And what no metric of AWS's says: processes of the group that are suspended. Told only while there are some.
# And a container that no document started: nobody knows what it is, so the next rollout replaces it.

port_open() { timeout 3 bash -c "exec 3<>/dev/tcp/${HERMES_BIND:-127.0.0.1}/$HERMES_PORT" 2>/dev/null; }

tell_suspended() {
  local count
  count=$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$HERMES_GROUP" \
    --query 'length(AutoScalingGroups[0].SuspendedProcesses)' --output text)
  [ "$count" -eq 0 ] || aws cloudwatch put-metric-data --namespace CWAgent --metric-name suspended_processes \
    --dimensions "AutoScalingGroupName=$HERMES_GROUP" --value "$count"
}

tell_changed() {
  exec 9>"$STATE_DIR/lock"
  if flock -n 9 && changed && [ "$(pick state <"$STATE_DIR/report.json")" != changed ]; then
    say "somebody replaced the container"
    report running "$(pick outcome <"$STATE_DIR/report.json")"
  fi
  exec 9>&-
}

since=$(date +%s)
told=$since
while sleep "$HERMES_WATCH_EVERY_S"; do
  if port_open; then
    since=$(date +%s)
    tell_changed || true
  elif [ $(($(date +%s) - since)) -gt "$HERMES_WATCH_S" ]; then
    say "nothing has accepted a connection on port $HERMES_PORT for $HERMES_WATCH_S s"
    aws autoscaling set-instance-health --instance-id "$(instance_id)" --health-status Unhealthy || true
    since=$(date +%s)
  fi
  if [ $(($(date +%s) - told)) -ge "$HERMES_TELL_S" ]; then
    tell_suspended || say "suspended processes could not be told"
    told=$(date +%s)
  fi
done
