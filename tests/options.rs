//! `.env.example` and the options that are read are the same list.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail loudly")]

use heirloom::config::{names, upstream_keys};
use std::{collections::BTreeSet, fs};

///
#[test]
fn every_option_is_in_the_example_and_nothing_else_is() {
    let example = fs::read_to_string(".env.example").unwrap();
    let options = example.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let named = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let listed: BTreeSet<_> = options.map(|(name, _)| name).filter(named).collect();
    assert_eq!(listed, names::ALL.iter().copied().collect());
}

/// Their names begin with one that the operator chooses.
#[test]
fn every_option_of_a_provider_is_described() {
    let described = fs::read_to_string("docs/sign-in-with.md").unwrap();
    let is_missing = |key: &&str| !described.contains(&format!("_{key}"));
    assert_eq!(upstream_keys().into_iter().filter(is_missing).collect::<Vec<_>>(), Vec::<&str>::new());
}

///
#[test]
fn the_defaults_in_the_example_are_a_good_configuration() {
    let example = fs::read_to_string(".env.example").unwrap();
    let lines = example.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let pairs = lines.filter(|(name, _)| names::ALL.contains(name));
    let source = heirloom::config::Source::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let config = heirloom::config::Config::from_source(source).unwrap();
    let default = heirloom::config::Config::from_source(heirloom::config::Source::default()).unwrap();
    assert_eq!(format!("{:?}", config.http), format!("{:?}", default.http));
    assert_eq!(format!("{:?}", config.sessions), format!("{:?}", default.sessions));
    assert_eq!(format!("{:?}", config.accounts), format!("{:?}", default.accounts));
    assert_eq!(format!("{:?}", config.tokens), format!("{:?}", default.tokens));
}
