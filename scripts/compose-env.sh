#!/usr/bin/env bash
# Print the settings of docker-compose.yml with new secrets: compose-env.sh [PUBLIC_URL] > .env
set -euo pipefail

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

cat <<ENV
# Keep this file: without it the database, the store and every session and link of the hub are lost.
HUB_PUBLIC_URL=${1:-http://localhost:8080}
HUB_SECRET_KEY=$(secret)
POSTGRES_PASSWORD=$(secret)
S3_SECRET=$(secret)
ENV
