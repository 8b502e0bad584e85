//! The host functions of the Proxy-Wasm ABI (0.2.1), answered as Envoy answers them.

mod buffers;
mod calls;
mod general;
mod header_maps;
mod metrics;
mod properties;
mod shared;
mod streams;

use wasmtime::{Engine, Linker};

use super::error::{Fault, answer};
use super::memory::Calling;
use super::state::Host;
use super::wasi;

/// Everything that a module may import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    buffers::link(&mut linker)?;
    calls::link(&mut linker)?;
    general::link(&mut linker)?;
    header_maps::link(&mut linker)?;
    metrics::link(&mut linker)?;
    properties::link(&mut linker)?;
    shared::link(&mut linker)?;
    streams::link(&mut linker)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}

/// Runs a host function, unless the module is still initialising.
fn host_call(
    mut caller: Calling<'_>,
    act: impl FnOnce(&mut Calling<'_>) -> Result<(), Fault>,
) -> wasmtime::Result<u32> {
    if caller.data().restricted {
        return Err(wasmtime::Error::msg(
            "restricted_callback: a host call during _initialize",
        ));
    }
    answer(act(&mut caller))
}
