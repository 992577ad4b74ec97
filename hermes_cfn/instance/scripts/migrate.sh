if [ "${#MIGRATE[@]}" -eq 0 ]; then finish ok note "no migrate command"; fi
if ! prepare; then unfetched; fi
available=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' "$ROOT/proc/meminfo" 2>/dev/null | grep . || echo 786432000) / 1024))
if [ "$available" -lt "$MIGRATE_MIB" ]; then
  why "$WHY_NO_MEMORY"
  fail "no memory: $available MiB are available, and the migration may use $MIGRATE_MIB"
fi
HERMES_MEMORY_MIB=$MIGRATE_MIB
container_options
%if containers
said_words shared "$GOAL"
OPTIONS+=("${WORDS[@]}")
%end
status=0
docker run --rm --name "$HERMES_APP-migrate" --env-file "$STATE_DIR/prepared.env" "${OPTIONS[@]}" \
  "$(image "$GOAL")" "${MIGRATE[@]}" >"$STATE_DIR/migrate.log" 2>&1 || status=$?
masked "$STATE_DIR/migrate.log" | tail -n 50 | tail -c 6000 >&2
remember schema-before "$(sed -n 's/.*schema_version=\([0-9]*\).*/\1/p' "$STATE_DIR/migrate.log" | head -n 1)"
remember schema-after "$(sed -n 's/.*schema_version=\([0-9]*\).*/\1/p' "$STATE_DIR/migrate.log" | tail -n 1)"
forget migrate.log
if [ "$status" -ne 0 ]; then
  why "$WHY_MIGRATION_FAILED"
  fail "the migration ended with status $status" schema_before "$(state schema-before)" schema_after "$(state schema-after)"
fi
report running ok
finish ok schema_before "$(state schema-before)" schema_after "$(state schema-after)"
