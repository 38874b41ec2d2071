use sqlx::postgres::PgConnectOptions;

/// The application name of the pool's connections, and of no others: a migration may end those of them that are idle.
const OUR_NAME: &str = "heirloom";

/// Under the name that the options give, or else this one (also for the private Postgres, whose options give our name:
/// the connection that listens needs one of its own), and without the start-up parameter that poolers refuse.
pub(super) fn named(options: PgConnectOptions, usual: &str) -> PgConnectOptions {
    let given = options.get_application_name().filter(|name| *name != OUR_NAME);
    let name = given.unwrap_or(usual).to_owned();
    options.application_name(&name).extra_float_digits(None)
}
