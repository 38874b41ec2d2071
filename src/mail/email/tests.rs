use super::*;
use crate::config::{Config, Source};

const LINK: &str = "https://auth.example.com/confirm#AZrK-_x";
const CODE: &str = "4821 0937";
const WITHOUT_LINK: &[&str] = &["blocked", "enrolment-code", "email-change-undone"];

fn pages(options: &[(&str, &str)]) -> Pages {
    let config = Config::from_source(Source::from_pairs(options.iter().copied())).unwrap();
    Pages::load(&config.brand, &config.http).unwrap()
}

/// Every kind of email in every language.
fn all(pages: &Pages) -> Vec<(&'static str, Written)> {
    let languages = |notification: Notification| Language::ALL.map(|language| (notification, language));
    let samples = Notification::ALL.into_iter().flat_map(languages);
    let written = |(notification, language)| {
        (Notification::name(notification), write(pages, language, &sample(notification)).unwrap())
    };
    samples.map(written).collect()
}

/// The text that an HTML page shows.
fn shown_text(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1;
    let texts: Vec<_> = body.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text).collect();
    let text = texts.join(" ");
    text.replace("&amp;", "&").replace("&#x27;", "'")
}

/// L-40.
#[test]
fn both_parts_hold_the_link_and_the_code() {
    for (name, Written { subject, text, html }) in all(&pages(&[])) {
        assert!(subject.starts_with("Heirloom: ") && !subject.contains('\n'), "{name}: {subject}");
        let (is_request, has_link) = (name != "blocked" && is_request(name), !WITHOUT_LINK.contains(&name));
        for part in [&text, &shown_text(&html)] {
            assert_eq!(part.contains(LINK), has_link, "{name}: {part}");
            assert_eq!(part.contains(CODE), is_request, "{name}: {part}");
        }
        assert_eq!(html.contains(&format!("href=\"{LINK}\"")), has_link, "{name}");
        assert!(text.lines().any(|line| line == LINK) == has_link, "a link has a line of its own: {text}");
    }
}

fn is_request(name: &str) -> bool {
    Notification::from_name(name).is_some_and(Notification::is_of_confirmation)
}

/// Whatever a mail program does not find in the email itself, it does not load, or asks the user about.
#[test]
fn the_html_needs_nothing_from_elsewhere_and_nothing_that_mail_programs_drop() {
    let dropped = [
        "<script",
        "<style",
        "<link",
        "<img",
        "<form",
        "<iframe",
        "<svg",
        "src=",
        "url(",
        "@import",
        " on",
        "class=",
        "position:",
    ];
    for (name, Written { html, .. }) in all(&pages(&[])) {
        let tags: Vec<_> = html.split('<').filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag).collect();
        let tags = format!("<{}", tags.join("\n<"));
        for what in dropped {
            assert!(!tags.contains(what), "{name}: {what}\n{tags}");
        }
        let others = tags.replace(LINK, "").matches("://").count();
        assert_eq!(others, 0, "{name}: {tags}");
        assert!(
            html.contains("<meta name=\"color-scheme\" content=\"light dark\">") && html.contains("<html lang="),
            "{name}"
        );
    }
}

#[test]
fn the_button_has_the_colour_of_the_brand_and_its_name_is_escaped() {
    let pages = pages(&[("HEIRLOOM_BRAND_NAME", "Acme & <b>Söhne"), ("HEIRLOOM_BRAND_ACCENT", "#5b21b6")]);
    for (name, Written { subject, text, html }) in all(&pages) {
        assert!(subject.contains("Acme & <b>Söhne") && text.contains("Acme & <b>Söhne"), "{name}");
        assert!(html.contains("Acme &amp; &lt;b&gt;S") && !html.contains("<b>"), "{name}: {html}");
        let has_button = !WITHOUT_LINK.contains(&name);
        assert_eq!(html.contains("background:#5b21b6"), has_button, "{name}");
    }
}

/// The parts are for the same user: neither says something that the other does not.
#[test]
fn text_and_html_say_the_same() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    for (name, Written { text, html, .. }) in all(&pages(&[])) {
        let html = words(&shown_text(&html));
        let missing: Vec<_> = words(&text)
            .into_iter()
            .filter(|word| word != "--" && !html.contains(word.trim_end_matches(':')))
            .collect();
        assert!(missing.iter().all(|word| html.contains(word)), "{name}: {missing:?}");
    }
}

#[test]
fn a_line_that_is_too_long_for_a_file_as_it_is_is_encoded() {
    let folder = MailTarget::Folder("mail".into());
    let plain = encoded("안녕하세요\n".to_owned(), &folder);
    assert_eq!((plain.encoding(), plain.into_vec()), (ContentTransferEncoding::EightBit, "안녕하세요\r\n".into()));
    let long = encoded("가".repeat(400), &folder);
    assert_eq!(long.encoding(), ContentTransferEncoding::Base64);
}
