//! The layers that run the case table.

mod native;
mod wasm;

pub use native::Native;
pub use wasm::{Wasm, WasmError};

/// A snapshot as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The sections' bytes.
    pub sections: Vec<Vec<u8>>,
}
