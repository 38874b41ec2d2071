use aws_lc_rs::digest::{SHA256, digest};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// A secret: a token, a password, a client secret. It is printed as a short digest.
#[derive(Clone)]
pub struct Guarded(Arc<Zeroizing<String>>);

impl Guarded {
    /// Guards a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text, for a request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Distinguishes texts without revealing them.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        bytes
    }

    /// The beginning of the digest, for reports.
    #[must_use]
    pub fn tag(&self) -> String {
        let beginning = self.digest().first_chunk().copied().unwrap_or_default();
        format!("{:08x}", u32::from_be_bytes(beginning))
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.tag())
    }
}
