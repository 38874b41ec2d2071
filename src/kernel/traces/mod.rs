//! Spans of requests for a collector of OpenTelemetry's (OTLP over HTTP). Without the feature `otlp` nothing is sent, and
//! the same words do nothing.

#[cfg(not(feature = "otlp"))]
mod off;
#[cfg(feature = "otlp")]
mod on;

#[cfg(not(feature = "otlp"))]
pub use off::Traces;
#[cfg(feature = "otlp")]
pub use on::Traces;

use super::Duration;
use tracing::Span;
use url::Url;

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOptions {
    /// The collector; `v1/traces` is put behind it.
    pub endpoint: Url,
    /// What we are called there.
    pub service_name: String,
}

/// What is known of an answered request. Contains neither path nor query, which may hold the client's secrets.
#[derive(Debug)]
pub struct RequestSpan<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// The route's pattern; none if no route matched.
    pub route: Option<&'a str>,
    /// The HTTP status.
    pub status: u16,
    /// How long it waited for the database.
    pub database: Duration,
}

impl RequestSpan<'_> {
    /// Makes `span` part of the caller's trace (W3C Trace Context), before anything happens in it.
    pub fn begin(span: &Span, traceparent: Option<&str>) {
        Traces::begin(span, traceparent);
    }

    /// Tells of the answer (OpenTelemetry's semantic conventions for HTTP servers).
    pub fn end(&self, span: &Span) {
        Traces::end(span, self);
    }
}
