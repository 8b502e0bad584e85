//! Entries of an instance: appended to the log, and acknowledged once they are durable.

use std::sync::Arc;

use chancery_proto::node::v1::{self as node, ConnectResponse, connect_response};
use tokio::sync::watch;

use super::{Out, Session};
use crate::ledger::Batch;

impl Session {
    /// Appends without holding up the stream; the log keeps the order.
    pub(super) fn append(&self, batch: node::EntryBatch, highest: Arc<watch::Sender<u64>>) {
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
