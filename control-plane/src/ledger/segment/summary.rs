//! What opening a log needs of a segment that is full, so that it need not be read for it.
//!
//! It is beside the segment, as JSON, and made again where it is missing.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Segment, first_of};
use crate::ledger::{LedgerError, Source, io_error};

/// A full segment in short.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct Summary {
    records: u64,
    bytes: u64,
    /// The highest sequence of each source in it.
    heights: Vec<(Source, u64)>,
}

impl Summary {
    /// Of a segment that is full, and what is known of the segment by it.
    pub(in crate::ledger) fn of_full(path: &Path) -> Result<(Segment, Self), LedgerError> {
        let beside = path.with_extension("summary");
        let known = match fs::read(&beside) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&beside)(error)),
        };
        let length = fs::metadata(path).map_err(io_error(path))?.len();
        // One that does not fit its segment is of another.
        if let Some(summary) = known.filter(|summary: &Self| summary.bytes == length) {
            let segment = Segment {
                path: path.to_owned(),
                first: first_of(path),
                records: summary.records,
                bytes: summary.bytes,
                torn_bytes: 0,
            };
            return Ok((segment, summary));
        }
        let (segment, summary) = Self::scan(path)?;
        if let Err(error) = summary.write(&beside) {
            tracing::warn!(%error, "a full segment will be read again when the log is opened");
        }
        Ok((segment, summary))
    }

    /// Reads a segment through.
    pub(in crate::ledger) fn scan(path: &Path) -> Result<(Segment, Self), LedgerError> {
        let mut heights = BTreeMap::new();
        let segment = Segment::scan(path, |record| {
            let source = (record.node_id, record.instance_id);
            let height: &mut u64 = heights.entry(source).or_default();
            *height = (*height).max(record.sequence);
        })?;
        let summary = Self {
            records: segment.records,
            bytes: segment.bytes,
            heights: heights.into_iter().collect(),
        };
        Ok((segment, summary))
    }

    /// Raises the heights of sources to those in the segment.
    pub(in crate::ledger) fn raise(self, heights: &mut BTreeMap<Source, u64>) {
        for (source, found) in self.heights {
            let height = heights.entry(source).or_default();
            *height = (*height).max(found);
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(&serde_json::to_vec(self)?)
    }
}
