# Sourced by the scripts beside: installs what is missing, and says plainly what to install where it cannot.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export DEBIAN_FRONTEND=noninteractive

heading() { printf '\n== %s\n' "$1" >&2; }
give_up() { printf '%s\n' "$@" >&2; exit 1; }

# As root as it is, else through sudo, which may ask for a password only where there is somebody to ask.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo -E "$@"; return; fi
  return 1
}

# install WHAT PACKAGE...: with the system's package manager, if it is Debian's.
install() {
  local what=$1; shift
  heading "installing $what ($*)"
  if ! command -v apt-get >/dev/null; then
    give_up "$what is missing, and this is no Debian system. Install it with your package manager:" \
      "  Fedora: dnf install postgresql-server gcc chromium chromedriver" \
      "  macOS:  brew install postgresql chromium chromedriver"
  fi
  as_root apt-get install -y --no-install-recommends "$@" >&2 && return
  # The lists may be old, or there may be none yet.
  if as_root apt-get update >&2 && as_root apt-get install -y --no-install-recommends "$@" >&2; then return; fi
  give_up "$what could not be installed. As root: apt-get install $*"
}

need_rust() {
  command -v cargo >/dev/null && return
  [ -r "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
  command -v cargo >/dev/null || give_up "Rust is missing: see https://rustup.rs, then run this again."
}

# One of our dependencies, the cryptography, compiles C.
need_compiler() { command -v cc >/dev/null || install "a C compiler" gcc libc6-dev; }

# The server binaries only: heirloom runs a Postgres of its own. Debian's package would also start one for the whole
# machine, which nobody asked for.
need_postgres() {
  [ -n "${HEIRLOOM_PG_BIN:-}" ] && return
  command -v initdb >/dev/null && return
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
  if command -v apt-get >/dev/null && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root sh -c 'mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf' || true
  fi
  install "PostgreSQL" postgresql
}

need_browser() {
  command -v chromedriver >/dev/null && command -v chromium >/dev/null && return
  install "Chromium, for the browser tests" chromium chromium-driver fonts-dejavu-core fonts-noto-cjk
}
