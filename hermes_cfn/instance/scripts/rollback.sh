if ! prepare; then unfetched; fi
trial
report switching ""
if switch "$GOAL" "$GOAL_VERSION"; then
  report running ok
  finish ok release "$(pick id <"$GOAL")"
fi
unanswered
