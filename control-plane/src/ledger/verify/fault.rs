//! What is wrong with a log, in words.

use std::{error::Error, fmt};

use crate::ledger::checkpoint::CheckpointError;

/// The first thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The position of the first record that it is about. `None`: it is about no record.
    pub position: Option<u64>,
    /// The position after the last one, where it is about several or somewhere among them.
    pub end: Option<u64>,
    detail: String,
}

/// In which way a log is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A record is not as it was.
    Altered,
    /// A record is not there.
    Missing,
    /// A record stands before one that it came after.
    Reordered,
    /// A record is there twice.
    Duplicated,
    /// A record is there that never was.
    Inserted,
    /// Records at the end are not there.
    Truncated,
    /// The checkpoint is not signed by the log's key.
    Resigned,
    /// A checkpoint is of another log.
    OtherLog,
    /// The records are what was signed, the stored hashes are not theirs.
    Hashes,
}

impl FaultKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::Duplicated => "duplicated",
            Self::Inserted => "inserted",
            Self::Truncated => "truncated",
            Self::Resigned => "resigned",
            Self::OtherLog => "other_log",
            Self::Hashes => "hashes",
        }
    }
}

impl Fault {
    pub(super) fn new(kind: FaultKind, position: u64) -> Self {
        Self {
            kind,
            position: Some(position),
            end: None,
            detail: String::new(),
        }
    }

    pub(super) fn to(self, end: u64) -> Self {
        Self {
            end: Some(end),
            ..self
        }
    }

    pub(super) fn because(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    fn of_none(kind: FaultKind, detail: String) -> Self {
        Self {
            kind,
            position: None,
            end: None,
            detail,
        }
    }

    pub(super) fn signature(error: &CheckpointError) -> Self {
        let kind = match error {
            CheckpointError::OtherLog { .. } => FaultKind::OtherLog,
            CheckpointError::Malformed(_)
            | CheckpointError::OtherKey { .. }
            | CheckpointError::Forged(_) => FaultKind::Resigned,
        };
        Self::of_none(kind, error.to_string())
    }

    pub(super) fn other_log(found: &str, expected: &str) -> Self {
        let detail =
            format!("a checkpoint that was kept is of the log `{found}`, not of `{expected}`");
        Self::of_none(FaultKind::OtherLog, detail)
    }

    pub(super) fn hashes(hash: u64) -> Self {
        let detail = format!(
            "hash {hash} of the file `tree` is not that of the records, which are as they were signed; \
             without the file it is made anew when the log is opened"
        );
        Self::of_none(FaultKind::Hashes, detail)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            position,
            end,
            detail,
        } = self;
        let Some(position) = position else {
            let what = match kind {
                FaultKind::Resigned => "the checkpoint is not the log's",
                FaultKind::OtherLog => "another log",
                FaultKind::Hashes => "the stored hashes are not the log's",
                FaultKind::Altered
                | FaultKind::Missing
                | FaultKind::Reordered
                | FaultKind::Duplicated
                | FaultKind::Inserted
                | FaultKind::Truncated => kind.word(),
            };
            return write!(f, "{what}: {detail}");
        };
        let last = end.map(|end| end.saturating_sub(1));
        let last = last.filter(|last| last > position);
        match (kind, last) {
            (FaultKind::Altered, Some(last)) => {
                write!(f, "altered: a record from {position} to {last}")?;
            }
            (FaultKind::Truncated, None) => {
                write!(f, "truncated: record {position} and those after it")?;
            }
            (kind, None) => write!(f, "{}: record {position}", kind.word())?,
            (kind, Some(last)) => write!(f, "{}: records {position} to {last}", kind.word())?,
        }
        if detail.is_empty() {
            return Ok(());
        }
        write!(f, ": {detail}")
    }
}

impl Error for Fault {}
