//! The names of the application that this crate serves. Nothing else in it knows which one that is.

/// The database.
pub const DATABASE: &str = "heirloom";
/// The role that Postgres itself is administered with.
pub const SUPERUSER: &str = "postgres";
/// The role that owns the database and everything in it.
pub const OWNER: &str = "heirloom";
/// The role that requests run as.
pub const RUNTIME: &str = "heirloom_runtime";
/// Where the cluster goes when its account cannot reach the data directory.
pub const ELSEWHERE: &str = "/var/lib/heirloom";
/// What the name of a socket folder in `/tmp` begins with.
pub const SOCKET_PREFIX: &str = "heirloom-";
