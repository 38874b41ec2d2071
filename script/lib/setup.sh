# Sourced by the scripts beside: installs what is missing, and prints what to install where it cannot.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

heading() { printf '\n== %s\n' "$1" >&2; }
give_up() { printf '%s\n' "$@" >&2; exit 1; }

# Directly as root; otherwise through sudo, which may ask for a password only at a terminal.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ] || return 1
  sudo "$@"
}

# No package may stop and ask. A new machine may still be installing updates and hold the lock.
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2; }

# install_packages WHAT PACKAGE...: with Debian's package manager; on other systems it prints what to install.
install_packages() {
  local what=$1; shift
  heading "installing $what ($*)"
  command -v apt-get >/dev/null || give_up \
    "$what is missing, and this is no Debian or Ubuntu. Install it, then run this again:" \
    "  Fedora: dnf install postgresql-server gcc chromium chromedriver" \
    "  Arch:   pacman -S postgresql gcc chromium" \
    "  macOS:  brew install postgresql chromium chromedriver; xcode-select --install" \
    "(Chromium and its driver are for the tests only.)"
  apt install -y --no-install-recommends "$@" && return
  # The package lists may be old or missing; and a mirror may fail once.
  if apt update || apt update; then
    apt install -y --no-install-recommends "$@" && return
  fi
  give_up "$what could not be installed. As root: apt-get update && apt-get install $*"
}

need_rust() {
  # A shell that is not a login shell may not have it in its PATH yet.
  if ! command -v cargo >/dev/null && [ -r "${HOME:-}/.cargo/env" ]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
  fi
  command -v cargo >/dev/null || give_up "Rust is missing: see https://rustup.rs, then run this again."
}

# The cryptography that we depend on compiles C.
need_compiler() { command -v cc >/dev/null || install_packages "a C compiler" build-essential; }

# The server binaries only: heirloom runs a private Postgres.
need_postgres() {
  [ -z "${HEIRLOOM_PG_BIN:-}" ] || return 0
  command -v initdb >/dev/null && command -v postgres >/dev/null && return
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  compgen -G '/opt/homebrew/opt/postgresql*/bin/initdb' >/dev/null && return
  # Debian's package would also start a cluster for the whole machine: this setting prevents it, before the installation.
  # Where the common package was installed already, its settings are kept.
  local settings=/etc/postgresql-common/createcluster.conf
  if command -v apt-get >/dev/null && [ ! -e "$settings" ]; then
    install_packages "PostgreSQL's settings" postgresql-common
    as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' "$settings"
  fi
  install_packages "PostgreSQL" postgresql
}

# need_cargo_tool NAME VERSION: a program from crates.io, built once and kept in target/tools. In its debug form, which
# takes a fraction of the time to build, and is fast enough; without what a debugger would need.
need_cargo_tool() {
  local name=$1 version=$2 tools=$root/target/tools
  export PATH=$tools/bin:$PATH
  grep -qs "\"$name $version " "$tools/.crates.toml" && return
  heading "building $name $version"
  env -u RUSTFLAGS CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root "$tools" --target-dir "$tools/build" \
    "$name@$version" || give_up "$name could not be built: it is fetched from crates.io."
  rm -rf "$tools/build"
}

# For schemathesis. Debian has venv in a package of its own.
need_python() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages "Python, for schemathesis" python3 python3-venv
}

# For the tests of the JavaScript.
need_node() { command -v node >/dev/null || install_packages "Node.js, for the tests of the JavaScript" nodejs; }

# Installs packages where that works; the caller reports what it could not do without them.
try_packages() { (install_packages "$@") || true; }

need_curl() { command -v curl >/dev/null || install_packages "curl" curl; }

need_browser() {
  { command -v chromium && command -v chromedriver; } >/dev/null ||
    install_packages "Chromium, for the browser tests" chromium chromium-driver
  # Pages without fonts would still pass some tests.
  [ -n "$(fc-list 2>/dev/null)" ] || install_packages "fonts, for the browser tests" fontconfig fonts-dejavu-core
}

# For the fault tests. Where they cannot be installed, those tests report that they could not be run.
need_fault_tools() {
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || try_without_starting "PgBouncer" pgbouncer
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || try_without_starting "libfaketime" faketime
}

# For script/check-cluster.
need_cluster_tools() {
  local tool
  command -v patroni >/dev/null && command -v etcd >/dev/null ||
    try_without_starting "Patroni and etcd" patroni etcd-server etcd-client
  need_python
  for tool in patroni patronictl etcd; do
    command -v "$tool" >/dev/null || give_up "$tool is missing. Install Patroni and etcd, then run this again."
  done
  command -v psql >/dev/null || install_packages "psql" postgresql-client
  command -v ip >/dev/null || install_packages "ip, for network namespaces" iproute2
  command -v pgrep >/dev/null || install_packages "pgrep" procps
}

# try_without_starting WHAT PACKAGE...: installs them without starting the services that they contain.
try_without_starting() {
  local what=$1 policy=/usr/sbin/policy-rc.d; shift
  if ! command -v apt-get >/dev/null || ! as_root true; then
    printf '%s is missing: its fault tests will report that they could not be run\n' "$what" >&2
    return
  fi
  local ours=
  [ -e "$policy" ] || { ours=1; as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"; }
  # In a subshell: give_up must neither stop the tests nor leave the policy behind.
  (install_packages "$what, for the fault tests" "$@") || true
  [ -z "$ours" ] || as_root rm -f "$policy"
}

# need_binaries NAME...: as $binaries, the folder with these programs. BINARIES names one with ready programs (`script/test`
# has built them); otherwise their debug builds are made now.
need_binaries() {
  local name options=()
  binaries=${BINARIES:+$(realpath "$BINARIES")}
  [ -z "$binaries" ] || return 0
  for name in "$@"; do options+=(-p "$name" --bin "$name"); done
  SQLX_OFFLINE=true cargo build --locked --quiet "${options[@]}" </dev/null
  # shellcheck disable=SC2034
  binaries=${CARGO_TARGET_DIR:-$root/target}/debug
}

# in_memory COMMAND...: with temporary files in memory, if there is enough of it. Tests make and remove databases by the
# hundred: on a disk that takes a quarter of their time.
in_memory() {
  local available
  available=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
  if [ "${available:-0}" -lt 4194304 ] || grep -q ' /dev/shm .*noexec' /proc/mounts ||
    ! awk '/^MemAvailable:/ { exit $2 < 8388608 }' /proc/meminfo; then
    "$@"
    return
  fi
  (
    TMPDIR=$(mktemp -d /dev/shm/heirloom-test-XXXXXX)
    export TMPDIR
    # What the tests have started ends a moment after them, and may still write.
    trap 'for _ in $(seq 50); do rm -rf "$TMPDIR" 2>/dev/null && break; sleep 0.2; done' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # As root, Postgres runs under another account, and tests run programs under others: open to all, as /tmp is.
    chmod 1777 "$TMPDIR"
    "$@"
  )
}
