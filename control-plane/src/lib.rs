//! Chancery's control plane and command line.
//!
//! `resource` knows what administrators write, `snapshot` what filters get of it, `registry` keeps
//! both in step through `store`; `ledger` keeps the record; `api` are thin shells over these.
//! The filter is not known here: both sides meet in the engine and the wire contracts.

pub mod access;
pub mod api;
pub mod cli;
pub mod config;
pub mod credential;
pub mod discovery;
pub mod egress;
pub mod inspect;
pub mod instances;
pub mod intents;
pub mod issuer_keys;
pub mod ledger;
pub mod lint;
mod nearest;
pub mod ocsf;
pub mod otlp;
pub mod outbox;
pub mod registry;
pub mod registry_api;
pub mod resource;
pub mod review;
pub mod schema;
pub mod sealing;
pub mod secrets;
pub mod serve;
pub mod server_json;
pub mod signing;
pub mod simulate;
pub mod snapshot;
pub mod store;
pub mod tls;
mod visible;
pub mod webhook;
