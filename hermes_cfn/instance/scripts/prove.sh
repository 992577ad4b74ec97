# prove: for HERMES_PROVE_S somebody stays beside the container that was just started. One that ends by itself and is
# started again says so in the report, however healthy it is by then.
prove() {
  local program="$HOME_DIR/bin/hermes-prove"
  { echo '#!/bin/bash'; cat "$HOME_DIR"/lib/{settings,library}.sh; cat <<'PROVE'
container=$(state container)
until=$(($(date +%s) + $1))
while [ "$(date +%s)" -lt "$until" ] && [ "$(state container)" = "$container" ]; do
  restarts=$(docker inspect "$container" 2>/dev/null | sed -n 's/.*"RestartCount": *\([0-9]*\).*/\1/p') || exit 0
%if containers
  process=$(processes restarted)
  if [ "${restarts:-0}" -gt 0 ] || [ -n "$process" ]; then
    alone
    [ "$(state container)" = "$container" ] || exit 0
    remember failed-process "$process"
%else
  if [ "${restarts:-0}" -gt 0 ]; then
    alone
    [ "$(state container)" = "$container" ] || exit 0
%end
    remember cause restarted
    report running "failed: the container ended by itself and was started again"
    exit 0
  fi
  sleep 2
done
PROVE
  } >"$program.new" && chmod 700 "$program.new" && mv "$program.new" "$program"
  systemd-run --quiet --collect --timer-property=AccuracySec=1s --unit="hermes-prove-$(date +%s%N)" --on-active=1 \
    "$program" "$HERMES_PROVE_S" || say "nobody stays beside the container"
}
