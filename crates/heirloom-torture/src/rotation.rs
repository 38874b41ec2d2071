//! What was seen of a server: does a refresh replace the token?

use std::sync::atomic::{AtomicBool, Ordering};

/// What the answers so far show. Nothing in it is ever taken back.
#[derive(Debug, Default)]
pub struct Rotation {
    never: AtomicBool,
    replaced: AtomicBool,
    kept: AtomicBool,
}

impl Rotation {
    /// A refresh was answered: with another token, or with the one that was presented.
    pub fn note(&self, is_replaced: bool) {
        let seen = if is_replaced { &self.replaced } else { &self.kept };
        seen.store(true, Ordering::Relaxed);
    }

    /// The preflight found that no refresh replaces a token.
    pub fn is_absent(&self) {
        self.never.store(true, Ordering::Relaxed);
    }

    /// Whether the preflight found that no refresh replaces a token.
    pub fn never(&self) -> bool {
        self.never.load(Ordering::Relaxed)
    }

    /// Whether some refreshes replaced the token, and others did not.
    pub fn is_irregular(&self) -> bool {
        self.replaced.load(Ordering::Relaxed) && self.kept.load(Ordering::Relaxed)
    }
}
