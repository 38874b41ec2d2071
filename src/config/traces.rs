use super::{Reader, names};
use crate::kernel::TraceOptions;
use url::Url;

/// The default product name.
const SERVICE_NAME: &str = "heirloom";

pub(super) fn read(reader: &mut Reader) -> Option<TraceOptions> {
    let service_name = reader.raw(names::SERVICE_NAME).unwrap_or_else(|| SERVICE_NAME.to_owned());
    let endpoint = collector(&reader.raw(names::OTLP_ENDPOINT)?);
    if endpoint.is_none() {
        // The value may hold a password: it is not repeated.
        reader.problem(names::OTLP_ENDPOINT, "is not an http or https URL, such as http://127.0.0.1:4318");
    }
    Some(TraceOptions { endpoint: endpoint?, service_name })
}

fn collector(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
