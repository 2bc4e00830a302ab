#!/usr/bin/env bash
# Run tests with branch coverage, in the processes that tests start as well.
#   test.sh [PYTEST ARGUMENT...]
# FAIL_UNDER: the share of lines and branches that must be covered, when every test ran (default: pyproject.toml).
# WORKERS: how many tests run at once (default: one a core, at most 4).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh --tests

cores=$(nproc 2>/dev/null || echo 2)
workers=${WORKERS:-$((cores < 4 ? cores : 4))}
python=.venv/bin/python
export COVERAGE_FILE=$PWD/.coverage.d/data
rm -rf .coverage.d
mkdir -p .coverage.d

status=0
"$python" -m coverage run -m pytest -n "$workers" --dist loadgroup "$@" || status=$?
"$python" -m coverage combine --quiet
if [ $# -gt 0 ]; then
  "$python" -m coverage report --skip-covered --fail-under 0 || true
elif [ -n "${FAIL_UNDER:-}" ]; then
  "$python" -m coverage report --skip-covered --fail-under "$FAIL_UNDER" || status=$?
else
  "$python" -m coverage report --skip-covered || status=$?
fi
exit "$status"
