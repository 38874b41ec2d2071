use super::{Origin, PublicUrl, Reader, names};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::net::IpAddr;

/// Passkeys and security keys.
#[derive(Debug, Clone)]
pub struct PasskeyOptions {
    /// Whether they are offered. Never where the public URL has an address in place of a name.
    pub enabled: bool,
    /// The domain that passkeys are bound to. A passkey of another one is never offered again by any browser.
    pub rp_id: String,
    /// The origins whose ceremonies count: the public URL's, and others that were configured.
    pub origins: Vec<String>,
}

/// How Android names an app: the SHA-256 of its signing certificate, base64url.
const ANDROID: &str = "android:apk-key-hash:";
const A_DOMAIN: &str = "the public URL's host or a domain above it, such as example.com: browsers refuse any other";

pub(super) fn read(reader: &mut Reader, public_url: &PublicUrl) -> PasskeyOptions {
    let host = public_url.host().to_owned();
    // Browsers have no passkeys for an address in place of a name.
    let has_name = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
    PasskeyOptions {
        enabled: reader.choice(names::PASSKEYS, true, &[("on", true), ("off", false)]) && has_name,
        rp_id: reader.parsed(names::PASSKEY_RP_ID, host.clone(), A_DOMAIN, |text| {
            (text == host || is_above(text, &host)).then(|| text.to_owned())
        }),
        origins: [vec![public_url.origin().as_str().to_owned()], others(reader)].concat(),
    }
}

/// Whether a domain of two labels or more is above a host (HTML §7.5.2, "registrable domain suffix").
fn is_above(domain: &str, host: &str) -> bool {
    let is_name = host.parse::<IpAddr>().is_err();
    is_name && domain.contains('.') && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Each is refused with its own reason.
fn others(reader: &mut Reader) -> Vec<String> {
    let named = reader.raw(names::PASSKEY_ORIGINS).unwrap_or_default();
    let mut origins = Vec::new();
    for text in named.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match origin(text) {
            Ok(origin) => origins.push(origin),
            Err(why) => reader.problem(names::PASSKEY_ORIGINS, &format!("names {text:?}: {why}")),
        }
    }
    origins
}

fn origin(text: &str) -> Result<String, String> {
    let Some(hash) = text.strip_prefix(ANDROID) else {
        let origin = Origin::of_client(text).map_err(|error| error.to_string())?;
        return Ok(origin.as_str().to_owned());
    };
    let is_a_hash = URL_SAFE_NO_PAD.decode(hash).is_ok_and(|bytes| bytes.len() == 32);
    if is_a_hash {
        Ok(text.to_owned())
    } else {
        Err("an app ends with the SHA-256 of its certificate in base64url, 43 characters without padding".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError, PasskeyOptions, Source};

    const APP: &str = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck";

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<PasskeyOptions, ConfigError> {
        let url = ("HEIRLOOM_PUBLIC_URL", "https://auth.example.com");
        let source = Source::from_pairs([&[url], pairs].concat());
        Config::from_source(source).map(|config| config.passkeys)
    }

    #[test]
    fn passkeys_are_bound_to_the_public_urls_host_unless_a_domain_above_it_is_named() {
        let rp_id = |text| read(&[("HEIRLOOM_PASSKEY_RP_ID", text)]).map(|options| options.rp_id).ok();
        assert_eq!(read(&[]).map(|options| options.rp_id).ok().as_deref(), Some("auth.example.com"));
        assert_eq!(rp_id("auth.example.com").as_deref(), Some("auth.example.com"));
        assert_eq!(rp_id("example.com").as_deref(), Some("example.com"));
        for wrong in ["com", "ample.com", ".example.com", "app.example.com", "example.org", "https://example.com"] {
            assert_eq!(rp_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn other_origins_are_web_sites_and_apps() {
        let origins = |text| read(&[("HEIRLOOM_PASSKEY_ORIGINS", text)]).map(|options| options.origins).ok();
        let public = "https://auth.example.com";
        assert_eq!(read(&[]).map(|options| options.origins).ok(), Some(vec![public.to_owned()]));
        let both: &'static str = Box::leak(format!(" https://App.example.com:443/ ,{APP}").into_boxed_str());
        let expected = [public, "https://app.example.com", APP].map(str::to_owned).to_vec();
        assert_eq!(origins(both), Some(expected));
        for wrong in ["*", "example.com", "android:apk-key-hash:", "android:apk-key-hash:AAAA", "null"] {
            assert_eq!(origins(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn passkeys_can_be_switched_off() {
        assert_eq!(read(&[("HEIRLOOM_PASSKEYS", "off")]).map(|options| options.enabled).ok(), Some(false));
        assert_eq!(read(&[]).map(|options| options.enabled).ok(), Some(true));
        for address in ["http://127.0.0.1:8080", "http://[::1]:8080"] {
            let source = Source::from_pairs([("HEIRLOOM_PUBLIC_URL", address)]);
            let enabled = Config::from_source(source).map(|config| config.passkeys.enabled);
            assert_eq!(enabled.ok(), Some(false), "{address}");
        }
    }
}
