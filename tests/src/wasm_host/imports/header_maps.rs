//! Header, trailer and metadata maps.

use wasmtime::Linker;

use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::Host;
use crate::wasm_host::stream::{ContextState, Side, Stream};
use crate::wasm_host::{Headers, Status};

use super::host_call;

/// The maps of the ABI.
const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const GRPC_INITIAL_METADATA: u32 = 4;
const GRPC_TRAILING_METADATA: u32 = 5;
const HTTP_CALL_HEADERS: u32 = 6;
const HTTP_CALL_TRAILERS: u32 = 7;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_reads(linker)?;
    link_writes(linker)
}

fn link_reads(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_get_header_map_value",
            |caller: Calling<'_>, kind: u32, name: u32, size: u32, out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let name = memory::read(caller, name, size)?;
                    let host = caller.data();
                    let missing = if is_logging(host) {
                        Status::NotFound
                    } else {
                        Status::BadArgument
                    };
                    let map = readable(host, kind).ok_or(missing)?;
                    let value = map.value(name).ok_or(Status::NotFound)?.to_vec();
                    memory::give(caller, &value, out, size_out)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_header_map_pairs",
            |caller: Calling<'_>, kind: u32, out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let map = readable(caller.data(), kind).filter(|map| !map.is_empty());
                    let pairs = map.map(Headers::to_pairs).unwrap_or_default();
                    memory::give(caller, &pairs, out, size_out)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_header_map_size",
            |caller: Calling<'_>, kind: u32, out: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let map = writable(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
                    let size = u32::try_from(map.byte_size()).unwrap_or(u32::MAX);
                    memory::write_u32(caller, out, size)
                })
            },
        )?;
    Ok(())
}

fn link_writes(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_set_header_map_pairs",
            |caller: Calling<'_>, kind: u32, pairs: u32, size: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let pairs = memory::read(caller, pairs, size)?;
                    let map = writable(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
                    *map = Headers::from_pairs(&pairs);
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_add_header_map_value",
            |caller: Calling<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let name = memory::read(caller, name, name_size)?;
                    let value = memory::read(caller, value, size)?;
                    let map = writable(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
                    map.add(name, value);
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_replace_header_map_value",
            |caller: Calling<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let name = memory::read(caller, name, name_size)?;
                    let value = memory::read(caller, value, size)?;
                    let map = writable(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
                    map.set(name, value);
                    Ok(())
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_remove_header_map_value",
            |caller: Calling<'_>, kind: u32, name: u32, size: u32| {
                host_call(caller, |caller| {
                    check(kind)?;
                    let name = memory::read(caller, name, size)?;
                    let map = writable(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
                    map.remove(name);
                    Ok(())
                })
            },
        )?;
    Ok(())
}

fn check(kind: u32) -> Result<(), Status> {
    if kind <= HTTP_CALL_TRAILERS {
        Ok(())
    } else {
        Err(Status::BadArgument)
    }
}

fn is_logging(host: &Host) -> bool {
    let stream = host.streams.get(&host.context());
    stream.is_some_and(|stream| stream.context == ContextState::Logging)
}

/// The map that can be read now, if any.
fn readable(host: &Host, kind: u32) -> Option<&Headers> {
    let root = || host.roots.get(&host.root_of_context());
    let stream = || host.streams.get(&host.context());
    match kind {
        REQUEST_HEADERS => stream().and_then(|stream| headers(stream, &stream.request)),
        REQUEST_TRAILERS => {
            let stream = stream().filter(|stream| stream.context != ContextState::Logging)?;
            trailers(stream, &stream.request)
        }
        RESPONSE_HEADERS => stream().and_then(|stream| headers(stream, &stream.response)),
        RESPONSE_TRAILERS => stream().and_then(|stream| trailers(stream, &stream.response)),
        GRPC_INITIAL_METADATA => root()?.grpc_initial_metadata.as_ref(),
        GRPC_TRAILING_METADATA => root()?.grpc_trailing_metadata.as_ref(),
        HTTP_CALL_HEADERS => root()?.http_headers.as_ref(),
        HTTP_CALL_TRAILERS => root()?.http_trailers.as_ref(),
        _ => None,
    }
}

fn headers<'a>(stream: &Stream, side: &'a Side) -> Option<&'a Headers> {
    let visible = side.headers_visible || stream.context == ContextState::Logging;
    side.headers.as_ref().filter(|_| visible)
}

fn trailers<'a>(stream: &Stream, side: &'a Side) -> Option<&'a Headers> {
    let visible = side.trailers_visible || stream.context == ContextState::Logging;
    side.trailers.as_ref().filter(|_| visible)
}

/// The map that can be changed now, if any. The access log's maps cannot.
fn writable(host: &mut Host, kind: u32) -> Option<&mut Headers> {
    let context = host.context();
    let stream = host.streams.get_mut(&context)?;
    let (side, of_trailers) = match kind {
        REQUEST_HEADERS => (&mut stream.request, false),
        REQUEST_TRAILERS => (&mut stream.request, true),
        RESPONSE_HEADERS => (&mut stream.response, false),
        RESPONSE_TRAILERS => (&mut stream.response, true),
        _ => return None,
    };
    let (map, visible) = if of_trailers {
        (&mut side.trailers, side.trailers_visible)
    } else {
        (&mut side.headers, side.headers_visible)
    };
    map.as_mut().filter(|_| visible)
}
