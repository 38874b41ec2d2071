//! The specification, as tests: a real server on a real Postgres, asked over real HTTP.
//!
//! One file for each part of the specification (`docs/spec`). The caller is a type (`support/people.rs`), what is
//! expected of an answer
//! is a word (`support/answer.rs`). Needs nothing but installed Postgres binaries: the tests start a cluster of their
//! own, which is gone with them. No test measures time; where something must come to pass, it is waited for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]
#![allow(unreachable_pub, reason = "what the tests share stands in one module")]

mod access;
mod access_tokens;
mod actors;
mod admin;
mod admin_step_up;
mod assets;
mod audit;
mod audit_alarms;
mod batches;
mod change_of_address;
mod client_frame;
mod confirmations;
mod database_roles;
mod deletion;
mod emails;
mod enrolment;
mod enrolment_passkeys;
mod factor_recovery;
mod factor_reset;
mod factors;
mod guessing;
mod hashing;
mod health;
mod http_bodies;
mod http_framing;
mod http_layers;
mod http_methods;
mod invariant_3;
mod invitations;
mod leaks;
mod links;
mod lists;
mod me;
mod metrics;
mod my_events;
mod my_factors;
mod my_passkeys;
mod openapi;
mod origin;
mod outage;
mod outbox;
mod overview;
mod pages;
mod passkey_sign_in;
mod passkeys;
mod password_reset;
mod password_reset_pages;
mod presented_tokens;
mod refresh;
mod refresh_races;
mod refresh_refused;
mod register;
mod registration;
mod registration_pages;
mod repeated_events;
mod revocation_stream;
mod second_factor;
mod second_factor_pages;
mod service_tokens;
mod sign_in;
mod sign_out;
mod step_up;
mod storage;
mod strangers;
mod support;
mod takeover;
mod trusted_devices;
mod two_instances;
mod undone_changes;
mod upstream_admin;
mod upstream_apps;
mod upstream_events;
mod upstream_floods;
mod upstream_linking;
mod upstream_no_email;
mod upstream_pre_hijacking;
mod upstream_sign_in;
mod upstream_step_up;
mod verifier;
mod without_script;
