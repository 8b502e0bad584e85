//! The guest's memory as host functions use it.

use wasmtime::{Caller, Memory};

use super::Status;
use super::error::Fault;
use super::state::Host;

/// A running host function.
pub(super) type Calling<'a> = Caller<'a, Host>;

fn memory(caller: &Calling<'_>) -> Result<Memory, Fault> {
    caller
        .data()
        .memory
        .ok_or(Fault::Status(Status::InvalidMemoryAccess))
}

/// Copies `size` bytes out of the guest.
pub(super) fn read(caller: &Calling<'_>, pointer: u32, size: u32) -> Result<Vec<u8>, Fault> {
    let outside = Fault::Status(Status::InvalidMemoryAccess);
    let (Ok(start), Ok(size)) = (usize::try_from(pointer), usize::try_from(size)) else {
        return Err(outside);
    };
    let data = memory(caller)?.data(caller);
    let bytes = start.checked_add(size).and_then(|end| data.get(start..end));
    bytes.map(<[u8]>::to_vec).ok_or(outside)
}

/// Copies text out of the guest; what is not UTF-8 is replaced.
pub(super) fn text(caller: &Calling<'_>, pointer: u32, size: u32) -> Result<String, Fault> {
    Ok(String::from_utf8_lossy(&read(caller, pointer, size)?).into_owned())
}

/// Copies bytes into the guest.
pub(super) fn write(caller: &mut Calling<'_>, pointer: u32, bytes: &[u8]) -> Result<(), Fault> {
    let memory = memory(caller)?;
    let start = usize::try_from(pointer).ok();
    let written = start.and_then(|start| memory.write(caller, start, bytes).ok());
    written.ok_or(Fault::Status(Status::InvalidMemoryAccess))
}

pub(super) fn write_u32(caller: &mut Calling<'_>, pointer: u32, value: u32) -> Result<(), Fault> {
    write(caller, pointer, &value.to_le_bytes())
}

pub(super) fn write_u64(caller: &mut Calling<'_>, pointer: u32, value: u64) -> Result<(), Fault> {
    write(caller, pointer, &value.to_le_bytes())
}

/// Hands bytes to the guest in memory that the guest allocates, and writes where they are.
/// Nothing is allocated for no bytes: the guest gets a null pointer.
pub(super) fn give(
    caller: &mut Calling<'_>,
    bytes: &[u8],
    pointer_out: u32,
    size_out: u32,
) -> Result<(), Fault> {
    let size = u32::try_from(bytes.len())
        .ok()
        .ok_or(Status::InternalFailure)?;
    let mut pointer = 0;
    if size > 0 {
        let malloc = caller
            .data()
            .malloc
            .clone()
            .ok_or(Status::InternalFailure)?;
        pointer = malloc.call(&mut *caller, size).map_err(Fault::Trap)?;
        if pointer == 0 {
            return Err(Status::InvalidMemoryAccess.into());
        }
        write(caller, pointer, bytes)?;
    }
    write_u32(caller, pointer_out, pointer)?;
    write_u32(caller, size_out, size)
}
