//! Everything that the servers of this process log, kept in memory.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Listens from now on, at every level of our own crate.
pub fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let filter = EnvFilter::new("info,heirloom=trace,actix_server=warn,sqlx=warn");
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(Memory).init();
    });
}

/// What was logged so far.
pub fn so_far() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

struct Memory;

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
