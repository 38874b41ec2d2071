use super::{TraceOptions, Traces};
use std::io::{self, IsTerminal};
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt::MakeWriter, prelude::*};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For an operator at a terminal.
    Text,
    /// One JSON object a line, for a machine.
    Json,
}

impl LogFormat {
    /// Text at a terminal, JSON elsewhere.
    #[must_use]
    pub fn fitting() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Whether a text is a filter of log lines. A word alone is a level, or a module of ours: any other word would be taken for
/// the name of a crate, whose lines alone would be written.
#[must_use]
pub fn is_log_filter(text: &str) -> bool {
    let is_known = |part: &str| {
        part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok() || part.split("::").next() == Some("heirloom")
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).all(is_known) && EnvFilter::try_new(text).is_ok()
}

/// Sends log lines to standard error, and spans to a collector where one is named. Does nothing when logging was started
/// before. Keep the returned guard alive for as long as spans are exported.
#[must_use]
pub fn start_logging(filter: &str, format: LogFormat, collector: Option<&TraceOptions>) -> Traces {
    // Libraries log every statement and worker, and Postgres' notices on each connection (what matters of them is a probe
    // of ours); a filter that names them still goes before.
    let filter = EnvFilter::new(format!(
        "sqlx=warn,sqlx::postgres::notice=off,actix_server=warn,actix_http::h1::dispatcher=off,{filter}"
    ));
    let (traces, failure) = match collector.map(Traces::to).transpose() {
        Ok(traces) => (traces.unwrap_or_default(), None),
        Err(error) => (Traces::default(), Some(error)),
    };
    let registry = tracing_subscriber::registry().with(filter).with(traces.layer());
    // A closed pipe at the other end must not end the server, hence a writer that swallows its errors.
    let started = match format {
        LogFormat::Text => {
            let ansi = io::stderr().is_terminal();
            registry.with(tracing_subscriber::fmt::layer().with_writer(Lenient).with_ansi(ansi)).try_init()
        }
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
            registry.with(layer.with_writer(Lenient)).try_init()
        }
    };
    drop(started);
    if let Some(error) = failure {
        tracing::warn!(%error, "telemetry.no_traces: no spans are sent");
    }
    traces
}

/// Standard error, for which a log line that cannot be written is lost and nothing else is.
struct Lenient;

impl io::Write for Lenient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(io::stderr().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lenient {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
