//! Verifies a log offline: from its folder, or a copy of one, with nothing but the log's public key and
//! whatever checkpoints somebody has kept elsewhere.
//!
//! The stored hashes are held against the signed root first. Where they are those of the signed log,
//! each record is held against its own hash, so that the first that is not as it was can be named;
//! where they are not, the records themselves are, as a whole.

mod fault;
mod hashes;
mod sources;

use std::{fs, ops::Range, path::Path};

use tlog_tiles::{Hash, record_hash};

pub use self::fault::{Fault, FaultKind};
use self::{
    hashes::{Hashes, Stored},
    sources::Sources,
};
use super::{
    LedgerError,
    checkpoint::{self, LogKeys, Signed},
    io_error,
    segment::{self, bodies},
    tree::{Frontier, Head},
};

/// What a log was found to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which log, and its signed head.
    pub signed: Signed,
    /// The position of the first record that is there: what came before was dropped, and a record says so.
    pub first: u64,
    /// Records behind the signed ones: durable, and in the next checkpoint.
    pub unsigned: u64,
    /// How many instances and control planes wrote it.
    pub sources: u64,
    /// Sequence numbers of sources that never came.
    pub missing_sequences: u64,
    /// Records that say that entries are missing.
    pub gaps: u64,
}

/// Why a log was not found to be what was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is not.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Verifies the log in a folder.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(folder: &Path, keys: &LogKeys, remembered: &[Signed]) -> Result<Report, VerifyError> {
    let path = checkpoint::path(folder);
    let note = fs::read(&path).map_err(io_error(&path))?;
    let signed = keys.open(&note).map_err(|error| Fault::signature(&error))?;
    let known = known_heads(folder, &signed, remembered)?;
    let hashes = Hashes::check(folder, &known)?;
    let mut walk = Walk {
        hashes,
        signed: signed.head,
        known: &known,
        position: 0,
        frontier: Frontier::default(),
        sources: Sources::default(),
        trusted: 0,
    };
    let first = walk.segments(folder)?;
    let Walk {
        position, sources, ..
    } = walk;
    if position < signed.head.size {
        return Err(Fault::new(FaultKind::Truncated, position).into());
    }
    let dropped = Range {
        start: 0,
        end: first,
    };
    if !dropped.is_empty() && !sources.explains(&dropped) {
        return Err(Fault::new(FaultKind::Missing, 0).to(first).into());
    }
    if let Stored::Differs { hash } = walk.hashes.stored {
        return Err(Fault::hashes(hash).into());
    }
    Ok(Report {
        unsigned: position.saturating_sub(signed.head.size),
        signed,
        first,
        sources: sources.count(),
        missing_sequences: sources.missing(),
        gaps: sources.gaps(),
    })
}

/// The heads that must be those of the log, the smallest first: what is remembered, and what is signed now.
fn known_heads(
    folder: &Path,
    signed: &Signed,
    remembered: &[Signed],
) -> Result<Vec<Head>, VerifyError> {
    let mut known = vec![signed.head];
    for checkpoint in remembered {
        // As much of what was signed as this log can have.
        let size = if checkpoint.origin == signed.origin {
            signed.head.size
        } else {
            let restored = restored_from(folder, &checkpoint.origin)?;
            restored.ok_or_else(|| Fault::other_log(&checkpoint.origin, &signed.origin))?
        };
        if checkpoint.head.size > size {
            let fault = Fault::new(FaultKind::Truncated, size).to(checkpoint.head.size);
            return Err(fault.into());
        }
        known.push(checkpoint.head);
    }
    known.sort_by_key(|head| head.size);
    Ok(known)
}

/// With how many records the log went on from a copy, when it was called so.
fn restored_from(folder: &Path, origin: &str) -> Result<Option<u64>, VerifyError> {
    let mut size = None;
    for path in segment::paths(folder)? {
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        let found = bodies(&bytes).filter_map(|(_, record)| sources::restoration(record));
        let found = found.filter(|it| it.origin == origin);
        size = found.map(|it| it.size).last().or(size);
    }
    Ok(size)
}

/// Reads the records, oldest first.
struct Walk<'a> {
    hashes: Hashes,
    signed: Head,
    known: &'a [Head],
    /// Of the next record.
    position: u64,
    /// Over the records, where the stored hashes are not those of the signed log.
    frontier: Frontier,
    sources: Sources,
    /// As far as a known head has shown the records to be what they were.
    trusted: u64,
}

impl Walk<'_> {
    /// Reads every segment. The answer is the position of the first record.
    fn segments(&mut self, folder: &Path) -> Result<u64, VerifyError> {
        let paths = segment::paths(folder)?;
        let first = paths.first().map_or(0, |path| segment::first_of(path));
        self.position = first;
        if !self.hashes.is_signed() && first > 0 {
            let file = self.hashes.file()?;
            self.frontier = Frontier::read(first, file).map_err(super::tree::tree_error(folder))?;
        }
        self.hashes.seek(first);
        for path in &paths {
            let begins = segment::first_of(path);
            if begins > self.position {
                return Err(Fault::new(FaultKind::Missing, self.position)
                    .to(begins)
                    .into());
            }
            if begins < self.position {
                return Err(Fault::new(FaultKind::Duplicated, begins).into());
            }
            let bytes = fs::read(path).map_err(io_error(path))?;
            let mut read_bytes = 0;
            let mut records = bodies(&bytes).peekable();
            while let Some((end, record)) = records.next() {
                let leaf = record_hash(record);
                let next = records.peek().map(|(_, record)| *record);
                self.record(leaf, record, next)?;
                read_bytes = end;
            }
            // What a crash or a copy cuts is behind what is signed, at the end of the newest segment.
            let is_torn = self.position >= self.signed.size && Some(path) == paths.last();
            if read_bytes < bytes.len() && !is_torn {
                return Err(Fault::new(FaultKind::Altered, self.position).into());
            }
        }
        Ok(first)
    }

    fn record(
        &mut self,
        leaf: Hash,
        record: &[u8],
        next: Option<&[u8]>,
    ) -> Result<(), VerifyError> {
        let position = self.position;
        if position < self.signed.size {
            if self.hashes.is_signed() {
                let stored = self.hashes.next_leaf()?;
                if stored != leaf {
                    let next = next.map(record_hash);
                    let kind = self.hashes.compare(position, leaf, next)?;
                    return Err(Fault::new(kind, position).into());
                }
            } else {
                self.frontier.add(leaf, |_| {});
                self.reached()?;
            }
        }
        self.sources.add(position, record)?;
        self.position = position.saturating_add(1);
        Ok(())
    }

    /// Holds the tree over the records so far against what is known of this size.
    fn reached(&mut self) -> Result<(), Fault> {
        let size = self.frontier.size();
        for known in self.known.iter().filter(|head| head.size == size) {
            if known.root != self.frontier.head().root {
                return Err(Fault::new(FaultKind::Altered, self.trusted).to(size));
            }
            self.trusted = size;
        }
        Ok(())
    }
}
