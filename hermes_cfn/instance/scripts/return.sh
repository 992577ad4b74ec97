# Nobody confirmed: the previous release comes back, and the instance into service. One that is in service already and
# answers stays as it is: whoever stopped its container now would drop the requests that it serves.
# With "left": it was taken out and nobody deployed, so it goes back into service as it is; a deployment has its own timer.
# One look is not enough: a deployer that has just taken it out sends its document within moments.
# With an operation: only if that is still the one which nobody confirmed.

alone
# again: the same once more, when Auto Scaling did not answer or refused.
again() { if [ "$1" = left ]; then look_for_leaving "$HERMES_RETURN_S"; else later return "$HERMES_RETURN_S" "$1"; fi; }
asked=${1:-$(state armed)}
if [ "$asked" = left ]; then
  if [ -n "$(state armed)" ] || [ -z "$(state prepared)" ]; then exit 0; fi
elif [ -z "$asked" ] || [ "$asked" != "$(state armed)" ]; then
  exit 0
fi
if ! now=$(group_state); then
  say "Auto Scaling does not say where this instance is"
  again "$asked"
  exit 0
fi
if [ "$asked" = left ]; then
  if [ "$now" != Standby ]; then
    forget left
    look_for_leaving "$HERMES_RETURN_S"
    exit 0
  fi
  if [ -z "$(state left)" ]; then
    remember left seen
    look_for_leaving "$((HERMES_RETURN_S / 4))"
    exit 0
  fi
  outcome="failed: taken out of service, and nobody deployed"
else
  outcome="failed: nobody confirmed operation $asked"
  remember cause nobody-confirmed
  if [ "$now" = InService ] && answers; then
    forget armed
    forget return.json
    report running "$outcome, and it serves as it is"
    exit 0
  fi
fi
if [ -s "$STATE_DIR/return.json" ] && [ "$(running_release)" != "$(pick id <"$STATE_DIR/return.json")" ]; then
  switch "$STATE_DIR/return.json" "$(state return-version)" || outcome="$outcome, and the previous release does not answer"
fi
if [ -s "$STATE_DIR/current.json" ] && [ "$now" = Standby ] &&
  ! persist aws autoscaling exit-standby --auto-scaling-group-name "$HERMES_GROUP" --instance-ids "$(instance_id)" >/dev/null; then
  outcome="$outcome, and it could not go back into service yet"
  again "$asked"
elif [ "$asked" = left ]; then
  forget left
  forget prepared
else
  forget armed
  forget return.json
fi
report ended "$outcome"
