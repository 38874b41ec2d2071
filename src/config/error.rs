use std::fmt;

/// Everything that is wrong with the options.
#[derive(Debug)]
pub struct ConfigError {
    /// One sentence each.
    pub problems: Vec<String>,
}

impl ConfigError {
    pub(super) fn file(error: &dyn std::error::Error) -> Self {
        Self { problems: vec![error.to_string()] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "the configuration has {count} problem{}:", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for ConfigError {}
