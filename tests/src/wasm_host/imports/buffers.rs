//! Bodies, messages and configurations.

use wasmtime::Linker;

use crate::wasm_host::Status;
use crate::wasm_host::error::Fault;
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::root::RootState;
use crate::wasm_host::state::Host;
use crate::wasm_host::stream::Direction;

use super::host_call;

/// The buffers of the ABI.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const DOWNSTREAM_DATA: u32 = 2;
const UPSTREAM_DATA: u32 = 3;
const HTTP_CALL_BODY: u32 = 4;
const GRPC_MESSAGE: u32 = 5;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const CALL_DATA: u32 = 8;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_get_buffer_bytes",
            |caller: Calling<'_>, kind: u32, start: u32, size: u32, out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    let bytes = slice(buffer(caller.data(), kind)?, start, size)?.to_vec();
                    memory::give(caller, &bytes, out, size_out)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_get_buffer_status",
            |caller: Calling<'_>, kind: u32, size_out: u32, flags_out: u32| {
                host_call(caller, |caller| {
                    let size = buffer(caller.data(), kind)?.len();
                    let size = u32::try_from(size).ok().ok_or(Status::InternalFailure)?;
                    memory::write_u32(caller, size_out, size)?;
                    memory::write_u32(caller, flags_out, 0)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_set_buffer_bytes",
            |caller: Calling<'_>, kind: u32, start: u32, size: u32, data: u32, data_size: u32| {
                host_call(caller, |caller| {
                    buffer(caller.data(), kind)?;
                    let data = memory::read(caller, data, data_size)?;
                    let host = caller.data_mut();
                    let direction = match kind {
                        REQUEST_BODY => Direction::Request,
                        RESPONSE_BODY => Direction::Response,
                        _ => return Err(Status::BadArgument.into()),
                    };
                    let context = host.context();
                    let stream = host.streams.get_mut(&context).ok_or(Status::BadArgument)?;
                    let body = stream
                        .side_mut(direction)
                        .body_mut()
                        .ok_or(Status::BadArgument)?;
                    Ok(splice(body, start, size, &data)?)
                })
            },
        )?;
    Ok(())
}

/// A buffer that can be read now. One that exists but holds nothing is empty, not missing.
fn buffer(host: &Host, kind: u32) -> Result<&[u8], Status> {
    let root = || host.roots.get(&host.root_of_context());
    let body = |direction| {
        let stream = host.streams.get(&host.context());
        stream.map_or(&[][..], |stream| stream.side(direction).body())
    };
    match kind {
        REQUEST_BODY => Ok(body(Direction::Request)),
        RESPONSE_BODY => Ok(body(Direction::Response)),
        DOWNSTREAM_DATA | UPSTREAM_DATA | CALL_DATA => Ok(&[]),
        HTTP_CALL_BODY => {
            let root = root().filter(|root| root.http_headers.is_some());
            root.map(|root| root.http_body.as_slice())
                .ok_or(Status::NotFound)
        }
        GRPC_MESSAGE => Ok(root().map_or(&[][..], |root| &root.grpc_message)),
        VM_CONFIGURATION => Ok(&host.plugin.vm_configuration),
        PLUGIN_CONFIGURATION => {
            let root = root().filter(|root| root.state == RootState::Configuring);
            root.map(|root| root.plugin.configuration.as_slice())
                .ok_or(Status::NotFound)
        }
        _ => Err(Status::BadArgument),
    }
}

/// The part of a buffer that exists; reading past the end is reading nothing.
fn slice(bytes: &[u8], start: u32, size: u32) -> Result<&[u8], Fault> {
    let end = start.checked_add(size).ok_or(Status::BadArgument)?;
    let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    Ok(bytes.get(index(start)..index(end)).unwrap_or_default())
}

/// What Envoy 1.40 allows: to replace the first bytes (all of them, or none, included), and to
/// append at or past the end.
fn splice(body: &mut Vec<u8>, start: u32, size: u32, data: &[u8]) -> Result<(), Status> {
    let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
    match (at(start), at(size)) {
        (0, replaced) if start == 0 => {
            body.splice(..replaced, data.iter().copied());
            Ok(())
        }
        (end, _) if end == body.len() => {
            body.extend_from_slice(data);
            Ok(())
        }
        (_, _) => Err(Status::BadArgument),
    }
}

#[cfg(test)]
mod tests {
    use super::{slice, splice};
    use crate::wasm_host::Status;

    fn spliced(start: u32, size: u32) -> Result<Vec<u8>, Status> {
        let mut body = b"abcd".to_vec();
        splice(&mut body, start, size, b"XY").map(|()| body)
    }

    #[test]
    fn a_body_can_be_replaced_from_its_start_or_appended_to_and_nothing_else() {
        assert_eq!(spliced(0, 4), Ok(b"XY".to_vec()));
        assert_eq!(spliced(0, 99), Ok(b"XY".to_vec()));
        assert_eq!(spliced(0, 0), Ok(b"XYabcd".to_vec()));
        assert_eq!(spliced(4, 0), Ok(b"abcdXY".to_vec()));
        assert_eq!(spliced(9, 7), Ok(b"abcdXY".to_vec()));
        assert_eq!(spliced(0, 3), Ok(b"XYd".to_vec()));
        assert_eq!(spliced(1, 3), Err(Status::BadArgument));
    }

    #[test]
    fn reading_past_the_end_is_reading_less() {
        assert_eq!(slice(b"abcd", 1, 2).unwrap(), b"bc");
        assert_eq!(slice(b"abcd", 3, 9).unwrap(), b"d");
        assert_eq!(slice(b"abcd", 9, 9).unwrap(), b"");
        assert!(slice(b"abcd", 9, u32::MAX).is_err());
    }
}
