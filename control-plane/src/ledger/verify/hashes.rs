//! The stored hashes of a log that is verified.

use std::path::Path;

use tlog_tiles::{HASH_SIZE, Hash, stored_hash_count, stored_hash_index};

use super::FaultKind;
use crate::ledger::{
    LedgerError,
    segment::length,
    tree::{Frontier, HashFile, Head},
};

/// Hashes that are read at once.
const READ_HASHES: u64 = 32 << 10;

/// Whether the stored hashes are those of the signed log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// They are: each leaf of the signed log is known.
    Signed,
    /// They are not, the first that differs from those before it or from a known head being this one.
    Differs {
        /// Counted from the beginning of the file.
        hash: u64,
    },
}

/// The stored hashes, read from the first to the last.
#[derive(Debug)]
pub(super) struct Hashes {
    pub(super) stored: Stored,
    file: Option<HashFile>,
    /// The leaf that is read next.
    leaf: u64,
    /// Of the hash that is read next.
    index: u64,
    ahead: Ahead,
}

impl Hashes {
    /// Holds the hashes against what is known of the log.
    pub(super) fn check(folder: &Path, known: &[Head]) -> Result<Self, LedgerError> {
        let mut hashes = Self {
            stored: Stored::Signed,
            file: HashFile::open(folder).ok(),
            leaf: 0,
            index: 0,
            ahead: Ahead::default(),
        };
        if let Some(hash) = hashes.first_difference(known)? {
            hashes.stored = Stored::Differs { hash };
        }
        Ok(hashes)
    }

    fn first_difference(&mut self, known: &[Head]) -> Result<Option<u64>, LedgerError> {
        let size = known.last().map_or(0, |head| head.size);
        let count = self.file.as_ref().map_or(Ok(0), HashFile::hashes)?;
        if count < stored_hash_count(size) {
            return Ok(Some(count));
        }
        let mut frontier = Frontier::default();
        let mut expected = Vec::new();
        let mut heads = known.iter().peekable();
        loop {
            while let Some(head) = heads.next_if(|head| head.size == frontier.size()) {
                if frontier.head().root != head.root {
                    return Ok(Some(self.index));
                }
            }
            if frontier.size() >= size {
                return Ok(None);
            }
            let leaf = self.next()?;
            frontier.add(leaf, |hash| expected.push(hash));
            for hash in expected.drain(..).skip(1) {
                if self.next()? != hash {
                    return Ok(Some(self.index.saturating_sub(1)));
                }
            }
        }
    }

    /// Whether each leaf of the signed log is known.
    pub(super) fn is_signed(&self) -> bool {
        self.stored == Stored::Signed
    }

    /// The file, where there is one.
    pub(super) fn file(&self) -> Result<&HashFile, LedgerError> {
        self.file
            .as_ref()
            .ok_or(LedgerError::NoHashes { before: 0 })
    }

    /// Goes to a leaf.
    pub(super) fn seek(&mut self, leaf: u64) {
        self.leaf = leaf;
        self.index = stored_hash_index(0, leaf);
    }

    /// The hash of the next leaf.
    pub(super) fn next_leaf(&mut self) -> Result<Hash, LedgerError> {
        let hash = self.next()?;
        // Behind a leaf are the subtrees that it completes.
        let completed = u64::from(self.leaf.trailing_ones());
        self.leaf = self.leaf.saturating_add(1);
        self.index = self.index.saturating_add(completed);
        Ok(hash)
    }

    /// In which way the record in a place is not the one that was there.
    pub(super) fn compare(
        &self,
        position: u64,
        found: Hash,
        next: Option<Hash>,
    ) -> Result<FaultKind, LedgerError> {
        let was = self.leaf_at(position)?;
        let before = position.checked_sub(1).map(|before| self.leaf_at(before));
        if before.transpose()?.flatten() == Some(found) {
            return Ok(FaultKind::Duplicated);
        }
        if next.is_some() && next == was {
            if Some(found) == self.leaf_at(position.saturating_add(1))? {
                return Ok(FaultKind::Reordered);
            }
            return Ok(if self.find(found)? {
                FaultKind::Duplicated
            } else {
                FaultKind::Inserted
            });
        }
        if Some(found) == self.leaf_at(position.saturating_add(1))? {
            return Ok(FaultKind::Missing);
        }
        Ok(if self.find(found)? {
            FaultKind::Reordered
        } else {
            FaultKind::Altered
        })
    }

    fn leaf_at(&self, position: u64) -> Result<Option<Hash>, LedgerError> {
        let (index, file) = (stored_hash_index(0, position), self.file()?);
        if index >= file.hashes()? {
            return Ok(None);
        }
        let mut hash = Hash([0; HASH_SIZE]);
        file.bytes(index, &mut hash.0)?;
        Ok(Some(hash))
    }

    /// Whether a hash is that of any leaf.
    fn find(&self, wanted: Hash) -> Result<bool, LedgerError> {
        let mut hashes = Self {
            stored: self.stored,
            file: Some(self.file()?.again()?),
            leaf: 0,
            index: 0,
            ahead: Ahead::default(),
        };
        let count = self.file()?.hashes()?;
        while hashes.index < count {
            if hashes.next_leaf()? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn next(&mut self) -> Result<Hash, LedgerError> {
        let file = self
            .file
            .as_ref()
            .ok_or(LedgerError::NoHashes { before: 0 })?;
        let hash = self.ahead.get(file, self.index)?;
        self.index = self.index.saturating_add(1);
        Ok(hash)
    }
}

/// What was read before it was asked for.
#[derive(Debug, Default)]
struct Ahead {
    from: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    fn get(&mut self, file: &HashFile, index: u64) -> Result<Hash, LedgerError> {
        if let Some(hash) = self.find(index) {
            return Ok(hash);
        }
        let count = file.hashes()?.saturating_sub(index).clamp(1, READ_HASHES);
        let size = count.saturating_mul(length(HASH_SIZE));
        self.bytes.resize(usize::try_from(size).unwrap_or(0), 0);
        self.from = index;
        file.bytes(index, &mut self.bytes)?;
        self.find(index).ok_or(LedgerError::NoHashes { before: 0 })
    }

    fn find(&self, index: u64) -> Option<Hash> {
        let skipped = usize::try_from(index.checked_sub(self.from)?).ok()?;
        let bytes = self.bytes.get(skipped.checked_mul(HASH_SIZE)?..)?;
        bytes.first_chunk().map(|hash| Hash(*hash))
    }
}
