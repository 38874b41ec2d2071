use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{AcceptLanguage, Header, LanguageTag, Preference, QualityItem},
};
use std::cmp::Reverse;

/// A language that the pages speak. Texts stand in `locales/`, one file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// Stores the language that the user selected. It is not a secret, and has no other use.
const COOKIE: &str = "heirloom-language";
/// The parameter by which it is chosen.
const PARAMETER: &str = "lang";
/// How long a choice is remembered.
const REMEMBERED: Duration = Duration::days(365);

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// As it stands in `lang` attributes (RFC 5646).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// What its speakers call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
        }
    }

    /// The language of a tag or of one that is narrower: `ko-KR` is Korean.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

/// The language of an answer, and whether it was chosen just now.
#[derive(Debug, Clone, Copy)]
pub struct Chosen {
    /// The language.
    pub language: Language,
    /// Whether the request chose it with `?lang=`.
    pub now: bool,
}

impl Chosen {
    /// `?lang=` goes before what was chosen earlier, that before `Accept-Language`, that before English.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let mut asked = url::form_urlencoded::parse(request.query_string().as_bytes());
        let asked = asked.find(|(name, _)| name == PARAMETER).and_then(|(_, tag)| Language::of_tag(&tag));
        let chosen = || request.cookie(COOKIE).and_then(|cookie| Language::of_tag(cookie.value()));
        let preferred = || AcceptLanguage::parse(request).ok().and_then(|accepted| preferred(&accepted));
        Self { language: asked.or_else(chosen).or_else(preferred).unwrap_or_default(), now: asked.is_some() }
    }

    /// The cookie that keeps a choice made just now.
    #[must_use]
    pub fn cookie(self, secure: bool) -> Option<Cookie<'static>> {
        let cookie = Cookie::build(COOKIE, self.language.tag()).path("/").http_only(true).secure(secure);
        self.now.then(|| cookie.same_site(SameSite::Lax).max_age(REMEMBERED).finish())
    }
}

/// What is wanted most of what we have (RFC 9110 §12.5.4); of two wanted alike, the one named first.
fn preferred(accepted: &AcceptLanguage) -> Option<Language> {
    let quality = |item: &QualityItem<Preference<LanguageTag>>| item.quality;
    let mut wanted: Vec<_> =
        accepted.iter().filter(|item| quality(item) > actix_web::http::header::Quality::ZERO).collect();
    wanted.sort_by_key(|item| Reverse(quality(item)));
    wanted.into_iter().find_map(|item| match &item.item {
        Preference::Specific(tag) => Language::of_tag(tag.as_str()),
        Preference::Any => Some(Language::default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{http::header, test::TestRequest};

    fn spoken(uri: &str, cookie: &str, accepted: &str) -> &'static str {
        let request = TestRequest::with_uri(uri).insert_header((header::ACCEPT_LANGUAGE, accepted));
        let request = request.insert_header((header::COOKIE, format!("heirloom-language={cookie}"))).to_http_request();
        Chosen::of(&request).language.tag()
    }

    #[test]
    fn a_choice_goes_before_what_the_browser_prefers() {
        for (uri, cookie, accepted, expected) in [
            ("/login", "", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
            ("/login", "", "en-US,en;q=0.9,ko;q=0.8", "en"),
            ("/login", "", "ko;q=0.2, en;q=0.7", "en"),
            ("/login", "", "fr, ko;q=0.5, en;q=0.4", "ko"),
            ("/login", "", "ko;q=0, en;q=0.1", "en"),
            ("/login", "", "de", "en"),
            ("/login", "", "*", "en"),
            ("/login", "", "", "en"),
            ("/login", "", ";;;q=x,,", "en"),
            ("/login", "ko", "en", "ko"),
            ("/login?lang=en", "ko", "ko", "en"),
            ("/login?return_to=/x&lang=ko-KR", "en", "en", "ko"),
            ("/login?lang=xx", "ko", "en", "ko"),
            ("/login?lang=", "<script>", "en", "en"),
        ] {
            assert_eq!(spoken(uri, cookie, accepted), expected, "{uri} {cookie} {accepted}");
        }
    }

    #[test]
    fn only_a_choice_made_now_sets_the_cookie() {
        let cookie = |uri| Chosen::of(&TestRequest::with_uri(uri).to_http_request()).cookie(true);
        assert!(cookie("/login").is_none() && cookie("/login?lang=xx").is_none());
        assert_eq!(cookie("/login?lang=ko").as_ref().map(Cookie::value), Some("ko"));
    }
}
