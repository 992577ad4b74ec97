# The instance's own health report: unhealthy when nothing answers for longer than a restart takes. Any answer counts, a
# failing one too. A connection alone does not: docker's proxy accepts it whether or not the application listens.
# An application that is silent while its database is silent waits for that, and a new instance would wait as well.
# And what no metric of AWS's says: processes of the group that are suspended. Told only while there are some.
# And a container that no document started: nobody knows what it is, so the next rollout replaces it.

answered() {
  local status=0
  curl -s -o /dev/null --max-time 10 "$ASK$HERMES_HEALTH_PATH" || status=$?
  [ "$status" -eq 0 ] || { [ "$status" -eq 28 ] && ! sed -n 's/^DATABASE_URL=//p' "$HOME_DIR/.env" | database_answers; }
}

# database_answers: whether a server at the URL on stdin says anything to a client that asks for TLS; yes without a URL.
database_answers() {
  python3 -c '
import socket, sys, urllib.parse
url = sys.stdin.read().strip()
if url:
    place = urllib.parse.urlsplit(url)
    with socket.create_connection((place.hostname, place.port or 5432), 5) as there:
        there.sendall(bytes.fromhex("0000000804d2162f"))
        sys.exit(not there.recv(1))
' 2>/dev/null
}

tell_suspended() {
  local count
  count=$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$HERMES_GROUP" \
    --query 'length(AutoScalingGroups[0].SuspendedProcesses)' --output text)
  [ "$count" -eq 0 ] || aws cloudwatch put-metric-data --namespace CWAgent --metric-name suspended_processes \
    --dimensions "AutoScalingGroupName=$HERMES_GROUP" --value "$count"
}

tell_changed() {
  if alone -n && changed && [ "$(pick state <"$STATE_DIR/report.json")" != changed ]; then
    say "somebody replaced the container"
    report running "$(pick outcome <"$STATE_DIR/report.json")"
  fi
  exec 9>&-
}

%if containers
# A process that does not stay up, or is missing: told when that changes.
tell_processes() {
  local before
  if alone -n && [ -s "$STATE_DIR/report.json" ]; then
    before=$(state process-states.json)
    process_states
    [ "$before" = "$(state process-states.json)" ] ||
      report "$(pick state <"$STATE_DIR/report.json")" "$(pick outcome <"$STATE_DIR/report.json")"
  fi
  exec 9>&-
}

%end
since=$(date +%s)
told=$since
while sleep "$HERMES_WATCH_EVERY_S"; do
  if answered; then
    since=$(date +%s)
    tell_changed || true
%if containers
    tell_processes || true
%end
  elif [ $(($(date +%s) - since)) -gt "$HERMES_WATCH_S" ]; then
    say "nothing has answered on port $HERMES_PORT for $HERMES_WATCH_S s"
    aws autoscaling set-instance-health --instance-id "$(instance_id)" --health-status Unhealthy || true
    since=$(date +%s)
  fi
  if [ $(($(date +%s) - told)) -ge "$HERMES_TELL_S" ]; then
    tell_suspended || say "suspended processes could not be told"
    told=$(date +%s)
  fi
done
