#!/usr/bin/env bash
# Pin every dependency with its hashes, in files that name no index: each level is held to the versions of the one below.
#   lock.sh [--upgrade | --upgrade-package NAME ...]
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
[ -x "$uv" ] || { echo "lock: run 'make check' or 'scripts/setup.sh dev' once; it installs uv" >&2; exit 1; }

compile() { # compile NAME SOURCE...
  local name=$1
  shift
  echo "requirements/$name.txt" >&2
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links "${upgrade[@]}" --output-file "requirements/$name.txt" "$@"
}

upgrade=("$@")
compile serve pyproject.toml
compile build requirements/build.in --constraint requirements/serve.txt
compile test pyproject.toml requirements/build.in requirements/test.in \
  --constraint requirements/serve.txt --constraint requirements/build.txt
compile dev pyproject.toml requirements/build.in requirements/test.in requirements/dev.in \
  --constraint requirements/test.txt
compile old-client requirements/old-client.in
compile middle-client requirements/middle-client.in
