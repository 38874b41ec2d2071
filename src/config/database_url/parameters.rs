use super::DatabaseUrlError;
use crate::config::nearest;

/// A parameter of libpq's (its manual, section 34.1.2), and what becomes of it here.
pub(super) struct Parameter {
    name: &'static str,
    support: Support,
}

enum Support {
    /// Handed on.
    Full,
    /// Handed on if it is one of these.
    Among(&'static [&'static str]),
    /// These ask for what happens anyway; others cannot be honoured.
    Only(&'static [&'static str]),
    /// What to do instead.
    Not(&'static str),
}

const LIVENESS: Support = Support::Not("leave it out; every connection is tested before use, and has time limits");
const NO_KERBEROS: Support = Support::Not("leave it out and sign in with a password or a client certificate");
const NO_OAUTH: Support = NO_KERBEROS;
const NO_CRL: Support = Support::Not("use short-lived server certificates or a private authority in `sslrootcert`");
const VERIFY: Support = Support::Not("use sslmode=verify-full to be sure of the server");

const KNOWN: &[Parameter] = &[
    of("host", Support::Full),
    of("hostaddr", Support::Full),
    of("port", Support::Full),
    of("dbname", Support::Full),
    of("user", Support::Full),
    of("password", Support::Full),
    of("options", Support::Full),
    of("application_name", Support::Full),
    of("sslmode", Support::Among(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])),
    of("sslrootcert", Support::Full),
    of("sslcert", Support::Full),
    of("sslkey", Support::Full),
    // Not libpq's: sqlx writes it.
    of("statement-cache-capacity", Support::Full),
    // As JDBC writes it; libpq reads it as sslmode=require.
    of("ssl", Support::Among(&["true"])),
    of("client_encoding", Support::Only(&["UTF8", "utf8", "UTF-8", "utf-8", "auto"])),
    of("target_session_attrs", Support::Only(&["any", "read-write", "primary"])),
    of("load_balance_hosts", Support::Only(&["disable"])),
    of("channel_binding", Support::Only(&["disable", "prefer"])),
    of("gssencmode", Support::Only(&["disable", "prefer"])),
    of("sslnegotiation", Support::Only(&["postgres"])),
    of("sslcompression", Support::Only(&["0"])),
    of("sslcertmode", Support::Only(&["allow"])),
    of("sslsni", Support::Only(&["1"])),
    of("ssl_min_protocol_version", Support::Only(&["TLSv1", "TLSv1.1", "TLSv1.2"])),
    of("ssl_max_protocol_version", Support::Only(&["TLSv1.3"])),
    of("min_protocol_version", Support::Only(&["3.0"])),
    of("max_protocol_version", Support::Only(&["3.0"])),
    of("passfile", Support::Not("set PGPASSFILE in the environment, or use ~/.pgpass")),
    of("service", Support::Not("write host, database and user into the URL")),
    of("servicefile", Support::Not("write host, database and user into the URL")),
    of("fallback_application_name", Support::Not("use `application_name`")),
    of("connect_timeout", Support::Not("leave it out; a connection always has five seconds")),
    of("tcp_user_timeout", LIVENESS),
    of("keepalives", LIVENESS),
    of("keepalives_idle", LIVENESS),
    of("keepalives_interval", LIVENESS),
    of("keepalives_count", LIVENESS),
    of("replication", Support::Not("leave it out")),
    of("requiressl", Support::Not("use sslmode=require, or better verify-full")),
    of("requirepeer", Support::Not("leave it out; give the socket's folder to that account only")),
    of("require_auth", VERIFY),
    of("sslpassword", Support::Not("use a key without a passphrase that only this server's account may read")),
    of("sslkeylogfile", Support::Not("leave it out")),
    of("sslcrl", NO_CRL),
    of("sslcrldir", NO_CRL),
    of("krbsrvname", NO_KERBEROS),
    of("gsslib", NO_KERBEROS),
    of("gssdelegation", NO_KERBEROS),
    of("scram_client_key", Support::Not("use `password`")),
    of("scram_server_key", Support::Not("use `password`")),
    of("oauth_issuer", NO_OAUTH),
    of("oauth_client_id", NO_OAUTH),
    of("oauth_client_secret", NO_OAUTH),
    of("oauth_scope", NO_OAUTH),
];

const fn of(name: &'static str, support: Support) -> Parameter {
    Parameter { name, support }
}

/// The parameter of that name. A name that is unknown is quoted only where it `may_be_shown`.
pub(super) fn known(name: &str, may_be_shown: bool) -> Result<&'static Parameter, DatabaseUrlError> {
    KNOWN.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let is_plain = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte));
        DatabaseUrlError::Unknown {
            name: (may_be_shown && is_plain).then(|| name.to_owned()),
            nearest: nearest(name, KNOWN.iter().map(|parameter| parameter.name)).unwrap_or("sslmode"),
        }
    })
}

/// A parameter with a value that we honour.
pub(super) struct Accepted {
    name: &'static str,
    value: String,
}

impl Accepted {
    /// Under the one name that is read later on.
    pub fn pair(self) -> (&'static str, String) {
        match self.name {
            "ssl" => ("sslmode", "require".to_owned()),
            name => (name, self.value),
        }
    }
}

/// Refuses what we do not honour: a setting is never ignored in silence.
pub(super) fn accepted(parameter: &Parameter, value: String) -> Result<Accepted, DatabaseUrlError> {
    let name = parameter.name;
    match parameter.support {
        Support::Full => Ok(Accepted { name, value }),
        Support::Among(values) | Support::Only(values) if values.contains(&value.as_str()) => {
            Ok(Accepted { name, value })
        }
        Support::Among(values) => {
            Err(DatabaseUrlError::Value { name, allowed: format!("use one of {}", values.join(", ")) })
        }
        Support::Only(values) => {
            let allowed = format!("leave it out, which is {}", values.join(" or "));
            Err(DatabaseUrlError::Value { name, allowed })
        }
        Support::Not(instead) => Err(DatabaseUrlError::Unsupported { name, instead }),
    }
}
