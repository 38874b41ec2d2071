use super::{DatabaseUrlError, parameters};
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// libpq's view of a URL: names and values, the later before the earlier. `host` and `port` may be lists.
#[derive(Debug, Default)]
pub(super) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// Takes a URL apart. No URL library reads several hosts with ports, hence by hand; what each part may hold is
    /// checked afterwards.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.ok_or(DatabaseUrlError::Scheme)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let mut settings = Self::default();
        settings.authority(authority)?;
        settings.set("dbname", path.strip_prefix('/').unwrap_or(path), "database name")?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            settings.parameter(pair, query)?;
        }
        Ok(settings)
    }

    /// The value of a parameter; an empty one counts as not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn authority(&mut self, authority: &str) -> Result<(), DatabaseUrlError> {
        // A host holds no @: what stands before the last one is the user's.
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        self.set("user", name, "user name")?;
        self.set("password", password, "password")?;
        let places: Vec<_> = hosts.split(',').map(place).collect::<Result<_, _>>()?;
        let hosts: Vec<_> = places.iter().map(|place| place.host).collect();
        let ports: Vec<_> = places.iter().map(|place| place.port).collect();
        if hosts.iter().any(|host| !host.is_empty()) {
            self.set("host", &hosts.join(","), "host")?;
        }
        self.set("port", &ports.join(","), "port")
    }

    fn parameter(&mut self, pair: &str, query: &str) -> Result<(), DatabaseUrlError> {
        let (name, value) = pair.split_once('=').ok_or(DatabaseUrlError::NoValue)?;
        let name = decoded(name, "parameters")?;
        let value = decoded(value, "parameters")?;
        // Where an @ follows, the query may be the rest of a password whose ? was not encoded.
        let parameter = parameters::known(&name, !query.contains('@'))?;
        let (name, value) = parameters::accepted(parameter, value)?.pair();
        self.0.insert(name, value);
        Ok(())
    }

    fn set(&mut self, name: &'static str, encoded: &str, part: &'static str) -> Result<(), DatabaseUrlError> {
        let value = decoded(encoded, part)?;
        if !value.is_empty() {
            self.0.insert(name, value);
        }
        Ok(())
    }
}

/// A host and its port, each of which may be empty.
struct Place<'a> {
    host: &'a str,
    port: &'a str,
}

fn place(text: &str) -> Result<Place<'_>, DatabaseUrlError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return Ok(Place { host, port });
    };
    let (host, behind) = bracketed.split_once(']').ok_or(DatabaseUrlError::Host)?;
    match behind.strip_prefix(':') {
        _ if host.is_empty() => Err(DatabaseUrlError::Host),
        Some(port) => Ok(Place { host, port }),
        None if behind.is_empty() => Ok(Place { host, port: "" }),
        None => Err(DatabaseUrlError::Host),
    }
}

/// Percent-decoded as libpq does it: a `+` is a plus, and a broken sequence is an error.
fn decoded(text: &str, part: &'static str) -> Result<String, DatabaseUrlError> {
    let wrong = || DatabaseUrlError::Encoding(part);
    let is_byte =
        |rest: &str| rest.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    if !text.split('%').skip(1).all(is_byte) {
        return Err(wrong());
    }
    let value = percent_decode_str(text).decode_utf8().map_err(|_not_utf8| wrong())?;
    // Postgres' protocol ends a text with a zero byte.
    if value.contains('\0') { Err(wrong()) } else { Ok(value.into_owned()) }
}
