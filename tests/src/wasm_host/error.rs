//! What can go wrong between a test and a guest.

use std::path::PathBuf;

use super::Direction;

/// Why the host could not do what the test asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The body that went through does not have the length that a remaining `content-length`
    /// declares. Envoy answers 400 for a request and truncates a response.
    #[error("{direction:?} body has {actual} bytes, but content-length says {declared}")]
    ContentLength {
        /// Which body.
        direction: Direction,
        /// What the header says.
        declared: String,
        /// Bytes that went through.
        actual: usize,
    },
    /// The module could not be instantiated: an import that no Envoy offers, no allocator, …
    #[error("cannot instantiate the module: {0}")]
    Instantiate(String),
    /// The file is missing or is not a Wasm module.
    #[error("cannot load `{path}`: {reason}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// Plugins with different `vm_id`, VM configuration or environment never share a VM in Envoy.
    #[error("plugin `{0}` belongs to another VM than the first plugin")]
    OtherVm(String),
    /// The VM was replaced by a new one ([`super::Node::reload`]).
    #[error("the VM was replaced")]
    Replaced,
    /// The exchange is not at a point where this can happen.
    #[error("out of sequence: {0}")]
    Sequence(&'static str),
    /// `proxy_on_vm_start` or `proxy_on_configure` returned false: Envoy refuses the configuration.
    #[error("{callback} refused plugin `{root_id}`")]
    StartRefused {
        /// Root id of the plugin.
        root_id: String,
        /// The export that returned false.
        callback: &'static str,
    },
    /// The guest trapped. The VM is dead from here on.
    #[error("trap in {callback}: {message}")]
    Trapped {
        /// The export that was running.
        callback: &'static str,
        /// wasmtime's report, with a backtrace.
        message: String,
    },
    /// There is no such gRPC stream, unary call or HTTP call, or it has ended.
    #[error("no open call with token {0}")]
    UnknownCall(u32),
    /// There is no such root context, or it has been deleted.
    #[error("no root context {0}")]
    UnknownRoot(u32),
}

/// What a host function answers (the ABI's `proxy_status_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No such thing.
    NotFound = 1,
    /// An argument that the host refuses.
    BadArgument = 2,
    /// A value could not be written out.
    SerializationFailure = 3,
    /// A value could not be read.
    ParseFailure = 4,
    /// A pointer outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// An empty queue.
    Empty = 7,
    /// The value changed since it was read.
    CasMismatch = 8,
    /// The host failed.
    InternalFailure = 10,
    /// The other side is gone.
    BrokenConnection = 11,
    /// The host does not offer this.
    Unimplemented = 12,
}

impl Status {
    pub(super) fn code(self) -> u32 {
        self as u32
    }
}

/// How a host function ends early: with a status for the guest, or by killing it.
#[derive(Debug)]
pub(super) enum Fault {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// Turns what a host function did into what the guest sees.
pub(super) fn answer(result: Result<(), Fault>) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(Status::Ok.code()),
        Err(Fault::Status(status)) => Ok(status.code()),
        Err(Fault::Trap(error)) => Err(error),
    }
}
