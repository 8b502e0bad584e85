//! Metrics.

use wasmtime::Linker;

use crate::wasm_host::Status;
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::metric::MetricKind;
use crate::wasm_host::state::Host;

use super::host_call;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_define_metric",
            |caller: Calling<'_>, kind: u32, name: u32, size: u32, out: u32| {
                host_call(caller, |caller| {
                    let name = memory::text(caller, name, size)?;
                    let kind = MetricKind::from_abi(kind).ok_or(Status::BadArgument)?;
                    let host = caller.data_mut();
                    host.node.borrow_mut().metrics.define(kind, &name);
                    let id = host.metrics.define(kind, &name);
                    memory::write_u32(caller, out, id)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_increment_metric",
            |caller: Calling<'_>, id: u32, by: i64| {
                host_call(caller, |caller| {
                    let host = caller.data();
                    let key = host.metrics.resolve(id)?;
                    Ok(host.node.borrow_mut().metrics.increment(key, by)?)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_record_metric",
            |caller: Calling<'_>, id: u32, value: u64| {
                host_call(caller, |caller| {
                    let host = caller.data();
                    let key = host.metrics.resolve(id)?;
                    host.node.borrow_mut().metrics.record(key, value);
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_metric",
            |caller: Calling<'_>, id: u32, out: u32| {
                host_call(caller, |caller| {
                    let host = caller.data();
                    let key = host.metrics.resolve(id)?;
                    let value = host.node.borrow_mut().metrics.value(key)?;
                    memory::write_u64(caller, out, value)
                })
            },
        )?;
    Ok(())
}
