//! The one thread that writes the log.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, mpsc},
};

use chancery_proto::audit::v1::Record;
use tokio::sync::{oneshot, watch};

use super::{
    Batch, LedgerError, Source, own, record,
    segment::{Segment, Writer},
    tree::Head,
};

/// Most batches that are made durable at once.
const MAX_GROUP: usize = 1_024;

/// Most bytes of entries that are made durable at once, but for the last batch: what waits behind them
/// does not wait long.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// A batch, and whom to tell.
pub(super) struct Append {
    pub(super) batch: Batch,
    pub(super) done: oneshot::Sender<Result<u64, Arc<LedgerError>>>,
}

pub(super) struct Appender {
    pub(super) writer: Writer,
    /// The highest sequence of each source.
    pub(super) heights: BTreeMap<Source, u64>,
    pub(super) segments: Arc<RwLock<Vec<Segment>>>,
    pub(super) length: watch::Sender<u64>,
    pub(super) head: watch::Sender<Head>,
}

impl Appender {
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Append>) {
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            // What heights were before, in case nothing of this becomes durable.
            let mut before = Vec::new();
            let mut written = Ok(());
            let (mut next, mut bytes) = (Some(first), 0_usize);
            while let Some(Append { batch, done }) = next {
                bytes = bytes.saturating_add(batch.entry_bytes());
                let height = written.and_then(|()| self.write(batch, &mut before));
                waiting.push((done, height.as_ref().copied().unwrap_or_default()));
                written = height.map(|_| ());
                let has_room = waiting.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES;
                next = has_room.then(|| queue.try_recv().ok()).flatten();
            }
            match written.and_then(|()| self.writer.commit()) {
                Ok(head) => {
                    self.publish(head);
                    for (done, height) in waiting {
                        // Whoever asked may be gone; the record stays.
                        drop(done.send(Ok(height)));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "entries are not durable and not acknowledged");
                    for (source, height) in before.into_iter().rev() {
                        self.heights.insert(source, height);
                    }
                    self.writer.undo();
                    let error = Arc::new(error);
                    for (done, _) in waiting {
                        drop(done.send(Err(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    /// Writes what of a batch is new. The answer is the highest sequence in it.
    fn write(&mut self, batch: Batch, before: &mut Vec<(Source, u64)>) -> Result<u64, LedgerError> {
        let Batch { source, entries } = batch;
        let is_own = source == own();
        let mut height = self.heights.get(&source).copied().unwrap_or(0);
        before.push((source.clone(), height));
        let last = entries.last().map_or(height, |(sequence, _)| *sequence);
        // All of a batch came at once.
        let mut record = record(&source, 0, Vec::new());
        for (sequence, entry) in entries {
            let sequence = if is_own {
                height.saturating_add(1)
            } else {
                sequence
            };
            if sequence > height {
                record = Record {
                    sequence,
                    entry,
                    ..record
                };
                self.writer.append(&record)?;
                height = sequence;
            }
        }
        self.heights.insert(source, height);
        Ok(last)
    }

    fn publish(&mut self, head: Head) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.writer.publish(&mut segments);
        self.head.send_replace(head);
        self.length
            .send_replace(segments.last().map_or(0, Segment::end));
    }
}
