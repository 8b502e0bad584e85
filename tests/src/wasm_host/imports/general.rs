//! Logging, time, status, context switching.

use wasmtime::Linker;

use crate::wasm_host::error::answer;
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::Host;
use crate::wasm_host::{LogLevel, Status};

use super::host_call;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_logs_and_time(linker)?;
    link_contexts(linker)
}

fn link_logs_and_time(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_log",
            |caller: Calling<'_>, level: u32, text: u32, size: u32| {
                let logged = (|| {
                    let level = LogLevel::from_abi(level).ok_or(Status::BadArgument)?;
                    let text = memory::read(&caller, text, size)?;
                    caller.data().log(level, &text);
                    Ok(())
                })();
                answer(logged)
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_log_level",
            |caller: Calling<'_>, out: u32| {
                host_call(caller, |caller| {
                    let level = caller.data().node.borrow().config.log_level;
                    memory::write_u32(caller, out, level as u32)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_current_time_nanoseconds",
            |caller: Calling<'_>, out: u32| {
                host_call(caller, |caller| {
                    let now = caller.data().node.borrow().now_ns;
                    memory::write_u64(caller, out, now)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_set_tick_period_milliseconds",
            |caller: Calling<'_>, ms: u32| {
                host_call(caller, |caller| {
                    set_tick_period(caller.data_mut(), ms);
                    Ok(())
                })
            },
        )?;
    Ok(())
}

fn link_contexts(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_get_status",
            |caller: Calling<'_>, code_out: u32, message_out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    let host = caller.data();
                    let root = host.roots.get(&host.root_of_context());
                    let (code, message) = root.map(|root| root.status.clone()).unwrap_or_default();
                    memory::write_u32(caller, code_out, code)?;
                    memory::give(caller, &message, message_out, size_out)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_set_effective_context",
            |caller: Calling<'_>, context: u32| {
                host_call(caller, |caller| {
                    let host = caller.data_mut();
                    if !host.roots.contains_key(&context) && !host.is_stream(context) {
                        return Err(Status::BadArgument.into());
                    }
                    host.effective = context;
                    Ok(())
                })
            },
        )?
        .func_wrap("env", "proxy_done", |caller: Calling<'_>| {
            host_call(caller, |caller| {
                let host = caller.data_mut();
                let root = host.context();
                if host.finish_root(root) {
                    Ok(())
                } else {
                    Err(Status::NotFound.into())
                }
            })
        })?;
    Ok(())
}

/// Starts or stops the timer of the root context; the first tick comes after one period.
fn set_tick_period(host: &mut Host, milliseconds: u32) {
    let now = host.node.borrow().now_ns;
    let period = u64::from(milliseconds).saturating_mul(1_000_000);
    let root = host.root_of_context();
    if let Some(root) = host.roots.get_mut(&root) {
        root.tick_period_ns = period;
        root.next_tick_ns = (period > 0).then(|| now.saturating_add(period));
    }
}
