//! Segment files: frames of length, checksum and record.

mod summary;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use chancery_proto::audit::v1::Record;
use prost::Message as _;
use prost_types::Timestamp;

pub(super) use self::summary::{Known, Sources, Summary};
use super::{
    LedgerError,
    disk::{Disk, Disks},
    io_error,
    tree::{Head, Tree},
};

/// Length and CRC-32 of the record, little endian.
const HEADER_BYTES: usize = 8;

/// Longest record, well above what a node may send in one message.
const MAX_RECORD_BYTES: usize = 8 << 20;

/// Most bytes of a segment that are read at once by who follows it: the longest record fits.
const PART_BYTES: usize = MAX_RECORD_BYTES + HEADER_BYTES;

/// What is known of a segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Position of its first record in the whole log.
    pub(super) first: u64,
    pub(super) records: u64,
    /// Bytes that are whole frames.
    pub(super) bytes: u64,
    /// Bytes behind them that are none.
    pub(super) torn_bytes: u64,
}

impl Segment {
    /// Position after its last record.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.records)
    }

    /// Reads a segment through.
    pub(super) fn scan(path: &Path, mut each: impl FnMut(Record)) -> Result<Self, LedgerError> {
        let bytes = fs::read(path).map_err(io_error(path))?;
        let mut segment = Self {
            path: path.to_owned(),
            first: first_of(path),
            records: 0,
            bytes: 0,
            torn_bytes: 0,
        };
        for (end, record) in frames(&bytes) {
            segment.records = segment.records.saturating_add(1);
            segment.bytes = length(end);
            each(record);
        }
        segment.torn_bytes = length(bytes.len()).saturating_sub(segment.bytes);
        Ok(segment)
    }

    /// When the newest of its records was taken in. `None`: it has none.
    pub(super) fn newest_receive_time(&self) -> Result<Option<Timestamp>, LedgerError> {
        let bytes = self.durable()?;
        let newest = frames(&bytes).last();
        Ok(newest.map(|(_, record)| record.receive_time.unwrap_or_default()))
    }

    /// A record as it is in the tree, by its position.
    pub(super) fn leaf(&self, position: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let bytes = self.durable()?;
        let skipped = position.checked_sub(self.first);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        let leaf = skipped.and_then(|skipped| bodies(&bytes).nth(skipped));
        Ok(leaf.map(|(_, leaf)| leaf.to_vec()))
    }

    /// Its durable records, oldest first.
    pub(super) fn read(&self) -> Result<Vec<Record>, LedgerError> {
        let bytes = self.durable()?;
        Ok(frames(&bytes).map(|(_, record)| record).collect())
    }

    /// Shows its durable records one by one, oldest first, until told to stop.
    pub(super) fn visit(
        &self,
        each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, LedgerError> {
        let bytes = self.durable()?;
        Ok(frames(&bytes).map(|(_, record)| record).try_for_each(each))
    }

    /// Some of its durable bytes, from a frame's beginning on.
    pub(super) fn part(&self, from_bytes: u64) -> Result<Vec<u8>, LedgerError> {
        let left_bytes = self.bytes.saturating_sub(from_bytes);
        let mut part = Vec::new();
        let mut read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(from_bytes))?;
            file.take(left_bytes.min(length(PART_BYTES)))
                .read_to_end(&mut part)
        };
        read().map_err(io_error(&self.path))?;
        Ok(part)
    }

    fn durable(&self) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = fs::read(&self.path).map_err(io_error(&self.path))?;
        // What is being written behind them is not theirs yet.
        bytes.truncate(usize::try_from(self.bytes).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

/// The whole frames at the start of a segment's bytes: where each ends, and its record. One that cannot
/// be read is empty, so that the others keep their positions.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = (usize, Record)> {
    bodies(bytes).map(|(end, body)| (end, Record::decode(body).unwrap_or_default()))
}

/// The whole frames at the start of a segment's bytes: where each ends, and what it holds, which is a
/// leaf of the tree.
pub(super) fn bodies(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let header = bytes.get(at..at.checked_add(HEADER_BYTES)?)?;
        let (size, checksum) = header.split_at_checked(4)?;
        let size = u32::from_le_bytes(size.try_into().ok()?);
        let checksum = u32::from_le_bytes(checksum.try_into().ok()?);
        let start = at.checked_add(HEADER_BYTES)?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        let body = bytes.get(start..end)?;
        if crc32fast::hash(body) != checksum {
            return None;
        }
        at = end;
        Some((end, body))
    })
}

/// The segments of a log, oldest first.
pub(super) fn paths(folder: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "segment")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The position of a segment's first record, which its name says.
pub(super) fn first_of(path: &Path) -> u64 {
    path.file_stem()
        .and_then(|stem| stem.to_str()?.parse().ok())
        .unwrap_or(0)
}

/// Appends to the newest segment, and to the tree.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    disks: Disks,
    segment: Segment,
    tree: Tree,
    /// Frames that are not written yet.
    pending: Vec<u8>,
    pending_records: u64,
    /// A new segment is begun when one has grown to this.
    segment_bytes: u64,
    /// A failed write could not be undone.
    is_broken: bool,
}

impl Writer {
    /// Goes on with the newest segment, without what is torn at its end, or begins the first.
    pub(super) fn open(
        folder: &Path,
        segments: &[Segment],
        (segment_bytes, disks): (u64, Disks),
    ) -> Result<Self, LedgerError> {
        let segment = match segments.last() {
            Some(segment) => Segment {
                torn_bytes: 0,
                ..segment.clone()
            },
            None => new_segment(folder, 0),
        };
        let path = segment.path.clone();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(io_error(&path))?;
        file.set_len(segment.bytes)
            .and_then(|()| file.sync_all())
            .map_err(io_error(&path))?;
        sync_folder(folder)?;
        let tree = open_tree(folder, segments)?;
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            disk: disks.of(file),
            disks,
            segment,
            tree,
            pending: Vec::new(),
            pending_records: 0,
            segment_bytes,
            is_broken: false,
        })
    }

    /// Adds a record to what the next commit writes.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), LedgerError> {
        let body_bytes = record.encoded_len();
        let size = u32::try_from(body_bytes)
            .ok()
            .filter(|_| body_bytes <= MAX_RECORD_BYTES);
        let Some(size) = size else {
            return Err(self.too_long());
        };
        let start = self.pending.len();
        self.pending.extend_from_slice(&size.to_le_bytes());
        self.pending.extend_from_slice(&[0; 4]);
        record
            .encode(&mut self.pending)
            .map_err(|_full| self.too_long())?;
        let frame = self.pending.get_mut(start..).unwrap_or_default();
        let (header, body) = frame.split_at_mut_checked(HEADER_BYTES).unwrap_or_default();
        if let Some(checksum) = header.last_chunk_mut() {
            *checksum = crc32fast::hash(body).to_le_bytes();
        }
        self.tree.append(body);
        self.pending_records = self.pending_records.saturating_add(1);
        Ok(())
    }

    fn too_long(&self) -> LedgerError {
        LedgerError::Io {
            path: self.segment.path.clone(),
            error: io::Error::new(io::ErrorKind::InvalidInput, "a record is too long"),
        }
    }

    /// Writes what was added and makes it durable. The answer is the head of the log from then on.
    pub(super) fn commit(&mut self) -> Result<Head, LedgerError> {
        if self.is_broken {
            return Err(LedgerError::Broken);
        }
        if self.pending.is_empty() {
            return Ok(self.tree.head());
        }
        let written = self
            .disk
            .append(&self.pending)
            .and_then(|()| self.disk.sync());
        written.map_err(io_error(&self.segment.path))?;
        self.segment.bytes = self
            .segment
            .bytes
            .saturating_add(length(self.pending.len()));
        self.segment.records = self.segment.records.saturating_add(self.pending_records);
        self.pending.clear();
        self.pending_records = 0;
        Ok(self.tree.commit())
    }

    /// The head of what is durable.
    pub(super) fn head(&self) -> Head {
        self.tree.head()
    }

    /// Forgets what was added, and takes back what a failed commit may have written of it.
    pub(super) fn undo(&mut self) {
        self.pending.clear();
        self.pending_records = 0;
        self.tree.undo();
        if let Err(error) = self.disk.cut(self.segment.bytes) {
            tracing::error!(%error, "a failed write to the log cannot be undone");
            self.is_broken = true;
        }
    }

    /// Shows readers what is durable, and begins a new segment where this one is full.
    pub(super) fn publish(&mut self, segments: &mut Vec<Segment>) {
        match segments.last_mut() {
            Some(newest) if newest.path == self.segment.path => newest.clone_from(&self.segment),
            Some(_) | None => segments.push(self.segment.clone()),
        }
        if self.segment.bytes < self.segment_bytes {
            return;
        }
        // The present one goes on growing where this fails, which loses nothing.
        if let Err(error) = self.begin_segment() {
            tracing::error!(%error, "cannot begin a new segment");
        }
    }

    fn begin_segment(&mut self) -> Result<(), LedgerError> {
        // Of full segments the tree's hashes are not made again.
        self.tree.sync()?;
        let next = new_segment(&self.folder, self.segment.end());
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        let file = options.open(&next.path).map_err(io_error(&next.path))?;
        sync_folder(&self.folder)?;
        self.disk = self.disks.of(file);
        self.segment = next;
        Ok(())
    }
}

/// The tree over all segments. Its file has the hashes of all but the newest, else it is made again.
fn open_tree(folder: &Path, segments: &[Segment]) -> Result<Tree, LedgerError> {
    let sealed = segments.last().map_or(0, |newest| newest.first);
    let (mut tree, missing) = if let Some(tree) = Tree::open(folder, sealed)? {
        (tree, segments.last().map_or(&[][..], std::slice::from_ref))
    } else {
        tracing::warn!("the log's hashes are made again from its segments");
        let before = segments.first().map_or(0, |oldest| oldest.first);
        let tree = Tree::open(folder, before)?;
        (tree.ok_or(LedgerError::NoHashes { before })?, segments)
    };
    for segment in missing {
        let bytes = segment.durable()?;
        bodies(&bytes).for_each(|(_, body)| tree.append(body));
        tree.commit();
    }
    tree.sync()?;
    Ok(tree)
}

fn new_segment(folder: &Path, first: u64) -> Segment {
    let path = folder.join(format!("{first:020}.segment"));
    Segment {
        path,
        first,
        records: 0,
        bytes: 0,
        torn_bytes: 0,
    }
}

/// A new file is durable once its folder is.
pub(super) fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(folder))
}

pub(super) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
