#!/usr/bin/env bash
# Make the virtual environment hold what a purpose needs, by hash, and the project itself without a build that downloads.
#   setup.sh serve     to run the hub (also what make setup does)
#   setup.sh test      to run every test, with older clients in environments of their own
#   setup.sh dev       to check types, style and layers too
#   setup.sh packages  to run the hub, without the project itself
#   setup.sh image     to run the hub from a container: as serve, but the project is copied in, not linked
# VENV names another place than .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?usage: setup.sh serve|test|dev|packages|image}
venv=${VENV:-.venv}

say() { echo "setup: $*" >&2; }

usable() { # usable PYTHON: it runs (a shim may not) and is new enough
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3; do
    if usable "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer is needed and was not found; install python3.11 (or newer) and try again"
  return 1
}

make_venv() { # make_venv FOLDER: fresh if there is none, or if its Python has gone
  usable "$1/bin/python" && "$1/bin/python" -m pip --version >/dev/null 2>&1 && return
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    scripts/packages.sh "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  fi
  say "new environment $1 with $("$python" --version)"
  "$python" -m venv --clear "$1"
}

install() { # install FOLDER REQUIREMENTS...
  local folder=$1 name arguments=()
  shift
  for name in "$@"; do arguments+=(-r "requirements/$name.txt"); done
  say "packages of requirements/{$*}.txt into $folder (the first time takes a minute or two)"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes "${arguments[@]}"
}

install_project() { # install_project [-e]
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --no-index --no-deps --no-build-isolation "$@" .
}

make_venv "$venv"
case $purpose in
  serve | packages | image) install "$venv" build serve ;;
  test)
    install "$venv" test
    for client in old-client middle-client; do
      make_venv "$venv/$client"
      install "$venv/$client" "$client"
    done
    ;;
  dev) install "$venv" dev ;;
  *)
    say "unknown purpose '$purpose'"
    exit 2
    ;;
esac
case $purpose in
  packages) ;;
  image) install_project ;;
  *) install_project -e ;;
esac
