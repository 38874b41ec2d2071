/// One property of the database, and whether we can live with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The property, in a word or two.
    pub what: &'static str,
    /// What was found.
    pub verdict: ProbeVerdict,
}

/// What a probe found, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// As it should be.
    Good(String),
    /// Works, but could be better; only `heirloom check` mentions it.
    Advice(String),
    /// Works, with a risk or a cost; each start logs it.
    Warning(String),
    /// Does not work; with what to do about it.
    Refusal(String),
}

/// Who is to apply migrations that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    /// This process.
    Apply,
    /// Another one: refuse to start when any is missing.
    Require,
}
