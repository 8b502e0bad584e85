//! Protocol versions and the two eras they fall into.

/// The first version without handshake and sessions. Its requests say their version in `_meta`, its
/// results their type.
pub const STATELESS_VERSION: &str = "2026-07-28";

/// The versions with a handshake, as clients send them in `MCP-Protocol-Version`.
const LEGACY_VERSIONS: [&str; 5] = [
    "2024-10-07",
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
];

/// What a message belongs to. One endpoint serves both, request by request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Era {
    /// Up to 2025-11-25: `initialize`, sessions, requests from server to client.
    #[default]
    Legacy,
    /// Since 2026-07-28: every request stands for itself.
    Stateless,
}

/// Whether a version is one of the legacy era.
pub fn is_known_legacy(version: &str) -> bool {
    LEGACY_VERSIONS.contains(&version)
}
