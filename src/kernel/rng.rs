use std::{fmt, sync::Arc};

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// The source of random bytes. It is a parameter, so that signatures show which code uses it.
#[derive(Clone)]
pub struct Rng(Arc<Fill>);

impl Rng {
    /// The operating system's generator, through aws-lc's CTR-DRBG (NIST SP 800-90A).
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(fill_from_system))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door to the system's generator")]
fn fill_from_system(bytes: &mut [u8]) {
    if aws_lc_rs::rand::fill(bytes).is_err() {
        // A server that cannot draw secrets must not go on handing them out.
        tracing::error!("kernel.rng_failed: the system's random generator failed: stopping at once");
        std::process::abort();
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}
