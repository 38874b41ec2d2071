//! The rules of `docs/spec` and the places that cite them by number: each rule is cited by a test.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may fail loudly")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each document of the specification and the letter of its rules.
const DOCUMENTS: &[(&str, char)] = &[
    ("docs/spec/sessions.md", 'S'),
    ("docs/spec/api.md", 'A'),
    ("docs/spec/security.md", 'C'),
    ("docs/spec/accounts.md", 'L'),
    ("docs/spec/factors.md", 'F'),
    ("docs/spec/upstream.md", 'U'),
    ("docs/spec/revocations.md", 'R'),
];

/// This file, whose examples are not citations.
const THIS: &str = "tests/spec_rules.rs";

/// Where rules are cited.
const FOLDERS: &[&str] = &[
    "src",
    "tests",
    "crates",
    "benches",
    "docs",
    "migrations",
    "ops",
    "script",
    "clients",
    "static",
    "templates",
    "locales",
];

const TOP: &[&str] = &["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// A rule's number, such as S-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rule(char, u32);

impl Rule {
    /// Reads the number that `text` starts with.
    fn starting(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let letter = characters.next().filter(|letter| DOCUMENTS.iter().any(|(_, known)| known == letter))?;
        let rest = characters.as_str().strip_prefix('-')?;
        let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at_checked(end)?;
        let is_word = after.starts_with(|character: char| character.is_alphanumeric() || character == '_');
        if is_word || digits.starts_with('0') { None } else { digits.parse().ok().map(|number| Self(letter, number)) }
    }

    fn name(self) -> String {
        format!("{}-{}", self.0, self.1)
    }
}

/// Every rule that `text` cites.
fn cited(text: &str) -> BTreeSet<Rule> {
    let mut before = ' ';
    let mut rules = BTreeSet::new();
    for (at, character) in text.char_indices() {
        if !before.is_alphanumeric() && !"_-/".contains(before) {
            rules.extend(text.get(at..).and_then(Rule::starting));
        }
        before = character;
    }
    rules
}

/// The numbers that a document defines, in the order in which they stand.
fn defined(document: &str) -> Vec<Rule> {
    let text = fs::read_to_string(document).unwrap();
    text.lines().filter_map(|line| Rule::starting(line.strip_prefix("- **")?)).collect()
}

fn all_defined() -> BTreeSet<Rule> {
    DOCUMENTS.iter().flat_map(|(document, _)| defined(document)).collect()
}

/// Every text file that may cite a rule.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(path: &Path, found: &mut Vec<(PathBuf, String)>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        } else if let Ok(text) = fs::read_to_string(path) {
            found.push((path.to_owned(), text));
        }
    }
    let mut found = Vec::new();
    for place in FOLDERS.iter().chain(TOP) {
        walk(Path::new(place), &mut found);
    }
    // Packages that npm installed for the JavaScript client.
    found.retain(|(path, _)| !path.components().any(|part| part.as_os_str() == "node_modules"));
    found
}

/// The part of a file that is tests.
fn tests_of<'a>(path: &Path, text: &'a str) -> &'a str {
    if path == Path::new(THIS) {
        return "";
    }
    let in_tests = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    if in_tests { text } else { text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) }
}

#[test]
fn each_rule_has_a_number_of_its_own_in_the_document_of_its_letter() {
    for (document, letter) in DOCUMENTS {
        let rules = defined(document);
        assert!(rules.len() > 10, "{document} defines {} rules", rules.len());
        let mut seen = BTreeSet::new();
        for rule in rules {
            assert_eq!(rule.0, *letter, "{document} defines {}", rule.name());
            assert!(seen.insert(rule), "{document} defines {} twice", rule.name());
        }
    }
}

#[test]
fn every_rule_that_is_cited_exists() {
    let rules = all_defined();
    let mut unknown = Vec::new();
    for (path, text) in sources() {
        if path != Path::new(THIS) {
            unknown.extend(cited(&text).difference(&rules).map(|rule| format!("{}: {}", path.display(), rule.name())));
        }
    }
    assert!(unknown.is_empty(), "these rules do not exist:\n{}", unknown.join("\n"));
}

/// Rules that no test holds, and why.
const UNTESTED: &[(&str, &str)] = &[];

#[test]
fn every_rule_is_cited_by_a_test() {
    let mut uncited: BTreeSet<Rule> = all_defined();
    for (path, text) in sources() {
        for rule in cited(tests_of(&path, &text)) {
            uncited.remove(&rule);
        }
    }
    let uncited: Vec<String> = uncited.into_iter().map(Rule::name).collect();
    let excepted: Vec<&str> = UNTESTED.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(uncited, excepted, "left: cited by no test; right: known, with the reason");
}

#[test]
fn every_link_in_a_document_leads_to_a_file() {
    let mut broken = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "md")) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let is_local = !file.is_empty() && !file.contains(':') && !file.contains(char::is_whitespace);
            if is_local && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn each_adr_has_a_number_of_its_own_and_the_same_sections() {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir("docs/adr").unwrap() {
        let path = entry.unwrap().path();
        let (name, text) = (path.display(), fs::read_to_string(&path).unwrap());
        let (number, _) = path.file_name().unwrap().to_str().unwrap().split_once('-').unwrap();
        assert!(numbers.insert(number.to_owned()), "{name}: another ADR has this number");
        assert!(text.starts_with(&format!("# {number}. ")), "{name}: the title begins with the number");
        let mut rest = text.as_str();
        for section in ["\n\nStatus: ", "\n\n## Context\n", "\n\n## Decision\n", "\n\n## Consequences\n"] {
            let parts = rest.split_once(section);
            rest = parts.map_or_else(|| panic!("{name}: no {:?} in its place", section.trim()), |(_, after)| after);
        }
    }
}

#[test]
fn a_citation_is_distinguished_from_text_that_looks_like_one() {
    let rules = |text| cited(text).into_iter().map(Rule::name).collect::<Vec<_>>();
    assert_eq!(rules("S-12, (A-7) and `C-3`."), ["A-7", "C-3", "S-12"]);
    assert_eq!(rules("S-1 to S-8; S-9: x"), ["S-1", "S-8", "S-9"]);
    assert_eq!(rules("HMAC-SHA-256 RSA-3072 AES-256 S-1x S-01 xS-2 S- s-3 /C-5 TAC-1"), [""; 0]);
}
