# Sourced by script/test for `--fresh`: everything again, as on a machine that has never seen this repository.
# shellcheck shell=bash

# Stops what was started, and removes what was created: also on Ctrl-C.
leave_nothing() {
  trap - EXIT INT TERM
  local process
  for process in "${fresh_groups[@]}"; do kill -- "-$process" 2>/dev/null || true; done
  for process in "${fresh_groups[@]}"; do wait "$process" 2>/dev/null || true; done
  # As root, Postgres keeps its files where its own account can reach them.
  local elsewhere=$fresh/heirloom/data/postgres.location
  [ ! -f "$elsewhere" ] || rm -rf "$(cat "$elsewhere")"
  # Processes that the tests have started stop a moment after them, and may still write.
  for _ in $(seq 300); do rm -rf "$fresh" 2>/dev/null && return; sleep 0.2; done
  give_up "$fresh could not be removed"
}

# in_group COMMAND...: as a process group, which one signal stops with all its children.
in_group() {
  set -m
  "$@" </dev/null &
  set +m
  fresh_groups+=($!)
  wait $!
}

# Whether a program listens on the port.
is_held() { (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

hold_default_ports_with_a_server() {
  if is_held 8080; then
    echo "another program holds port 8080 already: it stays, and no server is started" >&2
    return
  fi
  set -m
  target/debug/heirloom serve </dev/null >"$fresh/server.log" 2>&1 &
  set +m
  local server=$!
  fresh_groups+=("$server")
  until target/debug/heirloom health --ready >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || { cat "$fresh/server.log" >&2; give_up "the server did not start"; }
    sleep 0.5
  done
}

test_fresh() {
  [ -z "$(git status --porcelain)" ] || echo "uncommitted changes are not tested: --fresh tests HEAD" >&2
  local commit settings=${CARGO_HOME:-$HOME/.cargo}/config.toml
  commit=$(git rev-parse HEAD)
  # Not under /tmp, which may be in memory: this takes several gigabytes.
  fresh=$(mktemp -d "${TMPDIR:-/var/tmp}/heirloom-fresh-XXXXXX")
  fresh_groups=()
  trap leave_nothing EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # As root, Postgres runs under another account, which must get here.
  chmod 755 "$fresh"
  mkdir "$fresh/cargo"
  # A configured mirror or proxy is kept; what was downloaded is not.
  [ ! -f "$settings" ] || cp "$settings" "$fresh/cargo"
  export CARGO_HOME=$fresh/cargo PIP_CACHE_DIR=$fresh/pip
  unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR

  heading "a new clone of $commit in $fresh"
  git clone -q "$root" "$fresh/heirloom"
  cd "$fresh/heirloom"
  git checkout -q --detach "$commit"
  heading "building, and starting a server at the default ports"
  in_group cargo test --quiet --locked --workspace --no-run
  hold_default_ports_with_a_server
  in_group script/test
  heading "all tests passed in a new clone of $commit"
}
