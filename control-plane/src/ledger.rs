//! The record: an append-only log in segment files.
//!
//! One thread writes. It takes whatever is waiting, writes it as one, makes it durable with one
//! `fdatasync`, and only then says so. An entry is known by node, instance and sequence, and kept
//! once however often it is sent.

mod card;
pub mod decision;
mod expression;
mod filter;
mod follow;
pub mod index;
mod read;
mod segment;
mod words;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, RwLock, mpsc},
    thread,
};

use chancery_proto::audit::v1::{Entry, Gap, Record, entry};
use prost::Message as _;
use tokio::sync::{oneshot, watch};

pub use expression::Misread;
pub use filter::{Filter, FilterError};
pub use follow::Follower;
use follow::Placed;
pub use index::Index;
pub use read::{Page, Positioned};
use segment::{Segment, Writer};

use crate::registry::now;

/// Who sent an entry: the node's name and the instance's id.
pub type Source = (String, Vec<u8>);

/// Why the log did not take what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk.
    #[error("the log at {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// An earlier write failed and could not be undone.
    #[error("the log takes nothing more after a failed write; restart the control plane")]
    Broken,
    /// The writer is gone.
    #[error("the log is closed")]
    Closed,
}

/// Entries of one instance, in the order of their sequence.
#[derive(Debug)]
pub struct Batch {
    /// Who sent them.
    pub source: Source,
    /// Sequence and bytes.
    pub entries: Vec<(u64, Vec<u8>)>,
}

struct Append {
    batch: Batch,
    done: oneshot::Sender<Result<u64, Arc<LedgerError>>>,
}

/// The log.
#[derive(Debug)]
pub struct Ledger {
    queue: mpsc::Sender<Append>,
    segments: Arc<RwLock<Vec<Segment>>>,
    /// How many records are durable.
    length: watch::Receiver<u64>,
    /// The highest sequence of what is the control plane's own, by instance id, when it was opened.
    own_heights: BTreeMap<Vec<u8>, u64>,
}

impl Ledger {
    /// Opens the log, or begins one. What a crash left half-written at its end is cut off, which
    /// is recorded.
    ///
    /// # Errors
    /// Where the folder or a segment cannot be read.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        let mut heights = BTreeMap::new();
        let mut segments = Vec::new();
        for path in segment::paths(folder)? {
            let segment = Segment::scan(&path, |record| {
                let height: &mut u64 = heights
                    .entry((record.node_id, record.instance_id))
                    .or_default();
                *height = (*height).max(record.sequence);
            })?;
            segments.push(segment);
        }
        let torn: u64 = segments.iter().map(|segment| segment.torn_bytes).sum();
        let mut writer = Writer::open(folder, segments.last())?;
        if torn > 0 {
            tracing::warn!(
                torn_bytes = torn,
                "cut off what a crash left at the end of the log"
            );
            let own = (String::new(), Vec::new());
            let sequence = heights.get(&own).copied().unwrap_or(0).saturating_add(1);
            let entry = gap(&own, "torn_tail", 0);
            writer.append(&record(&own, sequence, entry))?;
            writer.commit()?;
            heights.insert(own, sequence);
        }
        let is_own = |(source, height): (&Source, &u64)| {
            source.0.is_empty().then(|| (source.1.clone(), *height))
        };
        let own_heights = heights.iter().filter_map(is_own).collect();
        writer.publish(&mut segments);
        let length = segments.last().map_or(0, Segment::end);
        let segments = Arc::new(RwLock::new(segments));
        let (queue, appends) = mpsc::channel();
        let (length_sender, length) = watch::channel(length);
        let shared = Arc::clone(&segments);
        let run = move || {
            Appender {
                writer,
                heights,
                segments: shared,
                length: length_sender,
            }
            .run(&appends);
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .map_err(io_error(folder))?;
        Ok(Self {
            queue,
            segments,
            length,
            own_heights,
        })
    }

    /// Appends a batch. The answer, once all of it is durable, is the highest sequence in it.
    ///
    /// # Errors
    /// Where it is not durable; nothing may be acknowledged then.
    pub async fn append(&self, batch: Batch) -> Result<u64, Arc<LedgerError>> {
        self.enqueue(batch).await
    }

    /// Queues a batch before it returns, so that batches stay in the order of these calls.
    pub fn enqueue(
        &self,
        batch: Batch,
    ) -> impl Future<Output = Result<u64, Arc<LedgerError>>> + Send + use<> {
        let (done, answer) = oneshot::channel();
        // A writer that is gone drops `done`, which the answer says.
        drop(self.queue.send(Append { batch, done }));
        async {
            answer
                .await
                .unwrap_or_else(|_closed| Err(Arc::new(LedgerError::Closed)))
        }
    }

    /// Records something that the control plane itself knows.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn note(&self, event: entry::Event) -> Result<u64, Arc<LedgerError>> {
        // Its own entries have no sequence of their own: the appender counts them.
        let batch = Batch {
            source: own(),
            entries: vec![(0, entry(event))],
        };
        self.append(batch).await
    }

    /// Records that an instance's stream ended without a goodbye.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn note_lost(
        &self,
        source: &Source,
        after_sequence: u64,
    ) -> Result<u64, Arc<LedgerError>> {
        self.note(entry::Event::Gap(Gap {
            reason: "instance_lost".to_owned(),
            count: 0,
            after_sequence,
            node_id: source.0.clone(),
            instance_id: source.1.clone(),
        }))
        .await
    }

    /// The highest sequence that the control plane's own entries under this instance id had when
    /// the log was opened.
    pub fn own_height(&self, instance_id: &[u8]) -> u64 {
        self.own_heights.get(instance_id).copied().unwrap_or(0)
    }

    /// How many records are durable, and every later number.
    pub fn length(&self) -> watch::Receiver<u64> {
        self.length.clone()
    }
}

/// An entry of the control plane's own, as bytes.
pub fn entry(event: entry::Event) -> Vec<u8> {
    Entry {
        schema_version: 1,
        time: Some(now()),
        decision_id: Vec::new(),
        event: Some(event),
    }
    .encode_to_vec()
}

fn own() -> Source {
    (String::new(), Vec::new())
}

fn gap(source: &Source, reason: &str, after_sequence: u64) -> Vec<u8> {
    let gap = Gap {
        reason: reason.to_owned(),
        count: 0,
        after_sequence,
        node_id: source.0.clone(),
        instance_id: source.1.clone(),
    };
    entry(entry::Event::Gap(gap))
}

fn record(source: &Source, sequence: u64, entry: Vec<u8>) -> Record {
    Record {
        receive_time: Some(now()),
        node_id: source.0.clone(),
        instance_id: source.1.clone(),
        sequence,
        entry,
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |error| LedgerError::Io { path, error }
}

/// The one thread that writes.
struct Appender {
    writer: Writer,
    /// The highest sequence of each source.
    heights: BTreeMap<Source, u64>,
    segments: Arc<RwLock<Vec<Segment>>>,
    length: watch::Sender<u64>,
}

/// Most batches that are made durable at once.
const MAX_GROUP: usize = 1_024;

impl Appender {
    fn run(mut self, queue: &mpsc::Receiver<Append>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(MAX_GROUP));
            let before = self.heights.clone();
            let written = group
                .iter()
                .map(|append| self.write(&append.batch))
                .collect();
            let committed: Result<Vec<u64>, LedgerError> = written;
            let committed = committed.and_then(|heights| self.writer.commit().map(|()| heights));
            match committed {
                Ok(heights) => {
                    self.publish();
                    for (append, height) in group.into_iter().zip(heights) {
                        // Whoever asked may be gone; the record stays.
                        drop(append.done.send(Ok(height)));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "entries are not durable and not acknowledged");
                    self.heights = before;
                    self.writer.undo();
                    let error = Arc::new(error);
                    for append in group {
                        drop(append.done.send(Err(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<u64, LedgerError> {
        let is_own = batch.source == own();
        let height = self.heights.entry(batch.source.clone()).or_default();
        for (sequence, entry) in &batch.entries {
            let sequence = if is_own {
                height.saturating_add(1)
            } else {
                *sequence
            };
            if sequence > *height {
                self.writer
                    .append(&record(&batch.source, sequence, entry.clone()))?;
                *height = sequence;
            }
        }
        Ok(batch
            .entries
            .last()
            .map_or(*height, |(sequence, _)| *sequence))
    }

    fn publish(&mut self) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.writer.publish(&mut segments);
        self.length
            .send_replace(segments.last().map_or(0, Segment::end));
    }
}

#[cfg(test)]
mod tests;
