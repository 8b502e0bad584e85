//! gRPC shells: from a message to a call and back. What is decided is decided behind them.

mod apply;
mod audit;
mod error;
mod instance;
mod node;
mod page;
mod resource;
mod snapshot;

use std::sync::Arc;

use tokio::sync::watch;

use crate::{instances::Instances, ledger::Ledger, registry::Registry};

/// What all services work with.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// The resources.
    pub registry: Arc<Registry>,
    /// The record.
    pub ledger: Arc<Ledger>,
    /// What enforces the rules.
    pub instances: Arc<Instances>,
    /// Becomes true when streams are to end.
    pub draining: watch::Receiver<bool>,
}
