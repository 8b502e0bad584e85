//! Every bound the engine enforces, with its default (DESIGN section 7).

/// Bounds on what one instance takes in, holds and sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest request body in bytes. Default 1 MiB.
    pub max_body_bytes: usize,
    /// Deepest nesting of arrays and objects. Default 64.
    pub max_json_depth: usize,
    /// Most values and keys in one body. Default 100,000.
    pub max_json_nodes: usize,
    /// Longest tool or prompt name in bytes. Default 128.
    pub max_name_bytes: usize,
    /// Longest resource URI in bytes. Default 8 KiB.
    pub max_uri_bytes: usize,
    /// Longest bearer token in bytes. Default 16 KiB.
    pub max_token_bytes: usize,
    /// Longest event of an event stream in bytes. Default 1 MiB.
    pub max_event_bytes: usize,
    /// Longest response that is held to be judged, in bytes. Default 4 MiB.
    pub max_response_bytes: usize,
    /// Most bytes that all exchanges of an instance hold together. Default 64 MiB.
    pub max_held_bytes: usize,
    /// Longest that a client may keep a pruned answer, in milliseconds. Default 60,000.
    pub max_cache_ttl_ms: u64,
    /// Longest content of one kind that an entry keeps, in bytes. Default 4 KiB.
    pub max_content_bytes: usize,
    /// Most bytes of a whole snapshot. Default 8 MiB.
    pub max_snapshot_bytes: usize,
    /// Most bytes of unacknowledged entries about calls. Default 3 MiB.
    pub max_call_ring_bytes: usize,
    /// Most bytes of unacknowledged entries about anonymous refusals. Default 1 MiB.
    pub max_anonymous_ring_bytes: usize,
    /// Anonymous refusals recorded one by one each second; more are coalesced. Default 100.
    pub max_anonymous_entries_per_second: u32,
    /// Verified tokens that are remembered. Default 1,024.
    pub max_cached_tokens: usize,
    /// Credentials for servers that are remembered, and as many that are asked for. Default 1,024.
    pub max_cached_credentials: usize,
    /// Most steps in which it is found out whether a value fits a schema, each a value held against
    /// a part of it. Default 2,000,000.
    pub max_schema_steps: usize,
    /// Longest that a call is held for its decision to be durable, in milliseconds. Default 2,000.
    pub max_ahead_ms: u64,
    /// Most calls that are held for that, of which those of anonymous principals may be a quarter.
    /// Default 1,024.
    pub max_ahead_calls: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        max_body_bytes: 1 << 20,
        max_json_depth: 64,
        max_json_nodes: 100_000,
        max_name_bytes: 128,
        max_uri_bytes: 8 << 10,
        max_token_bytes: 16 << 10,
        max_event_bytes: 1 << 20,
        max_response_bytes: 4 << 20,
        max_held_bytes: 64 << 20,
        max_cache_ttl_ms: 60_000,
        max_content_bytes: 4 << 10,
        max_snapshot_bytes: 8 << 20,
        max_call_ring_bytes: 3 << 20,
        max_anonymous_ring_bytes: 1 << 20,
        max_anonymous_entries_per_second: 100,
        max_cached_tokens: 1_024,
        max_cached_credentials: 1_024,
        max_schema_steps: 2_000_000,
        max_ahead_ms: 2_000,
        max_ahead_calls: 1_024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
