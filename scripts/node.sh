#!/usr/bin/env bash
# Install the JavaScript client that tests speak through, by hash, unless it is there. Its lock names no registry.
set -euo pipefail
cd "$(dirname "$0")/../tests/js"

[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
command -v npm >/dev/null || { echo "node: npm is missing; scripts/packages.sh --tests installs it" >&2; exit 1; }
echo "node: packages of tests/js/package-lock.json" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel error >&2
touch node_modules/.package-lock.json
