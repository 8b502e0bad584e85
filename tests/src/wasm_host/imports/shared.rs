//! Shared data, shared queues, foreign functions.

use std::rc::Rc;

use wasmtime::Linker;

use crate::wasm_host::Status;
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::Host;

use super::host_call;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_data(linker)?;
    link_queues(linker)?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |caller: Calling<'_>,
         name: u32,
         name_size: u32,
         args: u32,
         args_size: u32,
         out: u32,
         size_out: u32| {
            host_call(caller, |caller| {
                let name = memory::text(caller, name, name_size)?;
                let args = memory::read(caller, args, args_size)?;
                let function = caller
                    .data()
                    .node
                    .borrow()
                    .foreign
                    .get(&name)
                    .map(Rc::clone);
                let function = function.ok_or(Status::NotFound)?;
                let result = (function.borrow_mut())(&args)?;
                memory::give(caller, &result, out, size_out)
            })
        },
    )?;
    Ok(())
}

fn link_data(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_get_shared_data",
            |caller: Calling<'_>,
             key: u32,
             key_size: u32,
             out: u32,
             size_out: u32,
             cas_out: u32| {
                host_call(caller, |caller| {
                    let key = memory::read(caller, key, key_size)?;
                    let host = caller.data();
                    let state = host.node.borrow();
                    let found = state.shared_data.value(&host.plugin.vm_id, &key).cloned();
                    drop(state);
                    let (value, cas) = found.ok_or(Status::NotFound)?;
                    memory::give(caller, &value, out, size_out)?;
                    memory::write_u32(caller, cas_out, cas)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_set_shared_data",
            |caller: Calling<'_>,
             key: u32,
             key_size: u32,
             value: u32,
             value_size: u32,
             cas: u32| {
                host_call(caller, |caller| {
                    let key = memory::read(caller, key, key_size)?;
                    let value = memory::read(caller, value, value_size)?;
                    let host = caller.data();
                    let mut state = host.node.borrow_mut();
                    Ok(state
                        .shared_data
                        .set(&host.plugin.vm_id, &key, value, cas)?)
                })
            },
        )?;
    Ok(())
}

fn link_queues(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_register_shared_queue",
            |caller: Calling<'_>, name: u32, size: u32, out: u32| {
                host_call(caller, |caller| {
                    let name = memory::read(caller, name, size)?;
                    let host = caller.data();
                    let owner = (host.vm, host.root_of_context());
                    let mut state = host.node.borrow_mut();
                    let token = state.queues.register(&host.plugin.vm_id, &name, owner);
                    drop(state);
                    memory::write_u32(caller, out, token)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_resolve_shared_queue",
            |caller: Calling<'_>, vm_id: u32, vm_id_size: u32, name: u32, size: u32, out: u32| {
                host_call(caller, |caller| {
                    let vm_id = memory::text(caller, vm_id, vm_id_size)?;
                    let name = memory::read(caller, name, size)?;
                    let host = caller.data();
                    let vm_id = if vm_id.is_empty() {
                        &host.plugin.vm_id
                    } else {
                        &vm_id
                    };
                    let token = host.node.borrow().queues.resolve(vm_id, &name)?;
                    memory::write_u32(caller, out, token)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_enqueue_shared_queue",
            |caller: Calling<'_>, token: u32, message: u32, size: u32| {
                host_call(caller, |caller| {
                    let message = memory::read(caller, message, size)?;
                    Ok(caller
                        .data()
                        .node
                        .borrow_mut()
                        .queues
                        .enqueue(token, message)?)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_dequeue_shared_queue",
            |caller: Calling<'_>, token: u32, out: u32, size_out: u32| {
                host_call(caller, |caller| {
                    let message = caller.data().node.borrow_mut().queues.dequeue(token)?;
                    memory::give(caller, &message, out, size_out)
                })
            },
        )?;
    Ok(())
}
