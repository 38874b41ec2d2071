//! What the tests and benches of Heirloom share: databases, servers, HTTP clients.
