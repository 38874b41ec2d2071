#!/usr/bin/env bash
# Packs the Rust verifier as cargo would upload it, and uses it in a crate outside this repository, without the network.
set -euo pipefail
# shellcheck source=script/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

need_rust
need_compiler

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
target=${CARGO_TARGET_DIR:-$root/target}

cargo package -q --offline --locked --no-verify --allow-dirty -p heirloom-verifier
tar -xzf "$target/package/heirloom-verifier-0.1.0.crate" -C "$folder"

mkdir -p "$folder/service/src"
cat >"$folder/service/Cargo.toml" <<'EOF'
[package]
name = "service"
version = "0.1.0"
edition = "2024"

[dependencies]
heirloom-verifier = { path = "../heirloom-verifier-0.1.0", features = ["axum"] }
tokio = { version = "1", features = ["macros", "rt"] }

# As in this repository, so that what was built for it is used again.
[profile.dev.package."*"]
debug = false
[profile.dev.build-override]
opt-level = 0
debug = false

[workspace]
EOF
cat >"$folder/service/src/main.rs" <<'EOF'
use heirloom_verifier::{Error, SignedIn, State, Verifier};

fn greeting(SignedIn(user): SignedIn) -> String {
    user.sub
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _ = greeting;
    // Nothing listens there.
    let verifier = Verifier::builder("http://127.0.0.1:1", "https://api.example.com").feed_key("key").build().unwrap();
    assert_eq!(verifier.state(), State::Stale);
    assert_eq!(verifier.verify("a token").await, Err(Error::Invalid));
    println!("the packed verifier works");
}
EOF
# The versions that everything else was tested with.
cp Cargo.lock "$folder/service/"
# What this repository has built of the same versions, the cryptography above all, is not built again.
export CARGO_TARGET_DIR="$target"
cargo run -q --offline --manifest-path "$folder/service/Cargo.toml"
