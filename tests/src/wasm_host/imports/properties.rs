//! Properties and filter state.

use wasmtime::Linker;

use crate::wasm_host::Status;
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::Host;

use super::host_call;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_get_property",
            |caller: Calling<'_>, path: u32, path_size: u32, out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    let path = memory::read(caller, path, path_size)?;
                    let value = property(caller.data(), &path).ok_or(Status::NotFound)?;
                    memory::give(caller, &value, out, size_out)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_set_property",
            |caller: Calling<'_>, path: u32, path_size: u32, value: u32, value_size: u32| {
                host_call(caller, |caller| {
                    let path = memory::text(caller, path, path_size)?;
                    let value = memory::read(caller, value, value_size)?;
                    let host = caller.data_mut();
                    let context = host.context();
                    let stream = host.streams.get_mut(&context).ok_or(Status::NotFound)?;
                    stream.filter_state.insert(path, value);
                    Ok(())
                })
            },
        )?;
    Ok(())
}

/// What the test gave the request, else what the guest wrote before, else the plugin's identity
/// and the response code.
fn property(host: &Host, path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    let stream = host.streams.get(&host.context());
    let given = stream.and_then(|stream| stream.properties.get(path));
    let written = || {
        let path = str::from_utf8(path).ok()?;
        stream.and_then(|stream| stream.filter_state.get(path))
    };
    if let Some(value) = given.or_else(written) {
        return Some(value.clone());
    }
    let plugin = &host.roots.get(&host.root_of_context())?.plugin;
    match path {
        b"plugin_name" => Some(plugin.name.clone().into_bytes()),
        b"plugin_root_id" => Some(plugin.root_id.clone().into_bytes()),
        b"plugin_vm_id" => Some(plugin.vm_id.clone().into_bytes()),
        b"response\0code" => {
            let code = stream?
                .response
                .headers
                .as_ref()?
                .text(":status")?
                .parse::<i64>()
                .ok()?;
            Some(code.to_le_bytes().to_vec())
        }
        _ => None,
    }
}
