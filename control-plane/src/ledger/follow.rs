//! Reads the record as it grows, each part of it once.

use super::{
    Ledger, LedgerError, Positioned,
    segment::{Segment, frames},
};

/// Who reads the record from a position on.
#[derive(Clone, Debug)]
pub struct Follower {
    /// Where the next record that is wanted is.
    position: u64,
    /// As far as a segment has been read.
    mark: Option<Mark>,
}

/// A record, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// Where in its segment it begins.
    pub(super) bytes: u64,
    pub(super) found: Positioned,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The position of the segment's first record.
    segment: u64,
    /// The position of the record at `bytes`.
    position: u64,
    /// Where in the segment that is.
    bytes: u64,
}

impl Follower {
    /// One that begins at a position.
    pub fn new(position: u64) -> Self {
        Self {
            position,
            mark: None,
        }
    }

    /// The position after the last record that was read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next records, oldest first, a few MiB of them at most. None: there are no more by now. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn read(&mut self, ledger: &Ledger) -> Result<Vec<Positioned>, LedgerError> {
        let placed = self.read_placed(ledger)?;
        Ok(placed.into_iter().map(|placed| placed.found).collect())
    }

    /// As [`Self::read`], with where each record is.
    pub(super) fn read_placed(&mut self, ledger: &Ledger) -> Result<Vec<Placed>, LedgerError> {
        let segments = ledger.segments_now();
        let next = segments.iter().find(|it| it.end() > self.position);
        let Some(segment) = next else {
            return Ok(Vec::new());
        };
        loop {
            let found = self.advance(segment)?;
            if !found.is_empty() || self.position >= segment.end() {
                return Ok(found);
            }
        }
    }

    /// Reads a part of a segment, and gives what of it is wanted.
    fn advance(&mut self, segment: &Segment) -> Result<Vec<Placed>, LedgerError> {
        let start = Mark {
            segment: segment.first,
            position: segment.first,
            bytes: 0,
        };
        let known = self.mark.filter(|mark| mark.segment == segment.first);
        let mut mark = known.unwrap_or(start);
        let part = segment.part(mark.bytes)?;
        let (mut found, mut read_bytes) = (Vec::new(), 0);
        for (end, record) in frames(&part) {
            if mark.position >= self.position {
                let position = mark.position;
                found.push(Placed {
                    bytes: mark
                        .bytes
                        .saturating_add(super::segment::length(read_bytes)),
                    found: Positioned { position, record },
                });
            }
            mark.position = mark.position.saturating_add(1);
            read_bytes = end;
        }
        if read_bytes == 0 {
            // What was whole when it was opened is not now: there is nothing to wait for in it.
            tracing::error!(path = %segment.path.display(), "a part of the log cannot be read");
            self.mark = None;
            self.position = segment.end();
            return Ok(found);
        }
        mark.bytes = mark
            .bytes
            .saturating_add(super::segment::length(read_bytes));
        self.mark = Some(mark);
        self.position = self.position.max(mark.position);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::{Batch, Filter, Ledger};

    use super::*;

    async fn append(ledger: &Ledger, sequences: std::ops::Range<u64>) {
        // Each is an `Entry` of one field, `decision_id`.
        let entry = |sequence| (sequence, vec![0x1a, 0x01, 0x61]);
        let batch = Batch {
            source: ("node".to_owned(), vec![1]),
            entries: sequences.map(entry).collect(),
        };
        ledger.append(batch).await.unwrap();
    }

    fn positions(found: &[Positioned]) -> Vec<u64> {
        found.iter().map(|it| it.position).collect()
    }

    #[tokio::test]
    async fn each_record_is_read_once_and_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        let mut follower = Follower::new(2);
        assert!(follower.read(&ledger).unwrap().is_empty());
        append(&ledger, 1..5).await;
        assert_eq!(positions(&follower.read(&ledger).unwrap()), [2, 3]);
        assert!(follower.read(&ledger).unwrap().is_empty());
        append(&ledger, 5..7).await;
        let found = follower.read(&ledger).unwrap();
        let all = Filter::new(chancery_proto::audit::v1::RecordFilter::default()).unwrap();
        assert_eq!(found, ledger.range(&all, 4, 6).unwrap());
        assert_eq!(follower.position(), 6);
        drop(ledger);
        let ledger = Ledger::open(folder.path()).unwrap();
        let mut again = Follower::new(5);
        assert_eq!(positions(&again.read(&ledger).unwrap()), [5]);
    }
}
