//! What is compared: the same Envoy with different filters, all at once.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    super::{LabError, Stack},
    traffic::{self, MASKED_TOOL},
};
use crate::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyError, EnvoyOptions, Filter, Upstream},
    identity::{Algorithm, IdentityProvider},
};

const MAX_NATIVE_BODY_BYTES: u32 = 1 << 20;

/// What a request goes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// An Envoy that forwards.
    Plain,
    /// This filter: token, rules, both entries.
    Chancery,
    /// The same, with a rule that redacts both ways.
    ChanceryRedacting,
    /// `envoy.filters.http.mcp` and RBAC on its metadata; requests only.
    Native,
}

impl Target {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Plain => "plain Envoy",
            Self::Chancery => "Chancery",
            Self::ChanceryRedacting => "Chancery, redacting",
            Self::Native => "Envoy's mcp + RBAC",
        }
    }
}

/// All of them, running.
#[derive(Debug)]
pub(super) struct Targets {
    plain: Envoy,
    native: Envoy,
    chancery: Stack,
    token: String,
}

impl Targets {
    pub(super) async fn start() -> Result<Self, LabError> {
        let upstream = traffic::upstream().await?;
        let identities = IdentityProvider::generate("https://idp.bench.test", "bench")?;
        let claims = identities.claims("bench@example.test", &["bench"]);
        let token = identities.sign(Algorithm::Es256, &claims)?;

        let control_plane = ControlPlane::start().await?;
        control_plane.apply(&resources(&identities)).await?;
        let options = |filter| {
            let upstreams = vec![Upstream::local("upstream", upstream)];
            EnvoyOptions::new(filter, upstreams, control_plane.address())
        };
        let plain = Envoy::start(&options(Filter::Others(Vec::new()))).await?;
        let native = Envoy::start(&options(Filter::Others(native_filters()))).await?;
        let with_us = options(Filter::Chancery(artifacts::filter()?));
        let chancery = Stack::start(control_plane, &with_us).await?;
        Ok(Self {
            plain,
            native,
            chancery,
            token,
        })
    }

    /// Where a target listens, and its process.
    pub(super) fn of(&self, target: Target) -> Result<(SocketAddr, u32), EnvoyError> {
        let envoy = match target {
            Target::Plain => &self.plain,
            Target::Chancery | Target::ChanceryRedacting => &self.chancery.envoy,
            Target::Native => &self.native,
        };
        Ok((envoy.address()?, envoy.id()))
    }

    /// A good token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

fn resources(identities: &IdentityProvider) -> [Value; 4] {
    let document = |kind: &str, name: &str, spec: Value| {
        let metadata = json!({ "name": name });
        json!({ "apiVersion": "chancery.dev/v1", "kind": kind, "metadata": metadata, "spec": spec })
    };
    let rule = json!({
        "effect": "allow",
        "subjects": { "groups": ["bench"] },
        "servers": ["notes"],
        "tools": ["get_note"],
    });
    let mut masking = rule.clone();
    if let Some(spec) = masking.as_object_mut() {
        spec.insert("tools".to_owned(), json!([MASKED_TOOL]));
        spec.insert("redact".to_owned(), json!(["default"]));
    }
    let endpoint = json!({ "cluster": "upstream", "path": "/mcp" });
    [
        identities.resource("bench"),
        document(
            "Server",
            "notes",
            json!({ "owner": "bench", "endpoints": [endpoint] }),
        ),
        document("Rule", "bench-reads", rule),
        document("Rule", "bench-reads-masked", masking),
    ]
}

/// One allowed method and tool, taken from the request's metadata.
fn native_filters() -> Vec<Value> {
    let is = |path: Value, value: &str| {
        json!({ "sourced_metadata": { "metadata_matcher": {
            "filter": "envoy.filters.http.mcp",
            "path": path,
            "value": { "string_match": { "exact": value } },
        } } })
    };
    let method = is(json!([{ "key": "method" }]), "tools/call");
    let tool = is(json!([{ "key": "params" }, { "key": "name" }]), "get_note");
    let mcp = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp",
        "traffic_mode": "REJECT_NO_MCP",
        "request_storage_mode": "DYNAMIC_METADATA",
        "reject_duplicate_keys": true,
        "max_request_body_size": MAX_NATIVE_BODY_BYTES,
        "parser_config": {
            "methods": [{ "method": "tools/call", "extraction_rules": [{ "path": "params.name" }] }],
        },
    });
    let policy = json!({
        "principals": [{ "any": true }],
        "permissions": [{ "and_rules": { "rules": [method, tool] } }],
    });
    let rbac = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": { "action": "ALLOW", "policies": { "bench-reads": policy } },
    });
    vec![
        json!({ "name": "envoy.filters.http.mcp", "typed_config": mcp }),
        json!({ "name": "envoy.filters.http.rbac", "typed_config": rbac }),
    ]
}
