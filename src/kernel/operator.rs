/// Proof that someone acts at the command line, with the server's configuration and so with every right.
#[derive(Debug, Clone, Copy)]
pub struct Operator(());

impl Operator {
    /// Only for `cli/`, as `tests/architecture.rs` checks.
    #[must_use]
    pub fn at_the_command_line() -> Self {
        Self(())
    }
}
