//! Who wrote a log that is verified, and what of theirs is not in it.

use std::{collections::BTreeMap, ops::Range};

use chancery_proto::audit::v1::{Gap, Record, Restoration, Tombstone};
use prost::Message as _;

use super::{Fault, FaultKind, VerifyError};
use crate::ledger::Source;

/// As much of an entry as says that others are not there; the rest is passed over.
#[derive(Clone, PartialEq, prost::Message)]
struct Absence {
    /// `Entry.gap`.
    #[prost(message, optional, tag = "8")]
    gap: Option<Gap>,
    /// `Entry.tombstone`.
    #[prost(message, optional, tag = "13")]
    tombstone: Option<Tombstone>,
}

/// As much of an entry as says that the log went on from a copy.
#[derive(Clone, PartialEq, prost::Message)]
struct Copied {
    /// `Entry.restoration`.
    #[prost(message, optional, tag = "14")]
    restoration: Option<Restoration>,
}

/// What a record says of a copy that the log went on from.
pub(super) fn restoration(record: &[u8]) -> Option<Restoration> {
    let record = Record::decode(record).ok()?;
    // Nobody else restores anything.
    let is_own = record.node_id.is_empty();
    let entry = is_own.then(|| Copied::decode(&*record.entry).ok())??;
    entry.restoration
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    heights: BTreeMap<Source, u64>,
    missing: u64,
    gaps: u64,
    dropped: Vec<Range<u64>>,
}

impl Sources {
    /// Takes in a record.
    pub(super) fn add(&mut self, position: u64, record: &[u8]) -> Result<(), VerifyError> {
        let unreadable = |_| {
            let fault = Fault::new(FaultKind::Altered, position);
            fault.because("it is no record".to_owned())
        };
        let record = Record::decode(record).map_err(unreadable)?;
        let is_own = record.node_id.is_empty();
        let height = self
            .heights
            .entry((record.node_id, record.instance_id))
            .or_default();
        if record.sequence <= *height {
            let detail = format!(
                "sequence {} of its source is on the record before it",
                record.sequence
            );
            let fault = Fault::new(FaultKind::Duplicated, position).because(detail);
            return Err(fault.into());
        }
        // Those before the first that is here may have been dropped with the beginning of the log.
        if *height > 0 {
            let skipped = record.sequence.saturating_sub(*height).saturating_sub(1);
            self.missing = self.missing.saturating_add(skipped);
        }
        *height = record.sequence;
        let Ok(Absence { gap, tombstone }) = Absence::decode(&*record.entry) else {
            return Ok(());
        };
        self.gaps = self.gaps.saturating_add(u64::from(gap.is_some()));
        // Nobody else drops anything.
        let tombstone = tombstone.filter(|_| is_own);
        self.dropped
            .extend(tombstone.map(|it| it.from_position..it.to_position));
        Ok(())
    }

    /// Whether records say that a range of others was dropped.
    pub(super) fn explains(&self, range: &Range<u64>) -> bool {
        let mut dropped: Vec<_> = self.dropped.iter().collect();
        dropped.sort_by_key(|it| it.start);
        let reached = dropped.iter().fold(range.start, |reached, it| {
            if it.start <= reached {
                reached.max(it.end)
            } else {
                reached
            }
        });
        reached >= range.end
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.heights.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }
}
