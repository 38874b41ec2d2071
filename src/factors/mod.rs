//! Second factors: passkeys, whose verification is in `passkeys`. Not reachable yet.

pub mod passkeys;
