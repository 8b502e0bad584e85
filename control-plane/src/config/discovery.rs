//! How the control plane asks servers what they offer, as it is written.

use std::time::Duration;

use chancery_engine::{glob::Glob, wire::Invalid};
use schemars::JsonSchema;
use serde::Deserialize;

use super::invalid;
use crate::discovery::Settings;

/// How the control plane asks servers what they offer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DiscoveryDocument {
    /// The forward proxy that all of it goes through, `HOST:PORT`; `--discovery-proxy` outweighs it.
    #[serde(default)]
    proxy: Option<String>,
    /// The hosts that may be asked, as globs. Where left out: with a proxy any that it lets through,
    /// else none.
    #[serde(default)]
    hosts: Vec<String>,
    /// How often pinned servers are looked at whose entry does not say that, in seconds; 900 where left
    /// out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86400))]
    scan_interval_seconds: Option<u32>,
}

impl DiscoveryDocument {
    pub(super) fn read(self, problems: &mut Vec<Invalid>) -> Settings {
        let mut hosts = Vec::new();
        for (position, text) in self.hosts.iter().enumerate() {
            match Glob::parse(text) {
                Ok(glob) => hosts.push(glob),
                Err(error) => {
                    let field = format!("discovery.hosts[{position}]");
                    let found = format!("`{text}`, which {error}");
                    problems.push(invalid(&field, &found, "a glob (`*`, `?`)"));
                }
            }
        }
        let proxy = self.proxy.and_then(|text| {
            let proxy = text.parse().ok();
            if proxy.is_none() {
                let expected = "a host and a port, such as `proxy.example.com:3128`";
                problems.push(invalid("discovery.proxy", &format!("`{text}`"), expected));
            }
            proxy
        });
        Settings {
            proxy,
            hosts,
            scan_interval: self
                .scan_interval_seconds
                .map(|seconds| Duration::from_secs(seconds.into())),
        }
    }
}
