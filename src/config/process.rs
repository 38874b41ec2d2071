use std::{fs, os::unix::fs::MetadataExt};

/// The user that this process runs as, where the system has `/proc`.
#[must_use]
pub fn our_user_id() -> Option<u32> {
    fs::metadata("/proc/self").map(|process| process.uid()).ok()
}
