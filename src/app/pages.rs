use crate::{
    admin,
    config::{BrandOptions, HttpOptions},
    lifecycle, mail, me, openapi,
    pages::{self, Pages, Sample, TemplateError},
    sign_in,
};

/// Loads the pages. Where the operator has templates, each page is rendered once: a broken one stops the start.
///
/// # Errors
/// Names the template, the logo or the text that is wrong.
pub fn load(options: &BrandOptions, http: &HttpOptions) -> Result<Pages, TemplateError> {
    let pages = Pages::load(options, http)?;
    if options.templates_dir.is_some() {
        pages.try_all(samples())?;
    }
    Ok(pages)
}

/// Every page in every state.
fn samples() -> Vec<Sample> {
    [
        pages::page_samples(),
        openapi::page_samples(),
        sign_in::page_samples(),
        lifecycle::page_samples(),
        me::page_samples(),
        mail::email_samples(),
        admin::page_samples(),
    ]
    .concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::{
        audit,
        config::{Config, Source},
        http::Language,
    };

    /// The administration's list of kinds is made of these texts.
    #[test]
    fn every_kind_of_event_has_a_text() {
        for file in ["locales/en.ftl", "locales/ko.ftl"] {
            let texts = std::fs::read_to_string(file).unwrap();
            let named: Vec<_> =
                texts.lines().filter_map(|line| line.strip_prefix("audit-")?.split(" =").next()).collect();
            let mut known: Vec<_> = audit::Kind::ALL.iter().map(|kind| kind.name().replace('_', "-")).collect();
            let mut listed: Vec<_> = named.into_iter().map(str::to_owned).collect();
            known.sort();
            listed.sort();
            assert_eq!(listed, known, "{file}");
        }
    }

    /// Every refusal page must offer a next step.
    #[test]
    fn every_page_in_every_state_offers_a_way_on() {
        let config = Config::from_source(Source::default()).unwrap();
        let pages = load(&config.brand, &config.http).unwrap();
        for (template, context) in samples().into_iter().filter(|(template, _)| !template.starts_with("mail/")) {
            let page = pages.render(Language::English, template, &context).unwrap();
            let main = page.split_once("</div>").unwrap().1.split_once("</main>").unwrap().0;
            assert!(main.contains("<form") || main.contains("<a "), "{template} {context:?}: {main}");
        }
    }

    /// The samples contain input that an attacker would type.
    #[test]
    fn every_page_renders_in_every_language_and_escapes_what_was_typed() {
        let config = Config::from_source(Source::default()).unwrap();
        let pages = load(&config.brand, &config.http).unwrap();
        for (template, context) in samples() {
            for language in Language::ALL {
                let page = pages.render(language, template, &context).unwrap();
                // An email as text.
                if template == "mail/notification.txt" {
                    continue;
                }
                assert!(page.contains("</html>"), "{template}");
                assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())), "{template}");
                for typed in ["<script>alert", "<i>no", "\"><b>", "<b>", "49"] {
                    assert!(!page.contains(typed), "{template}: {typed}\n{page}");
                }
            }
        }
    }
}
