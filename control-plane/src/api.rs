//! gRPC shells: from a message to a call and back. What is decided is decided behind them.

mod admission;
mod apply;
mod audit;
pub mod authentication;
mod change;
mod credential;
mod error;
mod instance;
mod log;
pub mod metrics;
mod node;
mod page;
mod policy;
mod proposal;
pub mod reading;
mod registry;
mod resource;
mod review;
mod server_state;
mod shadow;
mod sighting;
mod snapshot;
mod store_key;
mod webhook;

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use self::{authentication::Attempts, reading::Readings};
use crate::{
    access::{Member, NodePolicy},
    credential::Broker,
    discovery::scanner::Scanner,
    instances::Instances,
    issuer_keys::IssuerKeys,
    ledger::{Index, Ledger, checkpoint::Checkpoints},
    outbox::Outbox,
    registry::Registry,
    secrets::Secrets,
    webhook::Webhooks,
};

/// What all services work with.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// The resources.
    pub registry: Arc<Registry>,
    /// The record.
    pub ledger: Arc<Ledger>,
    /// Signs the record's head.
    pub checkpoints: Arc<Checkpoints>,
    /// What finds records.
    pub index: Arc<Index>,
    /// Takes down who reads the record.
    pub readings: Arc<Readings>,
    /// The way of changes to the record.
    pub outbox: Arc<Outbox>,
    /// What enforces the rules.
    pub instances: Arc<Instances>,
    /// Who operates everything, as the configuration says.
    pub administrators: Arc<[Member]>,
    /// Which nodes may connect, and what they serve.
    pub nodes: Arc<NodePolicy>,
    /// Takes down who could not be proven.
    pub attempts: Arc<Attempts>,
    /// Credentials for servers.
    pub broker: Arc<Broker>,
    /// What is kept sealed.
    pub secrets: Secrets,
    /// Asks for every secret to be wrapped with the newest store key.
    pub rewrap: Arc<Notify>,
    /// The keys that issuers publish.
    pub issuer_keys: IssuerKeys,
    /// Asks servers what they offer.
    pub scanner: Arc<Scanner>,
    /// Tells people what happened.
    pub webhooks: Arc<Webhooks>,
    /// Becomes true when streams are to end.
    pub draining: watch::Receiver<bool>,
}
