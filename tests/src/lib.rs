//! The harness: everything that is needed to run Chancery, whole or in parts, and to look at it.
//!
//! - [`wasm_host`]: the filter in wasmtime, without Envoy.
//! - [`envoy`], [`control_plane`], [`mcp_server`], [`client`], [`identity`],
//!   [`openid`], [`signing`], [`pki`]: the real parts.
//! - [`case`], [`fixture`], [`layer`]: the case table, its policy and the layers that run it.
//! - [`clock`]: what time it is.
//! - [`oauth`]: an authorization server for what the gateway itself needs.
//! - [`scale`]: an organization that has grown.
//! - [`percentile`]: how long most of several took.
//! - [`conformance`]: the official conformance suite of MCP.
//! - [`matrix`]: every real client with every real server.
//! - [`hostile`]: tables of hostile requests and answers, and clients that can send them.
//! - [`suite`]: the public suites in `tests/corpora`.
//! - [`torture`]: load, and death at random points.
//! - [`lab`]: the parts put together, as `chancery-lab` runs them.

pub mod artifacts;
pub mod bodies;
pub mod case;
pub mod client;
pub mod clock;
pub mod conformance;
pub mod control_plane;
pub mod envoy;
pub mod fixture;
pub mod hostile;
pub mod identity;
pub mod lab;
pub mod layer;
pub mod matrix;
pub mod mcp_server;
pub mod mesh;
pub mod oauth;
pub mod openid;
pub mod percentile;
pub mod pki;
pub mod process;
pub mod rpc;
pub mod scale;
pub mod signing;
pub mod suite;
pub mod torture;
pub mod wait;
pub mod wasm_host;
