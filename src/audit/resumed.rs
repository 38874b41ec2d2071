use crate::kernel::Moment;

/// What operators have resumed or accepted, as genuine events say.
#[derive(Debug, Clone, Default)]
pub(super) struct Resumed {
    /// When last.
    pub last: Option<Moment>,
    /// When last after a restore.
    pub after_restore: Option<Moment>,
    /// The fingerprint of the findings that were accepted last.
    pub accepted: Option<String>,
}
