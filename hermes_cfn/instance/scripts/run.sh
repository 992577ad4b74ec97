status=0
printf '%s' "$COMMAND" | base64 -d >"$STATE_DIR/command.sh"
timeout 600 bash "$STATE_DIR/command.sh" >"$STATE_DIR/command.log" 2>&1 9>&- || status=$?
masked "$STATE_DIR/command.log" | tail -c 16000
rm -f "$STATE_DIR/command.sh" "$STATE_DIR/command.log"
if [ "$status" -ne 0 ]; then finish "failed: the command ended with status $status"; fi
finish ok
