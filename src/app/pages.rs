use crate::{
    account, admin,
    config::BrandOptions,
    login, mail,
    web::{self, Pages, Sample, TemplateError},
};

/// Every page, rendered once before the first visitor: a template of one's own that is broken stops the start.
///
/// # Errors
/// Names the template, the logo or the text that is wrong.
pub fn load(options: &BrandOptions) -> Result<Pages, TemplateError> {
    let pages = Pages::load(options)?;
    pages.try_all(samples())?;
    Ok(pages)
}

/// Every page in every state that the server knows of.
fn samples() -> Vec<Sample> {
    [web::page_samples(), login::page_samples(), account::page_samples(), mail::letter_samples(), admin::page_samples()]
        .concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Source},
        web::Language,
    };

    /// Samples hold what an attacker would type.
    #[test]
    fn every_page_renders_in_every_language_and_escapes_what_was_typed() {
        let pages = load(&Config::from_source(Source::default()).unwrap().brand).unwrap();
        for (template, context) in samples() {
            for language in Language::ALL {
                let page = pages.render(language, template, &context).unwrap();
                assert!(page.contains("</html>"), "{template}");
                assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())), "{template}");
                for typed in ["<script>alert", "<i>no", "\"><b>", "<b>", "49"] {
                    assert!(!page.contains(typed), "{template}: {typed}\n{page}");
                }
            }
        }
    }
}
