//! Heirloom: the server that keeps users signed in.
//!
//! The map, in reading order. `ARCHITECTURE.md` draws which room may import which, and it is checked by `tests/architecture.rs`.

pub mod kernel;

pub mod config;
pub mod postgres;
pub mod work;
pub mod world;

pub mod http;
pub mod openapi;
pub mod pages;

pub mod audit;
pub mod confirmations;
pub mod guessing;
pub mod mail;

pub mod identity;
pub mod passwords;
pub mod transfer;
pub mod users;

pub mod factors;
pub mod keys;
pub mod upstream;

pub mod sessions;

pub mod lifecycle;

pub mod admin;
pub mod me;
pub mod sign_in;

pub mod app;
pub mod cli;
