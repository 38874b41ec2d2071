# Sourced by checks that need a running server: one with a private Postgres in a folder of its own, removed afterwards.
# shellcheck shell=bash

work=$(mktemp -d)
# As root, Postgres runs under another account, which must get here.
chmod 755 "$work"
started=()

clean_up() {
  local process
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT

# A free port, below those that the kernel gives to outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# until_true WHAT COMMAND...: waits until the command succeeds, a minute at most.
until_true() {
  local what=$1; shift
  for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  give_up "It never came to pass: $what"
}

heirloom=${binaries:-${CARGO_TARGET_DIR:-$root/target}/debug}/heirloom

# start_server PUBLIC_URL PORT METRICS_PORT [OPTION=VALUE...]
start_server() {
  local public_url=$1 port=$2 metrics=$3; shift 3
  (
    cd "$work" || exit 1
    for name in DATABASE_URL "${!HEIRLOOM_@}"; do unset "$name"; done
    exec env HEIRLOOM_DATA_DIR="$work/data" HEIRLOOM_PUBLIC_URL="$public_url" HEIRLOOM_BIND="127.0.0.1:$port" \
      HEIRLOOM_METRICS_BIND="127.0.0.1:$metrics" HEIRLOOM_INSECURE_FOR_TESTS=true HEIRLOOM_BCRYPT_COST=4 "$@" \
      "$heirloom" serve
  ) >>"$work/server.log" 2>&1 &
  started+=($!)
  # give_up stops a subshell only, so that the server's output can be shown.
  (trap - EXIT; until_true "the server is ready" curl -fsS "http://127.0.0.1:$port/readyz") ||
    { cat "$work/server.log" >&2; exit 1; }
}

# post BASE PATH BODY [curl's arguments]
post() {
  local url=$1/api/v1/$2 body=$3; shift 3
  curl -sS -H 'Content-Type: application/json' -d "$body" "$@" "$url"
}

# field NAME: of one flat JSON object on standard input.
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }
