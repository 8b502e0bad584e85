//! A deterministic Proxy-Wasm host: one Envoy process ("node"), modelled in-process on wasmtime.
//!
//! It runs the very `.wasm` that Envoy runs, and answers its host calls the way Envoy 1.40 was
//! measured to answer them (pause and resume, buffering and its limits, local replies, traps).
//! What Envoy does around the filter (routing, header additions such as `x-request-id` or `date`,
//! timeouts, sockets) is not modelled: a test plays the client, the upstream and the control plane.
//!
//! Everything is single-threaded and repeatable: the clock moves only when a test moves it, and
//! random bytes come from a seed.
//!
//! - [`Module`]: a compiled filter, shared by all tests of a process.
//! - [`Node`]: clock, shared data, metrics, logs, clusters, foreign functions.
//! - [`Vm`]: one Wasm VM of the node, its root contexts, its gRPC streams, its fuel.
//! - [`Exchange`]: one HTTP request and its response, driven whole or step by step.

mod chain;
mod chain_data;
mod chain_reply;
mod error;
mod exchange;
mod grpc;
mod guest;
mod headers;
mod http;
mod imports;
mod memory;
mod metric;
mod module;
mod node;
mod outcome;
mod peer;
mod queue;
mod root;
mod shared_data;
mod state;
mod stream;
mod vm;
mod wasi;

pub use error::{HostError, Status};
pub use exchange::Exchange;
pub use grpc::{Cluster, GrpcKind, GrpcState, GrpcStream, HttpCall};
pub use headers::Headers;
pub use http::{ClientResponse, ForwardedRequest, RequestSpec, UpstreamResponse};
pub use metric::{Metric, MetricKind};
pub use module::Module;
pub use node::{Canary, Log, LogLevel, Node, NodeConfig};
pub use outcome::{Details, Outcome, Phase};
pub use root::{PluginConfig, RootId};
pub use stream::{Direction, Violation};
pub use vm::Vm;

/// The address of a property: its path elements joined by NUL, as the ABI passes them.
fn property_key(path: &[&str]) -> Vec<u8> {
    path.join("\0").into_bytes()
}
