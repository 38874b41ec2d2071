use super::keys::{Key, PREFIX, is_upstream_name, split};
use crate::config::{Reader, Source};
use std::collections::BTreeSet;

/// The names of all providers, in alphabetical order.
pub(super) fn provider_names(source: &Source) -> Vec<String> {
    let given = source.names().filter(|name| source.value(name).is_some());
    let split = given.filter(|name| is_upstream_name(name)).filter_map(split);
    let chosen: BTreeSet<_> = split.map(|(name, _)| name.to_owned()).collect();
    chosen.into_iter().collect()
}

/// The options of one provider.
pub(super) struct OptionsOf<'r> {
    reader: &'r mut Reader,
    name: String,
}

impl<'r> OptionsOf<'r> {
    pub fn new(reader: &'r mut Reader, name: &str) -> Self {
        Self { reader, name: name.to_owned() }
    }

    /// As the operator chose it, in upper case.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn variable(&self, key: Key) -> String {
        format!("{PREFIX}{}_{}", self.name, key.name())
    }

    pub fn value(&self, key: Key) -> Option<String> {
        self.reader.raw(&self.variable(key))
    }

    /// None, and a problem, if it is missing.
    pub fn required(&mut self, key: Key) -> Option<String> {
        let value = self.value(key);
        if value.is_none() {
            self.problem(key, "is missing");
        }
        value
    }

    pub fn problem(&mut self, key: Key, what: &str) {
        self.reader.problem(&self.variable(key), what);
    }

    pub fn switch(&mut self, key: Key, default: bool) -> bool {
        self.reader.switch(&self.variable(key), default)
    }

    pub fn list(&self, key: Key) -> Vec<String> {
        let text = self.value(key).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}
