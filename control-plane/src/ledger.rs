//! The record: an append-only log in segment files.
//!
//! One thread writes. It takes whatever is waiting, writes it as one, makes it durable with one
//! `fdatasync`, and only then says so. An entry is known by node, instance and sequence, and kept
//! once however often it is sent. Every record is a leaf of a Merkle tree, whose head is signed.

pub mod anchor;
mod appender;
mod card;
pub mod checkpoint;
pub mod decision;
mod disk;
mod expression;
mod filter;
mod follow;
pub mod index;
pub mod proof;
mod read;
pub mod restore;
pub mod retention;
mod segment;
mod tree;
pub mod verify;
mod words;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, RwLock, mpsc},
    thread,
};

use chancery_proto::audit::v1::{Entry, Gap, InstanceEnd, Record, entry};
use prost::Message as _;
use tokio::sync::{oneshot, watch};

use appender::{Append, Appender};
use disk::Disks;
pub use expression::Misread;
pub use filter::{Filter, FilterError};
pub use follow::Follower;
use follow::Placed;
pub use index::Index;
pub use read::{Page, Positioned};
use segment::{Known, Segment, Sources, Summary, Writer};
use tree::HashFile;
pub use tree::Head;

use crate::registry::now;

/// A new segment is begun when one has grown to this.
const SEGMENT_BYTES: u64 = 64 << 20;

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
    /// Hashes of records that are not here any more are lost.
    #[error(
        "the file `tree` of the log lacks hashes of the {before} records that are not here any more, \
         and they cannot be made again: restore it from a backup"
    )]
    NoHashes {
        /// How many records those are.
        before: u64,
    },
    /// What was signed is not what is there.
    #[error(
        "{signed} records of the log were signed, and {found}: entries were changed or are lost; \
         `chancery audit verify` names the first; restore the log from a backup"
    )]
    NotAsSigned {
        /// How many were signed.
        signed: u64,
        /// What is there.
        found: String,
    },
    /// A file beside the log is not what it should be.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Entries of one instance, in the order of their sequence.
#[derive(Debug)]
pub struct Batch {
    /// Who sent them.
    pub source: Source,
    /// Sequence and bytes.
    pub entries: Vec<(u64, Vec<u8>)>,
}

impl Batch {
    /// An entry of the control plane's own, which the appender gives its sequence.
    pub fn own(entry: Vec<u8>) -> Self {
        Self {
            source: own(),
            entries: vec![(0, entry)],
        }
    }

    fn entry_bytes(&self) -> usize {
        self.entries.iter().map(|(_, entry)| entry.len()).sum()
    }
}

/// The log.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    queue: mpsc::Sender<Append>,
    segments: Arc<RwLock<Vec<Segment>>>,
    /// How many records are durable.
    length: watch::Receiver<u64>,
    /// What a checkpoint says of them.
    head: watch::Receiver<Head>,
    /// The highest sequence of what is the control plane's own, by instance id, when it was opened.
    own_heights: BTreeMap<Vec<u8>, u64>,
    /// Instances that had neither ended nor were lost when it was opened, and their highest sequences.
    unfinished: Vec<(Source, u64)>,
}

impl Ledger {
    /// Opens the log, or begins one. What a crash left half-written at its end is cut off, which
    /// is recorded.
    ///
    /// # Errors
    /// Where the folder or a segment cannot be read, or something that was signed is not there.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        Self::open_with(folder, SEGMENT_BYTES)
    }

    /// Opens a log as [`Self::open`] does, whose segments are full with so many bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(folder: &Path, segment_bytes: u64) -> Result<Self, LedgerError> {
        Self::open_on(folder, segment_bytes, Disks::default())
    }

    fn open_on(folder: &Path, segment_bytes: u64, disks: Disks) -> Result<Self, LedgerError> {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        let (mut segments, sources) = segments_of(folder)?;
        let heights = (sources.iter()).map(|(source, known)| (source.clone(), known.height));
        let mut heights: BTreeMap<_, _> = heights.collect();
        let is_open = |(source, known): (&Source, &Known)| {
            let is_open = !known.is_over && !source.0.is_empty();
            is_open.then(|| (source.clone(), known.height))
        };
        let unfinished = sources.iter().filter_map(is_open).collect();
        let signed = checkpoint::last_signed(folder)?;
        let found = segments.last().map_or(0, Segment::end);
        // Before anything is cut off.
        if let Some(signed) = signed.filter(|signed| signed.size > found) {
            return Err(LedgerError::NotAsSigned {
                signed: signed.size,
                found: format!("{found} are there"),
            });
        }
        let torn: u64 = segments.last().map_or(0, |newest| newest.torn_bytes);
        let mut writer = Writer::open(folder, &segments, (segment_bytes, disks))?;
        if let Some(signed) = signed {
            checkpoint::compare(&HashFile::open(folder)?, signed)?;
        }
        if torn > 0 {
            tracing::warn!(
                torn_bytes = torn,
                "cut off what a crash left at the end of the log"
            );
            let own = own();
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
        let (head_sender, head) = watch::channel(writer.head());
        let shared = Arc::clone(&segments);
        let run = move || {
            Appender {
                writer,
                heights,
                segments: shared,
                length: length_sender,
                head: head_sender,
            }
            .run(&appends);
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .map_err(io_error(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            queue,
            segments,
            length,
            head,
            own_heights,
            unfinished,
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
        self.append(Batch::own(entry(event))).await
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
        let lost = gap(source, "instance_lost", after_sequence);
        self.append(Batch::own(lost)).await
    }

    /// Records that an instance ended on purpose.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn note_end(
        &self,
        source: &Source,
        next_sequence: u64,
    ) -> Result<u64, Arc<LedgerError>> {
        self.note(entry::Event::InstanceEnd(InstanceEnd {
            node_id: source.0.clone(),
            instance_id: source.1.clone(),
            next_sequence,
        }))
        .await
    }

    /// The highest sequence that the control plane's own entries under this instance id had when
    /// the log was opened.
    pub fn own_height(&self, instance_id: &[u8]) -> u64 {
        self.own_heights.get(instance_id).copied().unwrap_or(0)
    }

    /// The files that it takes to verify the log from the record at a position on, but for its checkpoint.
    pub fn files(&self, from: u64) -> Vec<PathBuf> {
        let segments = self.segments_now();
        let wanted = segments.into_iter().filter(|segment| segment.end() > from);
        let beside = ["origin", "tree"].map(|name| self.folder.join(name));
        beside.into_iter().chain(wanted.map(|it| it.path)).collect()
    }

    /// Instances that had neither ended nor were lost when the log was opened, and their highest sequences.
    pub fn unfinished(&self) -> &[(Source, u64)] {
        &self.unfinished
    }

    /// What a checkpoint says of the durable records, and of every later number of them.
    pub fn head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    /// How many records are durable, and every later number.
    pub fn length(&self) -> watch::Receiver<u64> {
        self.length.clone()
    }
}

/// The segments of a folder, oldest first, and what they say of who wrote them.
fn segments_of(folder: &Path) -> Result<(Vec<Segment>, Sources), LedgerError> {
    let paths = segment::paths(folder)?;
    let full = paths.len().saturating_sub(1);
    let (mut segments, mut sources) = (Vec::new(), Sources::new());
    for (number, path) in paths.iter().enumerate() {
        let (segment, summary) = if number < full {
            Summary::of_full(path)?
        } else {
            Summary::scan(path)?
        };
        summary.add_to(&mut sources);
        segments.push(segment);
    }
    Ok((segments, sources))
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

#[cfg(test)]
mod tests;
