#!/usr/bin/env bash
# Run every test with branch coverage, in the processes that tests start as well; or some of them, without.
#   test.sh [PYTEST ARGUMENT...]
# FAIL_UNDER: the share of lines and branches that must be covered (default: as pyproject.toml says).
# WORKERS: how many tests run at once (default: one a core, at most 4).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh --tests
scripts/node.sh

cores=$(nproc 2>/dev/null || echo 2)
workers=${WORKERS:-$((cores < 4 ? cores : 4))}
tests=(-m pytest -n "$workers" --dist loadgroup)
python=.venv/bin/python
if [ $# -gt 0 ]; then
  exec "$python" "${tests[@]}" "$@"
fi

export COVERAGE_FILE=$PWD/.coverage.d/data
rm -rf .coverage.d
mkdir -p .coverage.d
status=0
"$python" -m coverage run "${tests[@]}" || status=$?
if [ "$status" -eq 1 ]; then
  echo "test: running what failed once more, alone: a machine that is busy makes some tests late" >&2
  status=0
  "$python" -m coverage run -m pytest --last-failed --last-failed-no-failures none || status=$?
fi
"$python" -m coverage combine --quiet
"$python" -m coverage report --skip-covered ${FAIL_UNDER:+--fail-under "$FAIL_UNDER"} || status=$?
exit "$status"
