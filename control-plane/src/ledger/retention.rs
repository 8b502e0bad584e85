//! Drops records whose time is over: whole segments from the beginning of the log, whose hashes stay.
//!
//! That they were dropped is a record itself, durable before the first of them is gone, so that whoever
//! verifies the log knows why it begins where it does.

use std::{fs, sync::PoisonError, time::Duration};

use chancery_proto::audit::v1::{Tombstone, entry::Event};
use prost_types::Timestamp;

use super::{Ledger, LedgerError, Segment, entry, io_error, segment::sync_folder};
use crate::ledger::Batch;

/// What was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The position of the first of the records.
    pub from: u64,
    /// The position after the last of them.
    pub to: u64,
}

impl Ledger {
    /// Drops every full segment whose newest record is older than so long before `now`. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read or removed, or that it was dropped cannot be recorded; nothing is
    /// dropped then that is not recorded.
    pub fn drop_older(
        &self,
        retention: Duration,
        now: Timestamp,
    ) -> Result<Option<Dropped>, LedgerError> {
        let seconds = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        let limit = now.seconds.saturating_sub(seconds);
        let segments = self.segments_now();
        let (_newest, full) = segments.split_last().unzip();
        let mut dropped = Vec::new();
        let mut newest_receive_time = None;
        for segment in full.unwrap_or_default() {
            let Some(time) = segment.newest_receive_time()? else {
                break;
            };
            if time.seconds >= limit {
                break;
            }
            newest_receive_time = Some(time);
            dropped.push(segment.clone());
        }
        let (Some(first), Some(last)) = (dropped.first(), dropped.last()) else {
            return Ok(None);
        };
        let range = Dropped {
            from: first.first,
            to: last.end(),
        };
        self.append_blocking(entry(Event::Tombstone(Tombstone {
            from_position: range.from,
            to_position: range.to,
            newest_receive_time,
            retention: prost_types::Duration::try_from(retention).ok(),
        })))?;
        self.forget(&dropped);
        for segment in &dropped {
            for path in [segment.path.with_extension("summary"), segment.path.clone()] {
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    // A summary is not there before the log was opened once more.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(io_error(&path)(error)),
                }
            }
        }
        sync_folder(&self.folder)?;
        Ok(Some(range))
    }

    /// Appends an entry of the control plane's own from where nothing asynchronous runs.
    fn append_blocking(&self, entry: Vec<u8>) -> Result<(), LedgerError> {
        let done = self.enqueue(Batch::own(entry));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(io_error(&self.folder))?;
        runtime.block_on(done).map(drop).map_err(|error| {
            let error = std::io::Error::other(error.to_string());
            io_error(&self.folder)(error)
        })
    }

    /// Shows readers no more of these segments.
    fn forget(&self, dropped: &[Segment]) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.retain(|segment| dropped.iter().all(|it| it.path != segment.path));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        ledger::{
            Filter,
            checkpoint::{Checkpoints, LogKeys, LogSigner},
            verify::{FaultKind, VerifyError, verify},
        },
        registry::now,
        signing::SigningKey,
    };

    async fn append(ledger: &Ledger, sequences: std::ops::RangeInclusive<u64>) {
        for sequence in sequences {
            let batch = Batch {
                source: ("node".to_owned(), vec![1]),
                entries: vec![(sequence, vec![0x1a, 0x01, 0x61])],
            };
            ledger.append(batch).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_dropped_is_on_the_record_and_the_rest_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open_with(folder.path(), 400).unwrap();
        let key = Arc::new(SigningKey::from_secret(&[1; 32]));
        let signer = LogSigner::open(folder.path(), key).unwrap();
        let keys = LogKeys::parse(&signer.public_key()).unwrap();
        append(&ledger, 1..=40).await;
        let before = ledger.segments_now().len();
        let ledger = Arc::new(ledger);
        let day = Duration::from_hours(24);
        let drop_at = |now: Timestamp| {
            let ledger = Arc::clone(&ledger);
            tokio::task::spawn_blocking(move || ledger.drop_older(day, now))
        };
        assert_eq!(drop_at(now()).await.unwrap().unwrap(), None, "too young");
        let later = Timestamp {
            seconds: now().seconds + 2 * 86_400,
            nanos: 0,
        };
        let dropped = drop_at(later).await.unwrap().unwrap().unwrap();
        assert_eq!(dropped.from, 0);
        assert!(dropped.to > 30 && before > 3, "{dropped:?} of {before}");
        append(&ledger, 41..=45).await;
        let left = ledger.range(&Filter::default(), 0, u64::MAX).unwrap();
        assert_eq!(left.first().unwrap().position, dropped.to);

        // Also after a restart, in which each source keeps its height.
        drop(Arc::into_inner(ledger).unwrap());
        let ledger = Ledger::open_with(folder.path(), 400).unwrap();
        append(&ledger, 44..=46).await;
        let checkpoints = Checkpoints::open(&ledger, signer).unwrap();
        let report = verify(folder.path(), &keys, &[]).unwrap();
        assert_eq!((report.first, report.signed.head.size), (dropped.to, 47));
        assert_eq!(
            ledger
                .prove(&left, &checkpoints.sign().unwrap())
                .unwrap()
                .len(),
            left.len()
        );

        // One segment more is not said to be dropped.
        let oldest = ledger.segments_now().remove(0);
        drop(ledger);
        fs::remove_file(&oldest.path).unwrap();
        let refused = verify(folder.path(), &keys, &[]).unwrap_err();
        assert!(
            matches!(&refused, VerifyError::Fault(fault) if fault.kind == FaultKind::Missing),
            "{refused}"
        );
    }
}
