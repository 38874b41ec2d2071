use super::{RequestSpan, TraceOptions};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// The collector's client cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("the client for the collector cannot be created: {0}")]
pub(in crate::kernel) struct NoClient(#[from] ExporterBuildError);

/// Sends spans, in bundles, on a thread of its own: a collector that is away costs no request anything. What is left is
/// sent when it is dropped.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

/// The name of the tracer.
const SCOPE: &str = "heirloom";
/// W3C Trace Context §3.2.
const TRACEPARENT: &str = "traceparent";

impl Traces {
    pub(in crate::kernel) fn to(collector: &TraceOptions) -> Result<Self, NoClient> {
        let endpoint = format!("{}/v1/traces", collector.endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
        let resource = Resource::builder().with_service_name(collector.service_name.clone()).build();
        Ok(Self(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())))
    }

    /// Our own spans only: spans of libraries, including the exporter's, are dropped.
    pub(in crate::kernel) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.0.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let layer = layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
        Some(layer.with_filter(filter_fn(|metadata| metadata.target().starts_with(SCOPE))))
    }

    pub(super) fn begin(span: &Span, traceparent: Option<&str>) {
        span.record("otel.kind", "server");
        if let Some(traceparent) = traceparent {
            let caller = TraceContextPropagator::new().extract(&Traceparent(traceparent));
            // Where nothing is sent, nothing has a parent.
            drop(span.set_parent(caller));
        }
    }

    pub(super) fn end(span: &Span, request: &RequestSpan<'_>) {
        let context = span.context();
        let exported = context.span();
        let name =
            request.route.map_or_else(|| request.method.to_owned(), |route| format!("{} {route}", request.method));
        exported.update_name(name);
        span.set_attribute("http.request.method", request.method.to_owned());
        span.set_attribute("http.response.status_code", i64::from(request.status));
        span.set_attribute("heirloom.database.seconds", request.database.as_secs_f64());
        if let Some(route) = request.route {
            span.set_attribute("http.route", route.to_owned());
        }
        if request.status >= 500 {
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "telemetry.spans_lost: the last spans could not be sent");
        }
    }
}

/// The one header that is read of a caller's context: its `tracestate` may hold anything.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
