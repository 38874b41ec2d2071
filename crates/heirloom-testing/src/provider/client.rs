//! What every stub knows of Heirloom.

/// What Heirloom is called there.
pub const CLIENT_ID: &str = "heirloom-at-the-stub";
/// Its secret there.
pub const CLIENT_SECRET: &str = "the-secret-of-heirloom-at-the-stub";
/// Its team at Apple.
pub const APPLE_TEAM: &str = "TEAM123456";
/// Its key at Apple.
pub const APPLE_KEY: &str = "KEY1234567";
