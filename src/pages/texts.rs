use crate::http::Language;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue, concurrent::FluentBundle};
use std::{collections::BTreeMap, fmt, sync::Arc};
use unic_langid::LanguageIdentifier;

/// The texts of one language: `locales/<tag>.ftl`, in [Fluent](https://projectfluent.org)'s format.
#[derive(Clone)]
pub(super) struct Texts(Arc<FluentBundle<FluentResource>>, &'static str);

/// A text that cannot be shown. A test tries every text, so only templates of the operator can cause this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextsError {
    /// The file does not parse.
    #[error("locales/{0}.ftl does not parse: {1}")]
    Unparsable(&'static str, String),
    /// No text has this name.
    #[error("there is no text {0:?}: see locales/en.ftl")]
    Missing(String),
    /// A placeholder has no value.
    #[error("the text {0:?} is incomplete: {1}")]
    Incomplete(String, String),
}

/// The file, compiled in.
fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/en.ftl")),
        Language::Korean => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/ko.ftl")),
    }
}

impl Texts {
    /// Reads the texts of a language.
    pub fn load(language: Language) -> Result<Self, TextsError> {
        let refused = |reason: String| TextsError::Unparsable(language.tag(), reason);
        let resource = FluentResource::try_new(source(language).to_owned());
        let resource = resource.map_err(|(_, errors)| refused(format!("{errors:?}")))?;
        let tag: LanguageIdentifier = language.tag().parse().map_err(|error| refused(format!("{error}")))?;
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Its direction marks are for pages that mix in languages written from right to left.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).map_err(|errors| refused(format!("{errors:?}")))?;
        Ok(Self(Arc::new(bundle), source(language)))
    }

    /// The text of a name, with values for its placeholders.
    pub fn say(&self, name: &str, filling: &FluentArgs<'_>) -> Result<String, TextsError> {
        let (text, errors) = self.formatted(name, Some(filling)).ok_or_else(|| TextsError::Missing(name.to_owned()))?;
        match errors.first() {
            None => Ok(text),
            Some(error) => Err(TextsError::Incomplete(name.to_owned(), error.to_string())),
        }
    }

    /// Whether there is a text of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.has_message(name)
    }

    /// For a page's script: the texts whose names begin with one of these groups and a dash. Placeholders stay as
    /// `{$name}`: Fluent shows a missing value that way.
    pub fn of_groups(&self, groups: &[String]) -> BTreeMap<&'static str, String> {
        let wanted = |name: &&str| {
            groups.iter().any(|group| name.strip_prefix(group.as_str()).is_some_and(|rest| rest.starts_with('-')))
        };
        let text = |name| Some((name, unbroken(&self.formatted(name, None)?.0)));
        names(self.1).filter(wanted).filter_map(text).collect()
    }

    #[cfg(test)]
    pub fn all_names(&self) -> Vec<&'static str> {
        names(self.1).collect()
    }

    fn formatted(&self, name: &str, filling: Option<&FluentArgs<'_>>) -> Option<(String, Vec<FluentError>)> {
        let pattern = self.0.get_message(name)?.value()?;
        let mut errors = Vec::new();
        let text = self.0.format_pattern(pattern, filling, &mut errors).into_owned();
        Some((text, errors))
    }
}

/// The names of all texts in a file.
fn names(source: &'static str) -> impl Iterator<Item = &'static str> {
    let begins = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
    source.lines().filter(begins).filter_map(|line| line.split_once(" =").map(|(name, _)| name))
}

/// As a page shows a text: no line ends within "e-mail".
pub(super) fn unbroken(text: &str) -> String {
    text.replace("e-mail", "e\u{2011}mail").replace("E-mail", "E\u{2011}mail")
}

/// Values for the placeholders of a text.
pub(super) fn filling<'a>(pairs: impl IntoIterator<Item = (&'a str, FluentValue<'a>)>) -> FluentArgs<'a> {
    pairs.into_iter().collect()
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Each text's name and placeholders.
    fn outline(language: Language) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut outline = BTreeMap::<_, BTreeSet<_>>::new();
        let mut name = "";
        for line in source(language).lines().filter(|line| !line.starts_with('#')) {
            if let Some(begun) = names(line).next() {
                name = begun;
                assert!(outline.insert(begun, BTreeSet::new()).is_none(), "{begun} is defined twice");
            }
            let ends =
                |rest: &'static str| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
            if let Some(filled) = outline.get_mut(name) {
                filled.extend(line.split('$').skip(1).map(ends));
            }
        }
        outline
    }

    #[test]
    fn every_language_has_every_text_with_the_same_placeholders() {
        let english = outline(Language::English);
        assert!(english.len() > 50, "the outline is read");
        for language in Language::ALL {
            assert_eq!(outline(language), english, "{}", language.tag());
        }
    }

    #[test]
    fn no_text_is_empty_and_every_text_can_be_shown() {
        for language in Language::ALL {
            let texts = Texts::load(language).unwrap();
            for (name, wanted) in outline(language) {
                let said = texts.say(name, &filling(wanted.into_iter().map(|wanted| (wanted, FluentValue::from(3)))));
                assert!(!said.clone().unwrap().trim().is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn the_korean_texts_are_korean() {
        let texts = Texts::load(Language::Korean).unwrap();
        let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        let names = outline(Language::Korean);
        let foreign = names.keys().filter(|name| !is_korean(&texts.formatted(name, None).unwrap().0));
        // Texts that consist of placeholders only.
        let known = BTreeSet::from(["device-both"]);
        assert_eq!(foreign.copied().collect::<BTreeSet<_>>().difference(&known).count(), 0);
    }

    #[test]
    fn a_text_that_names_a_link_quotes_it_as_it_is() {
        let quoting = ["problem-password-required", "admin-unlink-text", "recovery-no-password"];
        for language in Language::ALL {
            let texts = Texts::load(language).unwrap();
            let link = texts.formatted("login-forgot", None).unwrap().0;
            for name in quoting {
                assert!(texts.formatted(name, None).unwrap().0.contains(&link), "{name} in {}", language.tag());
            }
        }
    }

    #[test]
    fn what_is_missing_is_reported() {
        let texts = Texts::load(Language::English).unwrap();
        assert_eq!(texts.say("no-such-text", &filling([])), Err(TextsError::Missing("no-such-text".to_owned())));
        assert!(matches!(texts.say("error-status", &filling([])), Err(TextsError::Incomplete(..))));
        let for_scripts = texts.of_groups(&["error".to_owned()]);
        assert_eq!(for_scripts.get("error-status").map(String::as_str), Some("Error {$number}"));
    }
}
