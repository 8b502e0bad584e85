//! Calls into the guest.

use std::collections::BTreeMap;

use wasmtime::{Func, Instance, Store, Val};

use super::HostError;
use super::state::Host;

/// The exports a host calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Callback {
    Configure,
    ContextCreate,
    Delete,
    Done,
    GrpcClose,
    GrpcInitialMetadata,
    GrpcReceive,
    GrpcTrailingMetadata,
    HttpCallResponse,
    Initialize,
    Log,
    Main,
    MainVoid,
    QueueReady,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    Start,
    Tick,
    VmStart,
}

impl Callback {
    const ALL: [Self; 23] = [
        Self::Configure,
        Self::ContextCreate,
        Self::Delete,
        Self::Done,
        Self::GrpcClose,
        Self::GrpcInitialMetadata,
        Self::GrpcReceive,
        Self::GrpcTrailingMetadata,
        Self::HttpCallResponse,
        Self::Initialize,
        Self::Log,
        Self::Main,
        Self::MainVoid,
        Self::QueueReady,
        Self::RequestBody,
        Self::RequestHeaders,
        Self::RequestTrailers,
        Self::ResponseBody,
        Self::ResponseHeaders,
        Self::ResponseTrailers,
        Self::Start,
        Self::Tick,
        Self::VmStart,
    ];

    pub(super) fn export(self) -> &'static str {
        match self {
            Self::Configure => "proxy_on_configure",
            Self::ContextCreate => "proxy_on_context_create",
            Self::Delete => "proxy_on_delete",
            Self::Done => "proxy_on_done",
            Self::GrpcClose => "proxy_on_grpc_close",
            Self::GrpcInitialMetadata => "proxy_on_grpc_receive_initial_metadata",
            Self::GrpcReceive => "proxy_on_grpc_receive",
            Self::GrpcTrailingMetadata => "proxy_on_grpc_receive_trailing_metadata",
            Self::HttpCallResponse => "proxy_on_http_call_response",
            Self::Initialize => "_initialize",
            Self::Log => "proxy_on_log",
            Self::Main => "main",
            Self::MainVoid => "__main_void",
            Self::QueueReady => "proxy_on_queue_ready",
            Self::RequestBody => "proxy_on_request_body",
            Self::RequestHeaders => "proxy_on_request_headers",
            Self::RequestTrailers => "proxy_on_request_trailers",
            Self::ResponseBody => "proxy_on_response_body",
            Self::ResponseHeaders => "proxy_on_response_headers",
            Self::ResponseTrailers => "proxy_on_response_trailers",
            Self::Start => "_start",
            Self::Tick => "proxy_on_tick",
            Self::VmStart => "proxy_on_vm_start",
        }
    }
}

/// What a callback gave back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Returned {
    /// `None` if the guest does not export the callback, has no result, or is dead.
    pub(super) value: Option<u32>,
    /// The guest sent a local response: whatever it returned, iteration stops.
    pub(super) stopped: bool,
}

/// The guest's side of a VM.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) store: Store<Host>,
    exports: BTreeMap<Callback, Func>,
    fuel_per_callback: u64,
    pub(super) fuel_used: u64,
}

impl Guest {
    pub(super) fn new(mut store: Store<Host>, instance: &Instance, fuel_per_callback: u64) -> Self {
        let mut exports = BTreeMap::new();
        for callback in Callback::ALL {
            if let Some(func) = instance.get_func(&mut store, callback.export()) {
                exports.insert(callback, func);
            }
        }
        Self {
            store,
            exports,
            fuel_per_callback,
            fuel_used: 0,
        }
    }

    pub(super) fn exports(&self, callback: Callback) -> bool {
        self.exports.contains_key(&callback)
    }

    /// Runs a callback for a context. A trap kills the VM; a dead VM runs nothing.
    pub(super) fn run(&mut self, callback: Callback, context: u32, args: &[u32]) -> Returned {
        let Some(func) = self.exports.get(&callback).copied() else {
            return Returned::default();
        };
        let host = self.store.data_mut();
        if host.failed.is_some() {
            return Returned::default();
        }
        let outer = (host.current, host.effective);
        host.current = context;
        host.effective = 0;
        let result = self.charge(func, args, context);
        let host = self.store.data_mut();
        (host.current, host.effective) = outer;
        let stopped = std::mem::take(&mut host.stop_iteration);
        match result {
            Ok(value) => Returned { value, stopped },
            Err(error) => {
                let message = format!("{error:?}");
                host.failed = Some(HostError::Trapped {
                    callback: callback.export(),
                    message,
                });
                Returned {
                    value: None,
                    stopped,
                }
            }
        }
    }

    /// Calls a function and books the fuel it used to the VM and to the stream.
    fn charge(&mut self, func: Func, args: &[u32], context: u32) -> wasmtime::Result<Option<u32>> {
        let params: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        self.store.set_fuel(self.fuel_per_callback)?;
        let called = func.call(&mut self.store, &params, &mut results);
        let used = self
            .fuel_per_callback
            .saturating_sub(self.store.get_fuel()?);
        self.fuel_used = self.fuel_used.saturating_add(used);
        if let Some(stream) = self.store.data_mut().streams.get_mut(&context) {
            stream.fuel = stream.fuel.saturating_add(used);
        }
        called?;
        Ok(results.first().and_then(Val::i32).map(i32::cast_unsigned))
    }
}
