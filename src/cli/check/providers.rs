//! Whether the providers with which users sign in answer, and which address is to be registered there.

use super::findings::Findings;
use crate::{config::Config, upstream};

const WHAT: &str = "provider";

pub async fn look(config: &Config, findings: &mut Findings) {
    for provider in &config.upstream.providers {
        let (name, uri) = (&provider.name, upstream::redirect_uri(config, &provider.name));
        match upstream::probe(provider).await {
            Ok(true) => {
                findings.ok(WHAT, format!("{name} publishes its endpoints and keys; its redirect URI is {uri}"));
            }
            Ok(false) => {
                findings.ok(WHAT, format!("{name} cannot be tried without a user; its redirect URI is {uri}"));
            }
            Err(error) => findings.fail(WHAT, format!("{name} cannot be used: {error}")),
        }
    }
}
