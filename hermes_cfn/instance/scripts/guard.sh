# One document at a time, none with an old token, none twice. TASK and the parameters stand above.

alone
RECORD="$STATE_DIR/operations/$TASK.$OPERATION"

# finish OUTCOME [KEY VALUE]...: the last line, recorded, and the exit status that belongs to it.
finish() {
  local line status=0 outcome=$1
  shift
  case "$outcome" in ok) forget cause ;; refused*) status=75 ;; *) status=1 ;; esac
  line=$(python3 -c '
import json, sys
task, operation, cause, outcome, *pairs = sys.argv[1:]
told = {"task": task, "operation": operation, "outcome": outcome, "cause": cause or None}
print(json.dumps(told | dict(zip(pairs[::2], pairs[1::2]))))
' "$TASK" "$OPERATION" "$(state cause)" "$outcome" "$@")
  if [ "$status" -ne 75 ]; then printf '%s\n%s\n' "$status" "$line" >"$RECORD"; fi
  trap - EXIT
  rm -f "$STATE_DIR"/prepared.env* "$STATE_DIR/said"
  printf '%s\n' "$line"
  exit "$status"
}

# fail SENTENCE [KEY VALUE]...: reported as it stands, and the end.
fail() {
  report ended "failed: $1"
  finish "failed: $1" "${@:2}"
}

# why CAUSE: one of the words of report.py, by which the deployer knows whose fault it is; the first one counts.
why() { [ -n "$(state cause)" ] || remember cause "$1"; }

in_time() {
  if [ "$TOKEN" -lt "$(state token | grep . || echo 0)" ]; then
    finish "refused: token $TOKEN is older than $(state token)"
  fi
}

# undone: what this task did under this operation id does not hold any more, so that it is done again.
undone() {
  case "$TASK" in
    prepare) [ "$(state current-version)" != "$GOAL_VERSION" ] && [ "$(state prepared)" != "$GOAL_VERSION" ] || changed ;;
    deploy) [ "$(state current-version)" != "$GOAL_VERSION" ] || changed ;;
    *) false ;;
  esac
}

in_time
if [ -s "$RECORD" ] && { [ "$(sed -n 1p "$RECORD")" != 0 ] || ! undone; }; then
  sed -n 2p "$RECORD"
  exit "$(sed -n 1p "$RECORD")"
fi
remember token "$TOKEN"
remember operation "$OPERATION"
forget cause

broken() {
  local status=$?
  why "$WHY_BROKEN"
  fail "$TASK ended with status $status"
}
trap broken EXIT

GOAL="$STATE_DIR/goal-$GOAL_VERSION.json"

# aws: as it is; where it fails to read, why, by the code of the error (AWS CLI user guide, "Return codes": the code
# stands in brackets).
aws() {
  local status=0
  case "$1 $2" in "ssm get-parameter" | "ecr get-login-password") ;; *) command aws "$@" && return || return ;; esac
  command aws "$@" 2>"$STATE_DIR/said" || status=$?
  cat "$STATE_DIR/said" >&2
  [ "$status" -ne 0 ] || return 0
  case "$1 $* $(cat "$STATE_DIR/said")" in
    ecr*) why "$WHY_REGISTRY_AWAY" ;;
    *"$HERMES_SECRETS/"*ParameterNotFound* | *"$HERMES_SECRETS/"*ParameterVersionNotFound*) why "$WHY_SECRET_MISSING" ;;
    *ParameterNotFound* | *ParameterVersionNotFound*) why "$WHY_RELEASE_MISSING" ;;
    *) why "$WHY_SYSTEMS_MANAGER_AWAY" ;;
  esac
  return "$status"
}

# docker_why CAUSE: why docker failed, by what it said; else CAUSE. Its command line has no codes.
docker_why() {
  cat "$STATE_DIR/said" >&2
  case "$(cat "$STATE_DIR/said")" in
    *"manifest unknown"* | *"name unknown"* | *"not found"*) why "$WHY_IMAGE_MISSING" ;;
    *"no space left"*) why "$WHY_DISK_FULL" ;;
    *"Cannot connect to the Docker daemon"*) why "$WHY_DOCKER_DOWN" ;;
    *"no matching manifest"* | *"exec format error"*) why "$WHY_IMAGE_UNUSABLE" ;;
    *) why "$1" ;;
  esac
}

docker() {
  if [ "$1 ${2:-}" != "run --detach" ]; then command docker "$@" && return || return; fi
  command docker "$@" 2>"$STATE_DIR/said" && return
  docker_why "$WHY_IMAGE_UNUSABLE"
  return 1
}

# pull IMAGE: unless it is here.
pull() {
  docker image inspect "$1" >/dev/null 2>&1 && return 0
  if ! { aws ecr get-login-password | docker login --username AWS --password-stdin "${1%%/*}" >/dev/null 2>"$STATE_DIR/said"; }; then
    docker_why "$WHY_REGISTRY_AWAY"
    return 1
  fi
  timeout 600 docker pull "$1" 2>"$STATE_DIR/said" >/dev/null && return
  docker_why "$WHY_REGISTRY_AWAY"
  return 1
}

# patiently COMMAND...: again while a dependency refuses, for so long as is stated; another document may come in between.
patiently() {
  local until pause=2
  until=$(($(date +%s) + HERMES_PATIENCE_S))
  until "$@"; do
    case "$(state cause)" in
      "$WHY_REGISTRY_AWAY" | "$WHY_SYSTEMS_MANAGER_AWAY" | "$WHY_DATABASE_AWAY") ;;
      *) return 1 ;;
    esac
    if [ "$(date +%s)" -ge "$until" ]; then return 1; fi
    say "$(state cause): tried again in $pause s"
    exec 9>&-
    sleep "$pause"
    pause=$((pause < 16 ? pause * 2 : pause))
    alone
    in_time
    remember operation "$OPERATION"
    forget cause
  done
}

# prepare: the release to work with, its image and its secrets are at hand.
at_hand() {
  local image
  fetch "$HERMES_GOAL:$GOAL_VERSION" "$GOAL" || return 1
  image=$(image "$GOAL") || { why "$WHY_IMAGE_FOREIGN" && return 1; }
  pull "$image" || return 1
  environment "$GOAL" "$STATE_DIR/prepared.env" || { why "$WHY_SECRET_UNUSABLE" && return 1; }
}
prepare() { patiently at_hand; }

unfetched() { fail "release $GOAL_VERSION could not be fetched: $(state cause)"; }

# prune: images that are neither what runs, nor the one before, nor the goal's.
prune() {
  local current previous goal
  current=$([ -s "$STATE_DIR/current.json" ] && image "$STATE_DIR/current.json" || true)
  previous=$([ -s "$STATE_DIR/previous.json" ] && image "$STATE_DIR/previous.json" || true)
  goal=$([ -s "$GOAL" ] && image "$GOAL" || true)
  docker image ls --no-trunc --digests "${goal%@*}" | awk '{ print $1 "@" $3 }' | while read -r image; do
    case "$image" in
      "$current" | "$previous" | "$goal" | REPOSITORY@* | *'<none>') ;;
      *) docker image rm "$image" >/dev/null 2>&1 || true ;;
    esac
  done
}

unanswered() {
%if containers
  if [ -n "$(state failed-process)" ]; then
    why "$WHY_PROCESS_UNWELL"
    fail "process $(state failed-process) of release $(pick id <"$GOAL") is not well: $(state failed-how)" process "$(state failed-process)"
  fi
%end
  why "$WHY_UNANSWERED"
  fail "release $(pick id <"$GOAL") did not answer on $HERMES_HEALTH_PATH within $HERMES_START_TIMEOUT s"
}
