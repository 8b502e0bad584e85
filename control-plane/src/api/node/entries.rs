//! Entries of an instance: appended to the log, and acknowledged once they are durable.

use std::sync::Arc;

use chancery_proto::{
    audit::v1::{DriftSighting, ShadowSighting},
    node::v1::{self as node, ConnectResponse, connect_response},
};
use prost::Message as _;
use tokio::sync::watch;

use super::{Out, Session};
use crate::ledger::Batch;

/// As much of an entry as says whether it is a sighting; the rest is passed over.
#[derive(Clone, PartialEq, prost::Message)]
struct Sighting {
    /// `Entry.drift`.
    #[prost(message, optional, tag = "6")]
    drift: Option<DriftSighting>,
    /// `Entry.shadow`.
    #[prost(message, optional, tag = "9")]
    shadow: Option<ShadowSighting>,
}

/// What of a batch is acted upon.
#[derive(Default)]
struct Sightings {
    drift: Vec<DriftSighting>,
    shadow: Vec<ShadowSighting>,
}

impl Session {
    /// What of a batch says that something is not as it was approved, at servers of this node, or that
    /// nobody has registered where something goes.
    fn sightings(&self, batch: &node::EntryBatch) -> Sightings {
        let mut sightings = Sightings::default();
        for entry in &batch.entries {
            let Ok(Sighting { drift, shadow }) = Sighting::decode(&*entry.entry) else {
                continue;
            };
            let drift = drift.filter(|drift| self.scope.covers(&drift.server));
            sightings.drift.extend(drift);
            sightings.shadow.extend(shadow);
        }
        sightings
    }

    /// Appends without holding up the stream; the log keeps the order.
    pub(super) fn append(&self, batch: node::EntryBatch, highest: Arc<watch::Sender<u64>>) {
        let Sightings { drift, shadow } = self.sightings(&batch);
        let scope = self.scope.clone();
        let entries = batch
            .entries
            .into_iter()
            .map(|entry| (entry.sequence, entry.entry));
        let batch = Batch {
            source: self.source.clone(),
            entries: entries.collect(),
        };
        let (ledger, instances) = (
            Arc::clone(&self.control_plane.ledger),
            Arc::clone(&self.control_plane.instances),
        );
        let source = self.source.clone();
        let control_plane = self.control_plane.clone();
        // Queued before this returns, so that batches stay in the order they came in.
        let pending = ledger.enqueue(batch);
        tokio::spawn(async move {
            if let Ok(sequence) = pending.await {
                highest.send_if_modified(|highest| {
                    let is_higher = sequence > *highest;
                    *highest = sequence.max(*highest);
                    is_higher
                });
                instances.heard(&source, |instance| {
                    instance.acked_sequence = instance.acked_sequence.max(sequence);
                });
                // What is acted upon is on the record.
                let (node_id, _) = source;
                if !drift.is_empty() {
                    control_plane.sighted(drift, node_id.clone()).await;
                }
                if !shadow.is_empty() {
                    control_plane.shadowed(node_id, scope, shadow).await;
                }
            }
        });
    }
}

/// Acknowledges the highest durable sequence, once for as many batches as became durable together.
pub(super) async fn acknowledge(mut highest: watch::Receiver<u64>, out: Out) {
    while highest.changed().await.is_ok() {
        let sequence = *highest.borrow_and_update();
        let ack = connect_response::Message::EntriesAck(node::EntriesAck { sequence });
        if out
            .send(Ok(ConnectResponse { message: Some(ack) }))
            .await
            .is_err()
        {
            return;
        }
    }
}
