use super::*;
use crate::config::{Config, Source};

fn load(pairs: &[(&str, &str)]) -> Result<Pages, TemplateError> {
    let config = Config::from_source(Source::from_pairs(pairs.iter().copied())).unwrap();
    Pages::load(&config.brand, &config.http)
}

/// The text of a template outside of tags, expressions, statements and comments.
fn words(template: &str) -> String {
    let mut rest = template.to_owned();
    for (begin, end) in [
        ("{% block shape %}", "{% endblock %}"),
        ("{#", "#}"),
        ("{%", "%}"),
        ("{{", "}}"),
        ("<svg", "</svg>"),
        ("<", ">"),
    ] {
        while let Some(start) = rest.find(begin) {
            let length = rest.get(start..).unwrap().find(end).unwrap() + end.len();
            rest.replace_range(start..start + length, " ");
        }
    }
    rest.chars().filter(|c| c.is_alphabetic()).collect()
}

/// Attributes that are shown or read out.
fn spoken_attributes(template: &str) -> Vec<&str> {
    let spoken = ["alt=\"", "title=\"", "aria-label=\"", "placeholder=\"", "content=\""];
    let values = spoken.iter().flat_map(|name| template.split(name).skip(1));
    values
        .filter_map(|rest| rest.split('"').next())
        .filter(|value| !value.is_empty() && !value.starts_with("{{"))
        .collect()
}

#[test]
fn no_template_contains_text_of_its_own() {
    assert_eq!(words("<p class=\"x\">a{{ t(\"y\") }}</p>{# no #}"), "a", "the test sees words");
    for (name, text) in templates(None).unwrap() {
        assert_eq!(words(&text), "", "{name}");
        let technical = ["width=device-width, initial-scale=1", "light dark", "noindex"];
        let spoken: Vec<_> = spoken_attributes(&text).into_iter().filter(|value| !technical.contains(value)).collect();
        assert_eq!(spoken, Vec::<&str>::new(), "{name}");
    }
}

/// Groups whose texts are selected by a code: of a problem, an event, a state, an email, a purpose.
const BY_CODE: [&str; 14] = [
    "notice",
    "problem",
    "field",
    "advice",
    "error",
    "state",
    "reason",
    "audit",
    "detail",
    "admin-chart",
    "mail",
    "confirm",
    "confirmed",
    "purpose",
];

fn scripts() -> String {
    let files = fs::read_dir("static").unwrap().map(|entry| entry.unwrap().path());
    let scripts = files.filter(|path| path.extension().is_some_and(|end| end == "js"));
    scripts.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_text_is_used_and_every_text_that_a_script_shows_exists() {
    let (scripts, templates) = (scripts(), templates(None).unwrap().into_values().collect::<String>());
    let texts = Texts::load(Language::English).unwrap();
    let names = texts.all_names();
    let by_code = |name: &str| BY_CODE.iter().any(|group| name.starts_with(&format!("{group}-")));
    let quoted = |name: &&str| {
        ["'", "\"", "`"].iter().any(|mark| format!("{scripts}{templates}").contains(&format!("{mark}{name}{mark}")))
    };
    let idle: Vec<_> = names.into_iter().filter(|name| !by_code(name) && !quoted(name)).collect();
    assert_eq!(idle, Vec::<&str>::new(), "these texts are not used");
    let used = scripts.split("text('").skip(1).filter_map(|rest| rest.split('\'').next());
    let used: Vec<_> = used.collect();
    assert!(used.len() > 50, "the scripts are read");
    assert_eq!(used.into_iter().filter(|name| !texts.has(name)).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_brand_is_on_every_page() {
    let pages = load(&[
        ("HEIRLOOM_BRAND_NAME", "Acme & Söhne"),
        ("HEIRLOOM_BRAND_ACCENT", "#5b21b6"),
        ("HEIRLOOM_TERMS_URL", "https://example.com/terms?a=1&b"),
    ]);
    let pages = pages.unwrap();
    let page = pages.render(Language::Korean, "me/account.html", &context! {}).unwrap();
    assert!(page.contains("<html lang=\"ko\">") && page.contains("Acme &amp; Söhne</span>"), "{page}");
    assert!(page.contains("/static/brand.css") && page.contains("example.com&#x2f;terms?a=1&amp;b"), "{page}");
    assert!(pages.brand_file("brand.css").is_some());
    assert!(pages.brand_file("brand-logo.svg").is_none());
}

#[test]
fn an_unreadable_colour_is_refused_with_the_reason() {
    let message =
        Config::from_source(Source::from_pairs([("HEIRLOOM_BRAND_ACCENT", "#ffcc00")])).unwrap_err().to_string();
    assert!(message.contains("HEIRLOOM_BRAND_ACCENT is too light") && message.contains("1.5"), "{message}");
}

#[test]
fn the_operators_templates_replace_ours_and_a_broken_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = || load(&[("HEIRLOOM_TEMPLATES_DIR", folder.path().to_str().unwrap())]);
    fs::create_dir(folder.path().join("pages")).unwrap();
    let error_page = folder.path().join("pages/error.html");

    fs::write(&error_page, "<h1>{{ t(\"error-back\") }}, {{ brand.name }}</h1>").unwrap();
    let page = load().unwrap().render(Language::English, "pages/error.html", &context! {}).unwrap();
    assert_eq!(page, "<h1>Go to your account, Heirloom</h1>");

    fs::write(&error_page, "{% if %}").unwrap();
    assert!(load().unwrap_err().to_string().contains("pages/error.html"));

    fs::write(&error_page, "{{ t(\"no-such-text\") }}").unwrap();
    let refused = load().unwrap().try_all([("pages/error.html", context! {})]).unwrap_err();
    assert!(matches!(&refused, TemplateError::Broken(name, _) if name == "pages/error.html"), "{refused:?}");

    let missing = super::tests::load(&[("HEIRLOOM_TEMPLATES_DIR", "/nowhere/at/all")]);
    assert!(matches!(missing, Err(TemplateError::Unreadable { .. })));
}

#[test]
fn a_logo_that_cannot_be_shown_is_reported() {
    for path in ["/nowhere/logo.svg", "/nowhere/logo.PNG"] {
        let refused = load(&[("HEIRLOOM_BRAND_LOGO", path)]).unwrap_err();
        assert!(matches!(refused, TemplateError::Brand(BrandError::Unreadable { .. })), "{refused:?}");
    }
    assert!(Config::from_source(Source::from_pairs([("HEIRLOOM_BRAND_LOGO", "logo.gif")])).is_err());
}

/// `static/docs.js` reads its texts by name; the group has no codes.
#[test]
fn every_text_that_the_documentation_page_reads_exists() {
    let script = fs::read_to_string("static/docs.js").unwrap();
    let names: Vec<_> = script.split("texts['").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    let texts = Texts::load(Language::English).unwrap();
    assert!(names.len() > 3 && names.iter().all(|name| texts.has(name)), "{names:?}");
}

#[test]
fn every_page_names_the_origins_at_which_it_works() {
    let pages = load(&[
        ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com"),
        ("HEIRLOOM_ALLOWED_ORIGINS", "https://app.example.com"),
    ]);
    let page = pages.unwrap().render(Language::English, "me/account.html", &context! {}).unwrap();
    let origins = "data-origins=\"https:&#x2f;&#x2f;auth.example.com https:&#x2f;&#x2f;app.example.com\"";
    assert!(page.contains(origins), "{page}");
    assert!(page.contains("Open https:&#x2f;&#x2f;auth.example.com</a>"), "{page}");
}
