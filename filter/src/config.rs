//! The plugin's configuration: small, and never policy.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_engine::{
    exchange::Unmatched,
    limits::Limits,
    trust::{InvalidTrustKey, TrustKey, TrustKeys},
};
use serde::Deserialize;

/// What an operator writes in Envoy's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    control_plane_cluster: String,
    node_id: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    trust_keys: TrustKeysValue,
    #[serde(default)]
    unmatched: UnmatchedName,
    /// Keys of `_meta` of which the first that is there names the conversation.
    #[serde(default)]
    conversation_keys: Vec<Box<str>>,
    #[serde(default)]
    limits: LimitValues,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnmatchedName {
    #[default]
    Refuse,
    Pass,
    Observe,
}

/// Whose snapshots are taken; from nobody in particular where left out.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<TrustKeyDocument>")]
struct TrustKeysValue(TrustKeys);

/// A key as `chancery keygen` prints it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustKeyDocument {
    key_id: String,
    /// 32 bytes in base64.
    public_key: String,
}

impl TryFrom<Vec<TrustKeyDocument>> for TrustKeysValue {
    type Error = InvalidTrustKey;

    fn try_from(documents: Vec<TrustKeyDocument>) -> Result<Self, InvalidTrustKey> {
        let read = |TrustKeyDocument { key_id, public_key }| {
            // What is no base64 is no key either, and is refused as such.
            let bytes = STANDARD.decode(public_key).unwrap_or_default();
            TrustKey::new(&key_id, &bytes)
        };
        let keys = documents.into_iter().map(read).collect::<Result<_, _>>()?;
        TrustKeys::new(keys).map(Self)
    }
}

/// Limits that differ from the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "an operator writes them by these names"
)]
struct LimitValues {
    max_body_bytes: Option<usize>,
    max_json_depth: Option<usize>,
    max_json_nodes: Option<usize>,
    max_uri_bytes: Option<usize>,
    max_token_bytes: Option<usize>,
    max_event_bytes: Option<usize>,
    max_response_bytes: Option<usize>,
    max_held_bytes: Option<usize>,
    max_cache_ttl_ms: Option<u64>,
    max_content_bytes: Option<usize>,
    max_snapshot_bytes: Option<usize>,
    max_call_ring_bytes: Option<usize>,
    max_ahead_ms: Option<u64>,
    max_ahead_calls: Option<usize>,
}

/// The configuration, read.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The Envoy cluster of the control plane.
    pub(crate) control_plane_cluster: String,
    /// The node's name.
    pub(crate) node_id: String,
    /// Free labels of the node.
    pub(crate) labels: BTreeMap<String, String>,
    /// Whose snapshots are taken.
    pub(crate) trust: TrustKeys,
    /// What happens to requests that no endpoint matches.
    pub(crate) unmatched: Unmatched,
    /// The keys of `_meta` that name the conversation.
    pub(crate) conversation_keys: Arc<[Box<str>]>,
    /// The bounds.
    pub(crate) limits: Limits,
}

impl Config {
    /// Reads the JSON that Envoy hands over.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(bytes)?;
        let unmatched = match document.unmatched {
            UnmatchedName::Refuse => Unmatched::Refuse,
            UnmatchedName::Pass => Unmatched::Pass,
            UnmatchedName::Observe => Unmatched::Observe,
        };
        Ok(Self {
            control_plane_cluster: document.control_plane_cluster,
            node_id: document.node_id,
            labels: document.labels,
            trust: document.trust_keys.0,
            unmatched,
            conversation_keys: document.conversation_keys.into(),
            limits: document.limits.over(Limits::DEFAULT),
        })
    }
}

impl LimitValues {
    fn over(self, limits: Limits) -> Limits {
        Limits {
            max_body_bytes: self.max_body_bytes.unwrap_or(limits.max_body_bytes),
            max_json_depth: self.max_json_depth.unwrap_or(limits.max_json_depth),
            max_json_nodes: self.max_json_nodes.unwrap_or(limits.max_json_nodes),
            max_uri_bytes: self.max_uri_bytes.unwrap_or(limits.max_uri_bytes),
            max_token_bytes: self.max_token_bytes.unwrap_or(limits.max_token_bytes),
            max_event_bytes: self.max_event_bytes.unwrap_or(limits.max_event_bytes),
            max_response_bytes: self.max_response_bytes.unwrap_or(limits.max_response_bytes),
            max_held_bytes: self.max_held_bytes.unwrap_or(limits.max_held_bytes),
            max_cache_ttl_ms: self.max_cache_ttl_ms.unwrap_or(limits.max_cache_ttl_ms),
            max_content_bytes: self.max_content_bytes.unwrap_or(limits.max_content_bytes),
            max_snapshot_bytes: self.max_snapshot_bytes.unwrap_or(limits.max_snapshot_bytes),
            max_call_ring_bytes: self
                .max_call_ring_bytes
                .unwrap_or(limits.max_call_ring_bytes),
            max_ahead_ms: self.max_ahead_ms.unwrap_or(limits.max_ahead_ms),
            max_ahead_calls: self.max_ahead_calls.unwrap_or(limits.max_ahead_calls),
            ..limits
        }
    }
}
