use std::path::PathBuf;

/// The `heirloom` binary that cargo has built beside the running test or bench.
///
/// # Panics
///
/// If there is none: only the tests and benches of the package `heirloom` have cargo build it.
pub fn program() -> PathBuf {
    // `target/<profile>/deps/<test>-<hash>`
    let test = std::env::current_exe().expect("a running program has a path");
    let program = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps").join("heirloom");
    assert!(program.exists(), "{} was not built", program.display());
    program
}
