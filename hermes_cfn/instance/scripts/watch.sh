# The instance's own health report: unhealthy when nothing accepts a connection for longer than a restart takes.

port_open() { timeout 3 bash -c "exec 3<>/dev/tcp/${HERMES_BIND:-127.0.0.1}/$HERMES_PORT" 2>/dev/null; }

since=$(date +%s)
while sleep "$HERMES_WATCH_EVERY_S"; do
  if port_open; then
    since=$(date +%s)
  elif [ $(($(date +%s) - since)) -gt "$HERMES_WATCH_S" ]; then
    say "nothing has accepted a connection on port $HERMES_PORT for $HERMES_WATCH_S s"
    aws autoscaling set-instance-health --instance-id "$(instance_id)" --health-status Unhealthy || true
    since=$(date +%s)
  fi
done
