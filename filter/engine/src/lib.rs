//! The pure core of Chancery: bytes and facts in, decisions and effects out.
//!
//! Nothing here reads a clock, draws randomness, or knows of a proxy or a transport: time and
//! random bytes are arguments, signatures are checked by whoever drives the machine. The filter,
//! the control plane's compile gate, the tests and the simulator run this same code.

pub mod address;
pub mod approved;
pub mod audit;
pub mod block;
pub mod canonical;
pub mod challenge;
pub mod circumstances;
pub mod claims;
pub mod condition;
pub mod credential;
pub mod decide;
pub mod entry;
pub mod exchange;
pub mod explain;
pub mod glob;
pub mod id;
mod index;
pub mod json;
mod json_path;
pub mod limits;
pub mod message;
pub mod name;
pub mod offer;
mod order;
pub mod policy;
pub mod principal;
pub mod quota;
pub mod reason;
pub mod redact;
pub mod refusal;
pub mod ring;
pub mod rule;
pub mod schema;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod server;
pub mod shadow;
mod sightings;
pub mod spiffe;
pub mod sse;
pub mod subject;
pub mod token;
pub mod trust;
pub mod truth;

#[cfg(feature = "proto")]
pub mod link;
#[cfg(feature = "proto")]
pub mod snapshot;
#[cfg(feature = "proto")]
pub mod wire;

/// The version that entries are stamped with.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
