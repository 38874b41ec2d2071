use crate::{http::is_known, kernel::sha256};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, AcceptEncoding, ETag, Encoding, EntityTag, Header},
    web::Bytes,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use brotli::CompressorWriter;
use flate2::{Compression, write::GzEncoder};
use std::{
    io::{self, Write},
    sync::OnceLock,
};

/// A file that is the same for every client: compressed once for each encoding, when a client first accepts it. Unlike
/// pages, files contain no secret that compression could reveal (BREACH).
#[derive(Debug, Clone)]
pub struct ServedFile {
    content_type: &'static str,
    version: String,
    plain: Bytes,
    brotli: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
}

/// Of the 11 levels, the best that takes milliseconds: the highest saves 8 % more and takes fifty times as long.
const BROTLI_QUALITY: u32 = 5;
/// The largest window, 4 MiB.
const BROTLI_WINDOW: u32 = 22;

impl ServedFile {
    /// A file with its content.
    #[must_use]
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let plain = content.into();
        let (brotli, gzip) = (OnceLock::new(), OnceLock::new());
        Self { content_type, version: version(&plain), brotli, gzip, plain }
    }

    /// Sixteen characters that change with the content.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The uncompressed content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.plain
    }

    /// Sends the file in the encoding that the client accepts; 304 if the client has this version.
    #[must_use]
    pub fn send(&self, request: &HttpRequest, caching: &'static str) -> HttpResponse {
        // Weak: one tag for all encodings.
        let tag = EntityTag::new_weak(self.version.clone());
        let known = is_known(request, &tag);
        let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer.insert_header((header::CACHE_CONTROL, caching)).insert_header((header::VARY, "Accept-Encoding"));
        answer.insert_header(ETag(tag));
        if known { answer.finish() } else { self.send_body(request, answer) }
    }

    fn send_body(&self, request: &HttpRequest, mut answer: HttpResponseBuilder) -> HttpResponse {
        answer.content_type(self.content_type);
        let accepted = AcceptEncoding::parse(request).unwrap_or_else(|_unreadable| AcceptEncoding(Vec::new()));
        let brotli = || Some(("br", self.brotli()?));
        let gzip = || Some(("gzip", self.gzip()?));
        let first = prefers(&accepted, Encoding::brotli()).then(brotli).flatten();
        let wanted = first.or_else(|| prefers(&accepted, Encoding::gzip()).then(gzip).flatten());
        match wanted {
            Some((name, body)) => answer.insert_header((header::CONTENT_ENCODING, name)).body(body),
            None => answer.body(self.plain.clone()),
        }
    }

    fn brotli(&self) -> Option<Bytes> {
        self.brotli.get_or_init(|| self.smaller(brotli)).clone()
    }

    fn gzip(&self) -> Option<Bytes> {
        self.gzip.get_or_init(|| self.smaller(gzip)).clone()
    }

    /// The compressed content if it is smaller. None for a file that is compressed by its own format.
    fn smaller(&self, compress: impl FnOnce(&[u8]) -> io::Result<Vec<u8>>) -> Option<Bytes> {
        let is_compressed = self.content_type == "image/png";
        let compressed = (!is_compressed).then(|| compress(&self.plain).ok()).flatten()?;
        Some(compressed).filter(|compressed| compressed.len() < self.plain.len()).map(Bytes::from)
    }
}

/// Whether a client prefers this encoding to an uncompressed answer.
fn prefers(accepted: &AcceptEncoding, encoding: Encoding) -> bool {
    let offered = [encoding.clone(), Encoding::identity()];
    !accepted.is_empty() && accepted.negotiate(offered.iter()) == Some(encoding)
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut writer = CompressorWriter::new(&mut compressed, content.len().max(1), BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(content)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn version(content: &[u8]) -> String {
    let digest = sha256(content);
    URL_SAFE_NO_PAD.encode(digest.as_bytes().iter().take(12).copied().collect::<Vec<_>>())
}

/// The media type of a file name.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn encoding(file: &ServedFile, accepted: &str) -> String {
        let request = TestRequest::default().insert_header((header::ACCEPT_ENCODING, accepted)).to_http_request();
        let answer = file.send(&request, "no-cache");
        let encoding = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned());
        encoding.unwrap_or_default()
    }

    #[test]
    fn a_client_gets_the_best_encoding_that_it_accepts() {
        let file = ServedFile::new("text/plain", "heirloom ".repeat(100));
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("br", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("gzip;q=0, br;q=0", ""),
            ("identity", ""),
            ("identity;q=1, gzip;q=0.5, br;q=0.5", ""),
            ("zstd", ""),
            ("", ""),
            (";;;q=x", ""),
        ] {
            assert_eq!(encoding(&file, accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn what_compression_does_not_shrink_is_sent_as_it_is() {
        assert_eq!(encoding(&ServedFile::new("image/png", vec![0; 10_000]), "br, gzip"), "", "a format of its own");
        assert_eq!(encoding(&ServedFile::new("text/plain", "x"), "br, gzip"), "");
        assert_eq!(encoding(&ServedFile::new("text/plain", ""), "br, gzip"), "");
    }

    /// The answers share one buffer: only the first request compresses.
    #[test]
    fn a_file_is_compressed_once() {
        let file = ServedFile::new("text/plain", "heirloom ".repeat(100));
        assert_eq!(file.brotli().unwrap().as_ptr(), file.brotli().unwrap().as_ptr());
        assert_eq!(file.gzip().unwrap().as_ptr(), file.gzip().unwrap().as_ptr());
        let mut plain = String::new();
        io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*file.gzip().unwrap()), &mut plain).unwrap();
        assert_eq!(plain.as_bytes(), &*file.plain);
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &*file.brotli().unwrap(), &mut plain).unwrap();
        assert_eq!(plain, &*file.plain);
    }
}
