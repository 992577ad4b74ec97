#!/usr/bin/env bash
# Builds the wheel, installs it as `pip install` would in an environment of its own for each Python from 3.11 to 3.13 that is
# here, and begins in an empty directory.  PYTHONS names others.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/source"
git -C "$root" archive HEAD | tar -x -C "$place/source"
"$root/.venv/bin/python" -m build --wheel --no-isolation --outdir "$place" "$place/source" >/dev/null 2>&1
tried=0
for python in ${PYTHONS:-python3.11 python3.12 python3.13}; do
  "$python" --version >/dev/null 2>&1 || { echo "$python is not here"; continue; }
  own=$place/$("$python" --version | tr ' ' '-')
  "$python" -m venv "$own"
  "$own/bin/pip" install --quiet --quiet --disable-pip-version-check --constraint "$root/constraints.txt" "$place"/*.whl
  mkdir "$own/empty"
  (
    cd "$own/empty"
    export HOME=$PWD
    "$own/bin/hermes-cfn" init --yes --offline >/dev/null 2>&1
    "$own/bin/hermes-cfn" plan 2>&1 | tail -1
    "$own/bin/hermes-cfn" render >/dev/null
    "$own/bin/hermes-cfn" validate
    "$own/bin/hermes-cfn" cost | grep '^total'
  )
  echo "$python: $("$python" --version), $("$own/bin/hermes-cfn" --version), well"
  tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "no Python from 3.11 to 3.13 is here; next: PYTHONS=/path/to/python make wheel" >&2; exit 1; }
