# What all scripts share. The settings (HERMES_APP, HERMES_PORT, ...) stand above this text.

set -Eeuo pipefail
umask 077

ROOT="${HERMES_ROOT:-}"
HOME_DIR="$ROOT/opt/hermes"
STATE_DIR="$HOME_DIR/state"
BIND="${HERMES_BIND:-0.0.0.0}"
ASK="http://${HERMES_BIND:-127.0.0.1}:$HERMES_PORT"
METADATA="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}"
export AWS_REGION="$HERMES_REGION" AWS_DEFAULT_REGION="$HERMES_REGION" AWS_PAGER=""
mkdir -p "$STATE_DIR/operations"

say() { logger -t hermes -- "$*" || true; printf '%s\n' "$*" >&2; }

# persist COMMAND...: again, with longer pauses, until it succeeds.
persist() {
  local pause
  for pause in 1 2 4 8 16 32; do
    "$@" && return 0
    sleep "$pause"
  done
  "$@"
}

metadata() {
  local token
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "${METADATA%/}/latest/api/token")
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "${METADATA%/}/latest/meta-data/$1"
}

instance_id() {
  [ -s "$STATE_DIR/instance-id" ] || metadata instance-id >"$STATE_DIR/instance-id"
  cat "$STATE_DIR/instance-id"
}

# pick KEY...: the value in the JSON on stdin; objects as "name<TAB>value" lines.
pick() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = value[int(key)] if isinstance(value, list) else (value or {}).get(key)
if isinstance(value, dict):
    for name, item in value.items():
        print(f"{name}\t{item}")
elif value is not None:
    print(value)
' "$@"
}

alone() { exec 9>"$STATE_DIR/lock" && flock "$@" 9; }
state() { cat "$STATE_DIR/$1" 2>/dev/null || true; }
remember() { printf '%s' "$2" >"$STATE_DIR/$1.new" && mv "$STATE_DIR/$1.new" "$STATE_DIR/$1"; }
forget() { rm -f "$STATE_DIR/$1"; }

# report STATE OUTCOME: what everybody may know about this instance. State "ended" is running or failed, as it turned out.
report() {
  local value
  if [ "$1" = ended ]; then set -- "$([ -s "$STATE_DIR/current.json" ] && echo running || echo failed)" "$2"; fi
  case "$1" in running | prepared) if changed; then set -- changed "$2"; fi ;; esac
%if containers
  process_states
%end
  value=$(python3 -c '
import datetime, json, pathlib, sys
home, state, outcome = sys.argv[1:]
def read(name):
    path = pathlib.Path(home, name)
    return path.read_text().strip() if path.exists() else ""
def number(name):
    return int(read(name)) if read(name).isdigit() else None
release = read("current.json")
print(json.dumps({
%if containers
    "processes": json.loads(read("process-states.json") or "{}"),
    "process": (read("failed-process") or None) if outcome.startswith("failed") else None,
%end
    "release": json.loads(release)["id"] if release else None,
    "goal_version": number("current-version"), "state": state, "prepared": number("prepared"),
    "operation": read("operation") or None, "cause": read("cause") or None, "outcome": outcome or None, "token": number("token") or 0,
    "schema_before": number("schema-before"), "schema_after": number("schema-after"),
    "at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}))
' "$STATE_DIR" "$1" "$2")
  remember report.json "$value"
  aws ssm put-parameter --name "$HERMES_REPORTS/$(instance_id)" --type String --overwrite --value "$value" >/dev/null ||
    say "the report could not be written"
}

# fetch NAME[:VERSION] FILE: a release into a file; says so when it is not there.
fetch() { aws ssm get-parameter --name "$1" --output json | pick Parameter Value >"$2.new" && mv "$2.new" "$2"; }

# environment RELEASE FILE: variables and secrets for the container, readable by root alone.
environment() {
  local name version value
  : >"$2.new"
  chmod 600 "$2.new"
  pick variables <"$1" | sed 's/\t/=/' >>"$2.new" &&
    pick secrets <"$1" | while IFS=$'\t' read -r name version; do
      value=$(aws ssm get-parameter --name "$HERMES_SECRETS/$name:$version" --with-decryption --output json |
        pick Parameter Value) || exit 1
      case "$value" in *$'\n'*) say "secret $name has more than one line" && exit 1 ;; esac
      printf '%s=%s\n' "$name" "$value"
    done >>"$2.new" && mv "$2.new" "$2"
}

# image RELEASE: its image, by the registry's name that this network reaches (Amazon ECR user guide, "Making requests
# to Amazon ECR registries": the plain name has IPv4 addresses only); fails for one of another repository than the settings name.
image() {
  local found
  found=$(pick image <"$1") && [[ $found =~ ^[0-9]+\.dkr\.ecr\.$HERMES_REGION\.amazonaws\.com/$HERMES_APP@sha256:[0-9a-f]+$ ]] || return 1
  if [ "$AWS_USE_DUALSTACK_ENDPOINT" = true ]; then
    found=$(printf '%s' "$found" | sed 's/\.dkr\.ecr\.\([a-z0-9-]*\)\.amazonaws\.com/.dkr-ecr.\1.on.aws/')
  fi
  printf '%s\n' "$found"
}

# pull IMAGE: unless it is here.
pull() {
  docker image inspect "$1" >/dev/null 2>&1 && return 0
  aws ecr get-login-password | docker login --username AWS --password-stdin "${1%%/*}" >/dev/null 2>&1 || return 1
  timeout 600 docker pull "$1" >/dev/null
}

container_options() {
  local total
  total=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' "$ROOT/proc/meminfo" 2>/dev/null || echo 1048576) / 1024))
  OPTIONS=(--log-driver json-file --log-opt max-size=20m --log-opt max-file=5
    --security-opt no-new-privileges --cap-drop ALL --pids-limit 4096)
  if [ "$HERMES_MEMORY_MIB" -gt 0 ]; then total=$HERMES_MEMORY_MIB; else total=$((total - total / 5)); fi
  OPTIONS+=(--memory "${total}m")
  if [ "$HERMES_READ_ONLY" = yes ]; then OPTIONS+=(--read-only --tmpfs /tmp); fi
}

# stop_container: how it ended is kept, for one that had to be killed does not heed the signal.
stop_container() {
%if containers
  local others
  processes stop &
  others=$!
%end
  docker stop --time "$HERMES_STOP_TIMEOUT" "$HERMES_APP" >/dev/null 2>&1 || true
  docker inspect "$HERMES_APP" 2>/dev/null | pick 0 State >"$STATE_DIR/stopped" 2>/dev/null || true
  docker rm --force "$HERMES_APP" >/dev/null 2>&1 || true
%if containers
  wait "$others" || true
%end
}

# run_release RELEASE: what runs is replaced by it; true when it answers in time, 2 when what runs was not touched.
run_release() {
  local image container
  image=$(image "$1") || return 1
  environment "$1" "$HOME_DIR/.env" || return 2
  container_options
%if containers
  web_options "$1" || return 1
  forget unwell
%end
  if [ "$HERMES_CLUSTER_PORT" -gt 0 ]; then cluster || return 1; fi
  stop_container
  container=$(docker run --detach --name "$HERMES_APP" --restart unless-stopped \
    --publish "$BIND:$HERMES_PORT:$HERMES_PORT" --env-file "$HOME_DIR/.env" \
    --label "hermes.release=$(pick id <"$1")" \
%if containers
    --stop-signal "$HERMES_STOP_SIGNAL" --stop-timeout "$HERMES_STOP_TIMEOUT" "${OPTIONS[@]}" "$image" "${WEB_WORDS[@]}") || return 1
%else
    --stop-signal "$HERMES_STOP_SIGNAL" --stop-timeout "$HERMES_STOP_TIMEOUT" "${OPTIONS[@]}" "$image") || return 1
%end
  remember container "$container"
%if containers
  start_processes "$1" "$image" || return 1
  wait_healthy && processes_well "$1"
%else
  wait_healthy
%end
}
%if containers

# processes VERB WORD...: the program that knows the containers beside the web process.
processes() { ROOT="$ROOT" STATE_DIR="$STATE_DIR" ENV_FILE="$HOME_DIR/.env" python3 "$HOME_DIR/lib/processes.py" "$@" 9>&-; }

# web_options RELEASE: what the release says of how the web container is started; the processes get the options before.
web_options() {
  SHARED=("${OPTIONS[@]}")
  said_words web "$1" && OPTIONS+=("${WORDS[@]}") && said_words command "$1" && WEB_WORDS=("${WORDS[@]}")
}
# said_words VERB RELEASE: what the program prints, each word ended by a null byte.
said_words() { processes "$@" >"$STATE_DIR/words" && mapfile -d '' -t WORDS <"$STATE_DIR/words"; }

# start_processes RELEASE IMAGE, processes_well RELEASE: which process is not well is kept.
start_processes() {
  local found
  found=$(IMAGE=$2 processes start "$1" "${SHARED[@]}") && return 0
  remember unwell "$found start"
  say "process $found could not be started"
  return 1
}
processes_well() {
  local found
  found=$(processes well "$1") && return 0
  remember unwell "$found"
  say "process ${found%% *} is not well"
  return 1
}
process_states() { processes states >"$STATE_DIR/process-states.new" && mv "$STATE_DIR/process-states.new" "$STATE_DIR/process-states.json"; }
%end

# answers: whether the answer is a healthy one; the code is kept.
answers() {
  local code
  code=$(curl -s -o /dev/null --max-time 2 -w '%{http_code}' "$ASK$HERMES_HEALTH_PATH" || true)
  printf '%s' "$code" >"$STATE_DIR/health-code"
  case ",$HERMES_HEALTH_CODES," in *",$code,"*) return 0 ;; *) return 1 ;; esac
}

wait_healthy() {
  export ASK STATE_DIR
  export -f answers
  timeout "$HERMES_START_TIMEOUT" bash -c 'until answers; do sleep 0.2; done' && return 0
  say "no healthy answer within $HERMES_START_TIMEOUT s, the last was $(state health-code | grep . || echo none)"
  return 1
}

# witness RELEASE: what a container that does not answer says of itself, before it is replaced.
witness() {
%if containers
  local bad
  read -r -a bad <<<"$(state unwell)" || true
  remember failed-process "${bad[0]:-}"
  remember failed-how "${bad[1]:-}"
  docker inspect "${bad[2]:-$HERMES_APP}" >"$STATE_DIR/failed-container" 2>/dev/null || true
  docker logs --tail 50 "${bad[2]:-$HERMES_APP}" >"$STATE_DIR/failed-log" 2>&1 || true
%else
  docker inspect "$HERMES_APP" >"$STATE_DIR/failed-container" 2>/dev/null || true
  docker logs --tail 50 "$HERMES_APP" >"$STATE_DIR/failed-log" 2>&1 || true
%end
  curl -s -i --max-time 2 "$ASK$HERMES_HEALTH_PATH" 2>&1 | head -c 5000 >"$STATE_DIR/failed-health" || true
  sed -n '/^MemTotal\|^MemAvailable/p' "$ROOT/proc/meminfo" >"$STATE_DIR/failed-memory" || true
  cp "$HOME_DIR/.env" "$STATE_DIR/failed-env" || true
  remember failed-release "$(pick id <"$1")"
}

# switch RELEASE VERSION: RELEASE replaces what runs; the one before is kept, and started again when it fails.
switch() {
  if [ -s "$STATE_DIR/current.json" ] && ! cmp -s "$STATE_DIR/current.json" "$1"; then
    cp "$STATE_DIR/current.json" "$STATE_DIR/previous.json"
    remember previous-version "$(state current-version)"
  fi
%if containers
  forget failed-process
%end
  if run_release "$1"; then
    [ "$1" = "$STATE_DIR/current.json" ] || cp "$1" "$STATE_DIR/current.json"
    remember current-version "$2"
    forget prepared
    return 0
  elif [ $? -eq 2 ]; then
    return 1
  fi
  witness "$1"
  if [ -s "$STATE_DIR/previous.json" ] && ! cmp -s "$STATE_DIR/previous.json" "$1"; then
    say "the previous release is started again"
    if run_release "$STATE_DIR/previous.json"; then
      cp "$STATE_DIR/previous.json" "$STATE_DIR/current.json"
      remember current-version "$(state previous-version)"
    else
      forget current.json
    fi
  else
    forget current.json
  fi
  return 1
}

# cluster: the Erlang distribution, and the name under which the others find this instance.
cluster() {
  local address
  address=$(metadata local-ipv4) || return 1
  printf '%s
' RELEASE_DISTRIBUTION=name "RELEASE_NODE=$HERMES_APP@$address" "HERMES_CLUSTER_NAME=$HERMES_CLUSTER_NAME" \
    "ERL_AFLAGS=-kernel inet_dist_listen_min $HERMES_CLUSTER_PORT inet_dist_listen_max $HERMES_CLUSTER_PORT" >>"$HOME_DIR/.env"
  OPTIONS+=(--publish "$BIND:4369:4369" --publish "$BIND:$HERMES_CLUSTER_PORT:$HERMES_CLUSTER_PORT")
  aws servicediscovery register-instance --service-id "$(cluster_service)" --instance-id "$(instance_id)" \
    --attributes "AWS_INSTANCE_IPV4=$address" >/dev/null
}
cluster_service() { aws ssm get-parameter --name "$HERMES_CLUSTER_SERVICE" --output json | pick Parameter Value; }

# running_release: what the container says, for a deployment that was cut off has changed no state file.
running_release() { docker inspect "$HERMES_APP" 2>/dev/null | pick 0 Config Labels hermes.release 2>/dev/null || true; }

# changed: whether another container stands where the last one was started, by somebody's hand. None at all is not that.
changed() {
  local now
  now=$(docker inspect "$HERMES_APP" 2>/dev/null | awk -F '"' '/"Id"/ && !seen++ { print $4 }') || return 1
%if containers
  if processes changed; then return 0; fi
%end
  [ -n "$now" ] && [ -n "$(state container)" ] && [ "$now" != "$(state container)" ]
}

# later KIND SECONDS WORD: hermes-return WORD in so many seconds, instead of the one of this kind that waits. It may set the
# next one itself, and systemd keeps the name of a unit that runs or failed, so each has a name of its own and is unloaded.
later() {
  local unit
  disarm "$1"
  unit="hermes-$1-$(date +%s%N)"
  systemd-run --quiet --collect --timer-property=AccuracySec=1s --unit="$unit" --on-active="$2" \
    "$HOME_DIR/bin/hermes-return" "$3" || return 1
  remember "$1-unit" "$unit"
}

disarm() { systemctl stop "$(state "$1-unit").timer" >/dev/null 2>&1 || true; }
look_for_leaving() { later left "$1" left || say "no timer looks after this instance"; }

group_state() {
  persist aws autoscaling describe-auto-scaling-instances --instance-ids "$(instance_id)" --output json |
    pick AutoScalingInstances 0 LifecycleState
}
