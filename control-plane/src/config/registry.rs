//! Where the registry's API is served, as it is written.

use std::{net::SocketAddr, path::PathBuf};

use chancery_engine::wire::Invalid;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{TlsFiles, invalid};
use crate::resource::name::is_id;

/// Where the registry's API is served, to everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The address; port 0 for any.
    pub listen: SocketAddr,
    /// The id of the organization whose approved servers it tells of.
    pub organization: String,
    /// Its certificate. Absent: plain HTTP, on loopback.
    pub tls: Option<TlsFiles>,
}

impl RegistryConfig {
    /// The organization where nothing else is said.
    pub const ORGANIZATION: &'static str = "default";
}

/// The registry's API v0.1: read-only and for everyone who reaches it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RegistryDocument {
    /// `ADDRESS:PORT`.
    listen: String,
    /// The organization whose approved servers it tells of, by id; `default` where left out.
    #[serde(default)]
    organization: Option<String>,
    /// Its certificate. Only on loopback may it be left out.
    #[serde(default)]
    tls: Option<RegistryTlsDocument>,
}

/// Files in PEM; read again when they change, and on SIGHUP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RegistryTlsDocument {
    /// The server's certificate, followed by what leads from it to a root.
    #[schemars(length(min = 1))]
    certificate: String,
    /// Its private key.
    #[schemars(length(min = 1))]
    key: String,
}

impl RegistryDocument {
    pub(super) fn read(self, problems: &mut Vec<Invalid>) -> Option<RegistryConfig> {
        let Self {
            listen,
            organization,
            tls,
        } = self;
        let organization = organization.unwrap_or_else(|| RegistryConfig::ORGANIZATION.to_owned());
        if !is_id(&organization) {
            let found = format!("`{organization}`");
            let expected = "the id of an organization";
            problems.push(invalid("registry.organization", &found, expected));
        }
        let Ok(listen) = listen.parse::<SocketAddr>() else {
            let expected = "an IP address and a port, such as `0.0.0.0:7402`";
            problems.push(invalid("registry.listen", &format!("`{listen}`"), expected));
            return None;
        };
        if tls.is_none() && !listen.ip().is_loopback() {
            let expected = "a certificate and its key: without TLS it listens on loopback only";
            problems.push(invalid("registry.tls", "nothing", expected));
        }
        let files = |tls: RegistryTlsDocument| TlsFiles {
            certificate: PathBuf::from(tls.certificate),
            key: PathBuf::from(tls.key),
            client_ca: None,
        };
        Some(RegistryConfig {
            listen,
            organization,
            tls: tls.map(files),
        })
    }
}
