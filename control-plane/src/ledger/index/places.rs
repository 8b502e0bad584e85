//! Reads single records of the log, by where the index says that they are.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
};

use chancery_proto::audit::v1::Record;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::tables::Progress;
use crate::ledger::{Ledger, LedgerError, Positioned, Segment, io_error, segment::frames};

/// How much is read at once, in the hope that the next record is in it.
const CHUNK_BYTES: u64 = 64 << 10;

/// Where a record is: its position, and where in its segment it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: u64,
    pub(super) bytes: u64,
}

/// Whether the last record that was indexed is in the log.
pub(super) fn agrees(progress: &Progress, ledger: &Ledger) -> Result<bool, LedgerError> {
    let Some(last) = progress.position.checked_sub(1) else {
        return Ok(true);
    };
    if progress.position > *ledger.length().borrow() {
        return Ok(false);
    }
    let place = Place {
        position: last,
        bytes: progress.bytes,
    };
    if progress.last.is_empty() {
        return Ok(true);
    }
    let found = Reader::new(ledger).read(place)?;
    Ok(found.is_some_and(|found| known_by(&found.record) == progress.last))
}

/// What a record is known by: all but what its instance says, which can be erased.
pub(super) fn known_by(record: &Record) -> Vec<u8> {
    let envelope = Record {
        receive_time: record.receive_time,
        node_id: record.node_id.clone(),
        instance_id: record.instance_id.clone(),
        sequence: record.sequence,
        entry: Vec::new(),
    };
    Sha256::digest(envelope.encode_to_vec()).to_vec()
}

/// Reads records here and there.
#[derive(Debug)]
pub(super) struct Reader {
    segments: Vec<Segment>,
    /// What was read last: of which segment, from where on.
    chunk: Option<(u64, u64, Vec<u8>)>,
}

impl Reader {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self {
            segments: ledger.segments_now(),
            chunk: None,
        }
    }

    /// A record; absent where none is there.
    pub(super) fn read(&mut self, place: Place) -> Result<Option<Positioned>, LedgerError> {
        let Place { position, bytes } = place;
        let after = self.segments.partition_point(|it| it.first <= position);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        let Some(segment) = segment.filter(|it| position < it.end()) else {
            return Ok(None);
        };
        let kept = self
            .chunk
            .as_ref()
            .filter(|(first, ..)| *first == segment.first);
        let record = kept.and_then(|(_, from, chunk)| {
            let skipped = usize::try_from(bytes.checked_sub(*from)?).ok()?;
            first_of(chunk.get(skipped..)?)
        });
        if record.is_some() {
            return Ok(record.map(|record| Positioned { position, record }));
        }
        // What is before it is as likely: newest first, it holds the records that come next.
        let from = bytes.saturating_sub(CHUNK_BYTES);
        let chunk = part(segment, from, CHUNK_BYTES.saturating_mul(2))?;
        let skipped = usize::try_from(bytes.saturating_sub(from)).unwrap_or(usize::MAX);
        let record = chunk.get(skipped..).and_then(first_of);
        let record = match record {
            Some(record) => Some(record),
            None => first_of(&segment.part(bytes)?),
        };
        self.chunk = Some((segment.first, from, chunk));
        Ok(record.map(|record| Positioned { position, record }))
    }
}

fn first_of(bytes: &[u8]) -> Option<Record> {
    frames(bytes).next().map(|(_, record)| record)
}

fn part(segment: &Segment, from_bytes: u64, most_bytes: u64) -> Result<Vec<u8>, LedgerError> {
    let left_bytes = segment.bytes.saturating_sub(from_bytes);
    let mut part = Vec::new();
    let mut read = || {
        let mut file = File::open(&segment.path)?;
        file.seek(SeekFrom::Start(from_bytes))?;
        file.take(left_bytes.min(most_bytes)).read_to_end(&mut part)
    };
    read().map_err(io_error(&segment.path))?;
    Ok(part)
}
