//! What Envoy offers of WASI preview 1: logging, clock, randomness, environment; no files.

use wasmtime::Linker;

use super::LogLevel;
use super::error::Fault;
use super::memory::{self, Calling};
use super::state::Host;

const MODULE: &str = "wasi_snapshot_preview1";

/// WASI's error numbers, as far as they occur.
const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// Envoy's limit on one `random_get`.
const MAX_RANDOM_BYTES: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_output(linker)?;
    link_time_and_chance(linker)?;
    link_environment(linker)?;
    link_files(linker)
}

fn errno(result: Result<(), Fault>) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(SUCCESS),
        Err(Fault::Status(_)) => Ok(FAULT),
        Err(Fault::Trap(error)) => Err(error),
    }
}

fn link_output(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            MODULE,
            "fd_write",
            |mut caller: Calling<'_>, file: u32, vectors: u32, count: u32, written_out: u32| {
                let level = match file {
                    1 => LogLevel::Info,
                    2 => LogLevel::Error,
                    _ => return Ok(BADF),
                };
                errno(write_log(&mut caller, level, (vectors, count), written_out))
            },
        )?
        .func_wrap(MODULE, "fd_fdstat_get", |mut caller: Calling<'_>, file: u32, out: u32| {
            if !matches!(file, 1 | 2) {
                return Ok(BADF);
            }
            let mut stat = [0; 24];
            if let Some(rights) = stat.get_mut(8) {
                *rights = 64;
            }
            errno(memory::write(&mut caller, out, &stat))
        })?
        // Envoy does not end the process: the guest runs on into its `unreachable`.
        .func_wrap(MODULE, "proc_exit", |_: Calling<'_>, _: u32| {})?
        .func_wrap(MODULE, "sched_yield", |_: Calling<'_>| SUCCESS)?;
    Ok(())
}

/// Gathers the vectors into one log line.
fn write_log(
    caller: &mut Calling<'_>,
    level: LogLevel,
    (vectors, count): (u32, u32),
    written_out: u32,
) -> Result<(), Fault> {
    let mut text = Vec::new();
    let vectors = memory::read(caller, vectors, count.saturating_mul(8))?;
    for vector in vectors.as_chunks::<8>().0 {
        // An address and then a size, four bytes each, little end first.
        let vector = u64::from_le_bytes(*vector);
        let address = u32::try_from(vector & 0xffff_ffff).unwrap_or_default();
        let size = u32::try_from(vector >> 32).unwrap_or_default();
        text.extend(memory::read(caller, address, size)?);
    }
    let written = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if !text.is_empty() {
        caller
            .data()
            .log(level, text.strip_suffix(b"\n").unwrap_or(&text));
    }
    memory::write_u32(caller, written_out, written)
}

fn link_time_and_chance(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            MODULE,
            "clock_time_get",
            |mut caller: Calling<'_>, clock: u32, _precision: u64, out: u32| {
                let state = caller.data().node.borrow();
                let time = match clock {
                    0 => state.now_ns,
                    1 => state.now_ns.saturating_sub(state.config.start_unix_ns),
                    _ => return Ok(NOTSUP),
                };
                drop(state);
                errno(memory::write_u64(&mut caller, out, time))
            },
        )?
        .func_wrap(
            MODULE,
            "clock_res_get",
            |mut caller: Calling<'_>, clock: u32, out: u32| {
                if clock > 1 {
                    return Ok(NOTSUP);
                }
                errno(memory::write_u64(&mut caller, out, 1))
            },
        )?
        .func_wrap(
            MODULE,
            "random_get",
            |mut caller: Calling<'_>, out: u32, size: u32| {
                if size > MAX_RANDOM_BYTES {
                    return Ok(INVAL);
                }
                let size = usize::try_from(size).unwrap_or_default();
                let mut bytes = Vec::with_capacity(size.saturating_add(8));
                let mut state = caller.data().node.borrow_mut();
                while bytes.len() < size {
                    bytes.extend(state.random());
                }
                drop(state);
                bytes.truncate(size);
                errno(memory::write(&mut caller, out, &bytes))
            },
        )?
        .func_wrap(
            MODULE,
            "poll_oneoff",
            |mut caller: Calling<'_>, _in: u32, _out: u32, _count: u32, events_out: u32| {
                errno(memory::write_u32(&mut caller, events_out, 0))
            },
        )?;
    Ok(())
}

fn link_environment(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            MODULE,
            "environ_sizes_get",
            |mut caller: Calling<'_>, count: u32, size: u32| {
                let lines = environment(caller.data());
                let bytes = u32::try_from(lines.concat().len()).unwrap_or(u32::MAX);
                let lines = u32::try_from(lines.len()).unwrap_or(u32::MAX);
                let written = memory::write_u32(&mut caller, count, lines)
                    .and_then(|()| memory::write_u32(&mut caller, size, bytes));
                errno(written)
            },
        )?
        .func_wrap(
            MODULE,
            "environ_get",
            |mut caller: Calling<'_>, array: u32, buffer: u32| {
                let (mut slot, mut at) = (array, buffer);
                for line in environment(caller.data()) {
                    let written = memory::write_u32(&mut caller, slot, at)
                        .and_then(|()| memory::write(&mut caller, at, &line));
                    if written.is_err() {
                        return Ok(FAULT);
                    }
                    slot = slot.saturating_add(4);
                    at = at.saturating_add(u32::try_from(line.len()).unwrap_or(u32::MAX));
                }
                errno(Ok(()))
            },
        )?
        .func_wrap(
            MODULE,
            "args_sizes_get",
            |mut caller: Calling<'_>, count: u32, size: u32| {
                let written = memory::write_u32(&mut caller, count, 0)
                    .and_then(|()| memory::write_u32(&mut caller, size, 0));
                errno(written)
            },
        )?
        .func_wrap(MODULE, "args_get", |_: Calling<'_>, _: u32, _: u32| SUCCESS)?;
    Ok(())
}

/// `NAME=value` lines, each with its NUL.
fn environment(host: &Host) -> Vec<Vec<u8>> {
    let variables = host.plugin.environment.iter();
    variables
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}

/// There are no files: what asks for one is told so.
fn link_files(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_close", |_: Calling<'_>, _: u32| SUCCESS)?
        .func_wrap(
            MODULE,
            "fd_seek",
            |_: Calling<'_>, _: u32, _: i64, _: u32, _: u32| SUCCESS,
        )?
        .func_wrap(
            MODULE,
            "fd_read",
            |_: Calling<'_>, _: u32, _: u32, _: u32, _: u32| NOSYS,
        )?
        .func_wrap(
            MODULE,
            "fd_fdstat_set_flags",
            |_: Calling<'_>, _: u32, _: u32| NOSYS,
        )?
        .func_wrap(
            MODULE,
            "fd_filestat_get",
            |_: Calling<'_>, _: u32, _: u32| BADF,
        )?
        .func_wrap(
            MODULE,
            "fd_prestat_get",
            |_: Calling<'_>, _: u32, _: u32| BADF,
        )?
        .func_wrap(
            MODULE,
            "fd_prestat_dir_name",
            |_: Calling<'_>, _: u32, _: u32, _: u32| NOSYS,
        )?
        .func_wrap(
            MODULE,
            "path_filestat_get",
            |_: Calling<'_>, _: u32, _: u32, _: u32, _: u32, _: u32| NOTSUP,
        )?
        .func_wrap(
            MODULE,
            "path_open",
            |_: Calling<'_>,
             _: u32,
             _: u32,
             _: u32,
             _: u32,
             _: u32,
             _: u64,
             _: u64,
             _: u32,
             _: u32| NOENT,
        )?;
    Ok(())
}
