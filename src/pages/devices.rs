use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The names of browsers and systems, each with the substrings of user agents by which it is recognised. The first match
/// counts: browsers name each other in their user agents.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Devices {
    browsers: Vec<Vec<String>>,
    systems: Vec<Vec<String>>,
}

/// The table of `locales/devices.json`. The pages get it as data, for `static/device.js`.
pub(super) static DEVICES: LazyLock<Devices> = LazyLock::new(|| {
    let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/devices.json"));
    // A test reads it.
    serde_json::from_str(table).unwrap_or_default()
});

/// What a user needs to recognise a device, from its user agent: "Chrome · Windows". Empty if nothing is recognised. It
/// never repeats a part of the user agent, which the sender chose: the result may go into an email.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    let parts = [&DEVICES.browsers, &DEVICES.systems].map(|table| named(table, user_agent));
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn named<'a>(table: &'a [Vec<String>], user_agent: &str) -> Option<&'a str> {
    table.iter().find_map(|entry| {
        let (name, signs) = entry.split_first()?;
        signs.iter().any(|sign| user_agent.contains(sign.as_str())).then_some(name.as_str())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    /// The same examples hold for `static/device.js`.
    #[test]
    fn every_example_is_recognised() {
        let examples = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/javascript/devices.json"));
        let examples: Vec<(String, Option<String>, Option<String>)> = serde_json::from_str(examples).unwrap();
        assert!(examples.len() > 10);
        for (user_agent, browser, system) in examples {
            let expected = [browser, system].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            assert_eq!(device_name(&user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn nothing_of_an_unknown_user_agent_is_repeated() {
        for user_agent in ["curl/8.0", "https://evil.example/ call 555", "<b>", "Mozilla/5.0 (visit evil.example)"] {
            assert_eq!(device_name(user_agent), "");
        }
        assert_eq!(device_name("visit evil.example Chrome/1 Windows"), "Chrome · Windows");
    }
}
