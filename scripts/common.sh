# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: where things are, and who may run the private PostgreSQL.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export GROUND_MOTION_VAR=${GROUND_MOTION_VAR:-$ROOT/var}
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
PG_BIN=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1 || true)

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

setting() { # $1 a name: its value in the environment, else in .env, else nothing
  local line=''
  if [ -n "${!1+set}" ]; then printf %s "${!1}"; return; fi
  if [ -f "$ROOT/.env" ]; then line=$(grep -E "^$1=" "$ROOT/.env" | tail -n 1 || true); fi
  printf %s "${line#*=}"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# initdb refuses root: there, the cluster belongs to the user that Debian's package made.
as_db_owner() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
