//! `server.json` of the official MCP registry, read into a server's entry and written from one. Pure.
//!
//! Read are schema 2025-12-11 and what came before it, back to `snake_case` keys, each alone or in the
//! envelope of the registry's API; written is schema 2025-12-11. What is not known here is kept.

mod export;
mod import;
mod package;
mod place;
mod spelling;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use self::{
    export::{NO_VERSION, check, export, remotes},
    import::{Imported, import},
};

/// The schema of what is written.
pub const SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

/// The transport that Envoy carries.
pub const STREAMABLE_HTTP: &str = "streamable-http";

/// A `server.json`, or what stands in its place.
pub type ServerJson = Map<String, Value>;

/// A `server.json` is none, or a server has none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("found {found} at `{pointer}`, expected {expected}")]
pub struct ServerJsonError {
    /// Where: a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is there.
    pub found: String,
    /// What belongs there.
    pub expected: &'static str,
}
