//! Letting HTTP streams go, answering and closing them.

use wasmtime::Linker;

use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::{After, Host};
use crate::wasm_host::stream::{Direction, LocalReply, Origin};
use crate::wasm_host::{Headers, Status};

use super::host_call;

/// The stream types of the ABI.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const DOWNSTREAM: u32 = 2;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_continue_stream",
            |caller: Calling<'_>, kind: u32| {
                host_call(caller, |caller| {
                    let host = caller.data_mut();
                    let context = host.context();
                    match kind {
                        REQUEST => host.continue_stream(context, Direction::Request),
                        RESPONSE => host.continue_stream(context, Direction::Response),
                        DOWNSTREAM => {}
                        _ => return Err(Status::BadArgument.into()),
                    }
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_close_stream",
            |caller: Calling<'_>, kind: u32| {
                host_call(caller, |caller| {
                    let host = caller.data_mut();
                    let stream = host.context();
                    match kind {
                        REQUEST | RESPONSE => host.after.push_back(After::CloseStream { stream }),
                        DOWNSTREAM => {}
                        _ => return Err(Status::BadArgument.into()),
                    }
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_send_local_response",
            |caller: Calling<'_>,
             status: u32,
             details: u32,
             details_size: u32,
             body: u32,
             body_size: u32,
             headers: u32,
             headers_size: u32,
             _grpc_status: u32| {
                host_call(caller, |caller| {
                    let details = memory::text(caller, details, details_size)?;
                    let body = memory::read(caller, body, body_size)?;
                    let headers = memory::read(caller, headers, headers_size)?;
                    let reply = LocalReply {
                        status,
                        body,
                        headers: Headers::from_pairs(&headers),
                        details: details.replace(|c: char| c.is_ascii_whitespace(), "_"),
                        origin: Origin::Filter,
                    };
                    let host = caller.data_mut();
                    let stream = host.context();
                    if host.is_stream(stream) {
                        host.after.push_back(After::LocalReply { stream, reply });
                    }
                    host.stop_iteration = true;
                    Ok(())
                })
            },
        )?;
    Ok(())
}
