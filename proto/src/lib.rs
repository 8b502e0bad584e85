//! Chancery's wire contracts.
//!
//! By default this crate is messages only, so that the filter carries no gRPC stack; the features
//! `client` and `server` add tonic's halves.

#![allow(
    missing_docs,
    reason = "the .proto files document what is generated from them"
)]
#![allow(clippy::all, clippy::pedantic, reason = "generated code")]

#[cfg(test)]
mod field_table;
mod redacted;

/// `chancery.admin.v1`: what administrators and the command line call.
pub mod admin {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/chancery.admin.v1.rs"));
    }
}

/// `chancery.audit.v1`: the record.
pub mod audit {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/chancery.audit.v1.rs"));
    }
}

/// `chancery.node.v1`: between a filter instance and its control plane.
pub mod node {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/chancery.node.v1.rs"));
    }
}

/// `chancery.policy.v1`: what a filter enforces.
pub mod policy {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/chancery.policy.v1.rs"));
    }
}

/// Every message and service as a serialised `FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
