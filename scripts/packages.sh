#!/usr/bin/env bash
# Install system packages by apt-get where that needs no question (root, or sudo without a password); else say what to install.
#   packages.sh PACKAGE...
#   packages.sh --tests     what the tests need and this machine lacks
#   packages.sh --bench     what the measurements compare the hub with
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin

lacking_for_tests() {
  local pair
  for pair in git:git git-lfs:git-lfs nginx:nginx-light ceph-mon:ceph-mon ceph-mgr:ceph-mgr \
    ceph-osd:ceph-osd radosgw:radosgw fc-list:fontconfig node:nodejs npm:npm; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
  done
  [ -d /usr/share/ceph/mgr/balancer ] || echo ceph-mgr-modules-core
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo chromium
  # Screenshots with Korean names or emoji need glyphs.
  fc-list 2>/dev/null | grep -qi 'noto.*cjk' || echo fonts-noto-cjk
  fc-list 2>/dev/null | grep -qi 'emoji' || echo fonts-noto-color-emoji
}

lacking_for_bench() {
  local pair
  for pair in git:git nginx:nginx-light fcgiwrap:fcgiwrap; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
  done
}

case ${1:-} in
  --tests) mapfile -t packages < <(lacking_for_tests) ;;
  --bench) mapfile -t packages < <(lacking_for_bench) ;;
  *) packages=("$@") ;;
esac
[ ${#packages[@]} -gt 0 ] || exit 0

as_root=()
if command -v apt-get >/dev/null; then
  if [ "$(id -u)" = 0 ]; then
    as_root=(env)
  elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
  fi
fi
if [ ${#as_root[@]} = 0 ]; then
  echo "These packages are missing, and installing them needs an administrator. On Debian or Ubuntu:" >&2
  echo "  sudo apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi

echo "packages: installing ${packages[*]}" >&2
apt() { "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet "$@" >&2; }
install() {
  apt install --yes --no-install-recommends -o Dpkg::Options::=--force-confold "${packages[@]}"
}
# The package lists of a fresh image are empty or old: fetch them when the first try fails.
install 2>/dev/null || { apt update && install; }
