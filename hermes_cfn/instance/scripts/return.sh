# Nobody confirmed: the previous release comes back, and the instance into service. One that is in service already and
# answers stays as it is: whoever stopped its container now would drop the requests that it serves.
# With "left": it was taken out and nobody deployed, so it goes back into service as it is; a deployment has its own timer.
# One look is not enough: a deployer that has just taken it out sends its document within moments.

exec 9>"$STATE_DIR/lock"
flock 9
if [ "${1:-}" = left ]; then
  if [ -n "$(state armed)" ] || [ -z "$(state prepared)" ]; then exit 0; fi
  if [ "$(group_state)" != Standby ]; then
    forget left
    watch_for_leaving "$HERMES_RETURN_S"
    exit 0
  fi
  if [ -z "$(state left)" ]; then
    remember left seen
    watch_for_leaving "$((HERMES_RETURN_S / 4))"
    exit 0
  fi
  forget left
  forget prepared
  outcome="failed: taken out of service, and nobody deployed"
else
  if [ -z "$(state armed)" ]; then exit 0; fi
  outcome="failed: nobody confirmed operation $(state armed)"
  if [ "$(group_state)" = InService ] && answers; then
    forget armed
    forget return.json
    report running "$outcome, and it serves as it is"
    exit 0
  fi
fi
if [ -s "$STATE_DIR/return.json" ] && [ "$(running_release)" != "$(pick id <"$STATE_DIR/return.json")" ]; then
  switch "$STATE_DIR/return.json" "$(state return-version)" || outcome="$outcome, and the previous release does not answer"
fi
if [ -s "$STATE_DIR/current.json" ] && [ "$(group_state)" = Standby ]; then
  aws autoscaling exit-standby --auto-scaling-group-name "$HERMES_GROUP" --instance-ids "$(instance_id)" >/dev/null
fi
forget armed
forget return.json
report "$([ -s "$STATE_DIR/current.json" ] && echo running || echo failed)" "$outcome"
