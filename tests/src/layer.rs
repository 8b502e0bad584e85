//! The layers that run the case table.

mod envoy;
mod native;
mod wasm;

pub use envoy::{RealEnvoy, RealEnvoyError};
pub use native::Native;
pub(crate) use native::is_valid;
pub use wasm::{CONTROL_PLANE, Wasm, WasmError, plugin, request};

/// The organization of every case.
pub const ORGANIZATION: &str = "organizations/default";

/// The key that seals handles where a test plays the control plane.
pub const SEALING_KEY: [u8; 64] = [7; 64];

/// A snapshot as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The sections' bytes.
    pub sections: Vec<Vec<u8>>,
}
