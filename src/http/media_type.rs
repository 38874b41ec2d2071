use super::cookies::trimmed;
use actix_web::{HttpRequest, http::header};

/// The media type of a body (RFC 9110 §8.3.1): compared without regard to case, with whitespace allowed around `;`.
pub struct MediaType<'a> {
    essence: &'a [u8],
    charset: Option<&'a [u8]>,
}

impl<'a> MediaType<'a> {
    /// Reads the `Content-Type` header. None where it is missing or sent twice.
    pub fn of(request: &'a HttpRequest) -> Option<Self> {
        let mut sent = request.headers().get_all(header::CONTENT_TYPE);
        let (Some(only), None) = (sent.next(), sent.next()) else { return None };
        let mut parts = only.as_bytes().split(|byte| *byte == b';').map(trimmed);
        let essence = parts.next()?;
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_at_checked(b"charset=".len())?;
            name.eq_ignore_ascii_case(b"charset=").then(|| unquoted(value))
        });
        Some(Self { essence, charset })
    }

    /// Whether it is this type, such as `application/json`.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence.as_bytes())
    }

    /// Whether the text is UTF-8, which it is unless it states otherwise.
    pub fn is_utf8(&self) -> bool {
        self.charset.is_none_or(|charset| charset.eq_ignore_ascii_case(b"utf-8"))
    }
}

/// No charset's name needs the escapes that a quoted string may hold.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn is_json(content_type: &'static str) -> bool {
        let request = TestRequest::default().insert_header((header::CONTENT_TYPE, content_type)).to_http_request();
        MediaType::of(&request).is_some_and(|media| media.is("application/json") && media.is_utf8())
    }

    #[test]
    fn a_media_type_is_read_as_the_rfc_writes_it() {
        for json in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; charset=utf-8",
            "application/json\t;\tCHARSET=\"UTF-8\"",
            "application/json; a=b; charset=utf-8",
            "application/json;",
        ] {
            assert!(is_json(json), "{json}");
        }
        for other in [
            "application/json; charset=latin1",
            "application/jsonp",
            "text/json",
            "application/json, text/html",
            "application /json",
            "",
        ] {
            assert!(!is_json(other), "{other}");
        }
    }
}
