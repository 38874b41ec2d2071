/// The id of a request, generated here: what ties its log line, its audit events and its answer together. A caller's id
/// is logged beside it and sent back, but never takes its place.
#[derive(Debug, Clone, Default)]
pub struct RequestId {
    /// The id.
    pub own: String,
    /// The caller's, if it sent a sane one.
    pub given: Option<String>,
}

impl RequestId {
    /// What the answer shows: the caller's id, or ours. The log line holds both.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.own)
    }
}
