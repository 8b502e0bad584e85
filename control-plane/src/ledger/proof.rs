//! Proof that a record is in the log, in a file that stands for itself: C2SP's tlog-proof, with the
//! record as its extra data.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_proto::audit::v1::Record;
use prost::Message as _;
use tlog_tiles::{Hash, record_hash};

use super::{
    Ledger, LedgerError, Positioned,
    checkpoint::{self, CheckpointError, LogKeys, Signed},
    tree::{HashFile, tree_error},
};

/// The first line of a proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// More hashes than the proof for any record has.
const MAX_HASHES: usize = 64;

/// A record, and what it takes to see that it is in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The record's position.
    pub position: u64,
    /// The record's bytes, which are the leaf of the tree.
    pub leaf: Vec<u8>,
    /// The hashes beside its way to the root, from the leaf up.
    pub hashes: Vec<Hash>,
    /// A checkpoint that covers it.
    pub checkpoint: Vec<u8>,
}

/// What a proof has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The record's position.
    pub position: u64,
    /// The record.
    pub record: Record,
    /// The signed head that it is proven to be under.
    pub signed: Signed,
}

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It is none.
    #[error("line {line}: found {found}, expected {expected}")]
    Malformed {
        /// Which line of the file, the first being 1.
        line: usize,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// Its checkpoint is not believed.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint does not cover it.
    #[error("record {position} is not among the {size} that the checkpoint covers")]
    NotCovered {
        /// The record's position.
        position: u64,
        /// How many records the checkpoint covers.
        size: u64,
    },
    /// The record is not the one that is in the log.
    #[error("record {position} of the log is not this one: the record or its proof was changed")]
    OtherRecord {
        /// Its position.
        position: u64,
    },
    /// What is in the log is no record.
    #[error("what is proven is no record: {0}")]
    NoRecord(prost::DecodeError),
}

impl Proof {
    /// The proof as a file has it.
    pub fn to_text(&self) -> String {
        let Self {
            position,
            leaf,
            hashes,
            checkpoint,
        } = self;
        let mut text = format!(
            "{HEADER}\nextra {}\nindex {position}\n",
            STANDARD.encode(leaf)
        );
        let hashes = hashes.iter().map(|hash| format!("{hash}\n"));
        text.extend(hashes);
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(checkpoint));
        text
    }

    /// The proofs in a file, one after the other.
    ///
    /// # Errors
    /// Where it is no such file.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ProofError> {
        let lines: Vec<_> = text.lines().collect();
        let mut starts: Vec<_> = (lines.iter().enumerate())
            .filter(|(_, line)| **line == HEADER)
            .map(|(number, _)| number)
            .collect();
        if starts.first() != Some(&0) {
            let found = lines.first().copied().unwrap_or_default();
            return Err(malformed(0, found, "`c2sp.org/tlog-proof@v1`"));
        }
        starts.push(lines.len());
        let mut proofs = Vec::new();
        for window in starts.windows(2) {
            if let [start, end] = window {
                let block = lines.get(*start..*end).unwrap_or_default();
                proofs.push(Self::parse(*start, block)?);
            }
        }
        Ok(proofs)
    }

    fn parse(start: usize, lines: &[&str]) -> Result<Self, ProofError> {
        let mut lines = lines.iter().copied().enumerate().skip(1);
        let mut field = |name: &str, expected| {
            let (number, line) = lines.next().unwrap_or_default();
            let value = line.strip_prefix(name);
            value
                .map(|value| (start.saturating_add(number), value))
                .ok_or_else(|| malformed(start.saturating_add(number), line, expected))
        };
        let expected = "`extra ` and the record in base64";
        let (number, value) = field("extra ", expected)?;
        let leaf = STANDARD.decode(value);
        let leaf = leaf.map_err(|_bad| malformed(number, value, expected))?;
        let expected = "`index ` and the record's position";
        let (number, value) = field("index ", expected)?;
        let position: u64 = value
            .parse()
            .map_err(|_bad| malformed(number, value, expected))?;
        let mut hashes = Vec::new();
        for (number, line) in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            let expected = "a hash in base64, or an empty line before the checkpoint";
            let hash = Hash::parse_hash(line).ok();
            let hash = hash.filter(|_| hashes.len() < MAX_HASHES);
            hashes
                .push(hash.ok_or_else(|| malformed(start.saturating_add(number), line, expected))?);
        }
        let mut checkpoint = String::new();
        lines.for_each(|(_, line)| checkpoint.extend([line, "\n"]));
        Ok(Self {
            position,
            leaf,
            hashes,
            checkpoint: checkpoint.into_bytes(),
        })
    }

    /// What the proof shows to whoever believes these keys.
    ///
    /// # Errors
    /// Where it shows nothing.
    pub fn check(&self, keys: &LogKeys) -> Result<Proven, ProofError> {
        let signed = keys.open(&self.checkpoint)?;
        let (position, size) = (self.position, signed.head.size);
        if position >= size {
            return Err(ProofError::NotCovered { position, size });
        }
        let leaf = record_hash(&self.leaf);
        tlog_tiles::check_record(&self.hashes, size, signed.head.root, position, leaf)
            .map_err(|_differs| ProofError::OtherRecord { position })?;
        let record = Record::decode(&*self.leaf).map_err(ProofError::NoRecord)?;
        Ok(Proven {
            position,
            record,
            signed,
        })
    }
}

impl Ledger {
    /// Proves that records are in the log, under a checkpoint of it. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment or the stored hashes cannot be read.
    pub fn prove(
        &self,
        records: &[Positioned],
        checkpoint: &[u8],
    ) -> Result<Vec<Proof>, LedgerError> {
        let hashes = HashFile::open(&self.folder)?;
        let size = checkpoint::head_of(checkpoint)
            .map_err(|problem| LedgerError::Malformed {
                path: checkpoint::path(&self.folder),
                problem,
            })?
            .size;
        let segments = self.segments_now();
        let mut proofs = Vec::new();
        for Positioned { position, .. } in records {
            let segment = segments.iter().rfind(|it| it.first <= *position);
            let leaf = segment.map(|it| it.leaf(*position)).transpose()?.flatten();
            // What became durable after the checkpoint is in a later one.
            let Some(leaf) = leaf.filter(|_| *position < size) else {
                continue;
            };
            let proof = tlog_tiles::prove_record(size, *position, &hashes);
            proofs.push(Proof {
                position: *position,
                leaf,
                hashes: proof.map_err(tree_error(&self.folder))?,
                checkpoint: checkpoint.to_vec(),
            });
        }
        Ok(proofs)
    }
}

fn malformed(line: usize, found: &str, expected: &'static str) -> ProofError {
    let cut = found
        .get(..found.floor_char_boundary(60))
        .unwrap_or_default();
    ProofError::Malformed {
        line: line.saturating_add(1),
        found: format!("`{cut}`"),
        expected,
    }
}

#[cfg(test)]
mod tests;
