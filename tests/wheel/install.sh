#!/usr/bin/env bash
# Builds what can be installed, and begins with it in empty directories: the product alone, the embedded cloud alone, and all of
# it, each in an environment of its own as `pip install` would, for each Python from 3.11 to 3.13 that is here.  PYTHONS names others.
set -euo pipefail
export HERMES_CONSISTENCY=strong  # what is written is looked at at once
root=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d)
ended() { # whatever happens, no embedded cloud stays
  for each in "$place"/*/empty; do
    if [ -d "$each/.hermes" ]; then "$each/../bin/hermes-cloud" --state "$each/.hermes" stop --reset >/dev/null 2>&1 || true; fi
  done
  rm -rf "$place"
}
trap ended EXIT
mkdir "$place/source" "$place/dist"
git -C "$root" archive HEAD | tar -x -C "$place/source"
for project in . hermes_cfn/local analysis; do # a source distribution, and the wheel out of that
  "$root/.venv/bin/python" -m build --no-isolation --outdir "$place/dist" "$place/source/$project" >"$place/log" 2>&1 ||
    { cat "$place/log"; exit 1; }
done
"$root/.venv/bin/python" "$root/tests/wheel/lists.py" "$place/dist"
mkdir "$place/straight" # as `pip install FOLDER` builds it
"$root/.venv/bin/python" -m build --wheel --no-isolation --outdir "$place/straight" "$place/source/hermes_cfn/local" >/dev/null 2>&1
cmp "$place"/straight/*.whl "$place"/dist/hermes_cfn_cloud-*.whl

environment() { # PYTHON NAME REQUIREMENT...: an environment, and an empty directory in it to begin in
  own=$place/$("$1" --version | tr ' ' '-')-$2
  "$1" -m venv "$own"
  "$own/bin/pip" install --quiet --quiet --disable-pip-version-check --constraint "$root/constraints.txt" --find-links "$place/dist" "${@:3}"
  mkdir "$own/empty"
  cd "$own/empty"
  export HOME=$PWD
  unset HERMES_STATE
}
product() { # planned, rendered, linted and priced
  "$own/bin/hermes-cfn" init --yes --offline >/dev/null 2>&1
  "$own/bin/hermes-cfn" plan 2>&1 | tail -1
  "$own/bin/hermes-cfn" render >/dev/null
  "$own/bin/hermes-cfn" validate
  "$own/bin/hermes-cfn" cost | grep '^total'
}
without_cloud() { # WORD...: ends with one finding, which says what to install
  local status=0
  "$own/bin/hermes-cfn" "$@" >out 2>&1 || status=$?
  if [ "$status" != 7 ] || [ "$(grep -c "pip install 'hermes-cfn\[local\]'" out)" != 1 ] || grep -q Traceback out; then
    echo "hermes-cfn $*: exit code $status"
    cat out
    exit 1
  fi
}
cloud() { # from the shell, with boto3, and as a fixture of pytest
  eval "$("$own/bin/hermes-cloud" start)"
  "$own/bin/hermes-cloud" status
  "$own/bin/python" -c 'import boto3; boto3.client("s3").create_bucket(Bucket="mine"); print(boto3.client("s3").list_buckets()["Buckets"][0]["Name"])' |
    grep -qx mine
  cp "$root/tests/wheel/stranger.py" test_stranger.py
  "$own/bin/python" -m pytest -q test_stranger.py
  "$own/bin/hermes-cloud" stop
  if "$own/bin/hermes-cloud" status; then exit 1; fi
}
tried=0
for python in ${PYTHONS:-python3.11 python3.12 python3.13}; do
  "$python" --version >/dev/null 2>&1 || { echo "$python is not here"; continue; }
  (
    environment "$python" product hermes-cfn
    product
    "$own/bin/python" -c 'import importlib.util as u; assert not u.find_spec("analysis") and not u.find_spec("moto") and not u.find_spec("hermes_cloud")'
    for words in 'local start' 'local status' 'local stop' 'local env' 'deploy --local --yes' 'plan --local' demo rehearse; do
      # shellcheck disable=SC2086 # words of a command line
      without_cloud $words
    done
  )
  (
    environment "$python" cloud hermes-cfn-cloud pytest
    "$own/bin/python" -c 'import importlib.util as u; assert not u.find_spec("hermes_cfn") and not u.find_spec("troposphere")'
    cloud
  )
  (
    environment "$python" all 'hermes-cfn[local,analysis]' pytest
    product
    "$own/bin/hermes-analysis" options | tail -1
    "$own/bin/python" -m hermes_analysis latency >/dev/null
    cloud
    "$own/bin/hermes-cfn" demo | tail -8
    "$own/bin/hermes-cfn" local stop
  )
  echo "$python: $("$python" --version), well"
  tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "no Python from 3.11 to 3.13 is here; next: PYTHONS=/path/to/python make wheel" >&2; exit 1; }
