use super::{ConfigError, Source, UnknownName};
use crate::kernel::Duration;
use std::ops::RangeInclusive;

/// Reads options one after another and collects every problem, so that all are reported at once.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn new(source: Source) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// What was read, unless there was a problem.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError { problems: self.problems }) }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn unknown_names(&self) -> Vec<UnknownName> {
        self.source.unknown_names()
    }

    /// The raw value.
    pub(super) fn raw(&self, name: &str) -> Option<String> {
        self.source.value(name).map(str::to_owned)
    }

    /// Remembers a problem that does not quote the value.
    pub(super) fn problem(&mut self, name: &str, what: &str) {
        self.problems.push(format!("{name} {what}"));
    }

    /// Remembers a problem with a value that may be shown.
    fn wrong(&mut self, name: &str, value: &str, allowed: &str) {
        let shown: String = value.chars().take(80).collect();
        self.problems.push(format!("{name}={shown:?} is not allowed: {allowed}"));
    }

    /// A value that `parse` understands, or the default.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        default: T,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(value) = self.raw(name) else { return default };
        parse(&value).unwrap_or_else(|| {
            self.wrong(name, &value, allowed);
            default
        })
    }

    /// Any text.
    pub(super) fn text(&mut self, name: &str, default: &str) -> String {
        self.raw(name).unwrap_or_else(|| default.to_owned())
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, name: &str, default: bool) -> bool {
        self.choice(name, default, &[("true", true), ("false", false)])
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, default: T, choices: &[(&str, T)]) -> T {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let allowed = format!("one of {}", words.join(", "));
        self.parsed(name, default, &allowed, |value| {
            choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, choice)| *choice)
        })
    }

    /// A whole number within a range.
    pub(super) fn number(&mut self, name: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, default, &allowed, |value| value.parse().ok().filter(|number| range.contains(number)))
    }

    /// A duration such as `10m` or `14d`, within a range; all of our durations are whole seconds.
    pub(super) fn duration(&mut self, name: &str, default: &str, range: RangeInclusive<&str>) -> Duration {
        let parse = |text: &str| humantime::parse_duration(text).ok();
        let (least, most) = (parse(range.start()).unwrap_or_default(), parse(range.end()).unwrap_or(Duration::MAX));
        let allowed = format!("a duration from {} to {}, such as 90s, 10m, 12h or 14d", range.start(), range.end());
        self.parsed(name, parse(default).unwrap_or_default(), &allowed, |value| {
            parse(value).filter(|span| *span >= least && *span <= most && span.subsec_nanos() == 0)
        })
    }

    /// A comma-separated list, each part of which `parse` understands.
    pub(super) fn list<T>(&mut self, name: &str, allowed: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.parsed(name, Vec::new(), allowed, |value| {
            value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse).collect()
        })
    }
}
