//! Heirloom: the server that keeps people signed in.
//!
//! The map, in reading order. Who may import whom is drawn in `ARCHITECTURE.md` and held by `tests/architecture.rs`.

pub mod kernel;

pub mod config;
pub mod postgres;
pub mod web;

pub mod audit;
pub mod guessing;
pub mod mail;

pub mod accounts;
pub mod keys;

pub mod sessions;

pub mod account;
pub mod admin;
pub mod login;

pub mod app;
pub mod cli;
