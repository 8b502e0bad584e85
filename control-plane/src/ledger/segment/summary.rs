//! What opening a log needs of a segment that is full, so that it need not be read for it.
//!
//! It is beside the segment, as JSON, and made again where it is missing.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use chancery_proto::audit::v1::{Entry, Record, entry::Event};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::{Segment, first_of};
use crate::ledger::{LedgerError, Source, io_error};

/// A full segment in short.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct Summary {
    records: u64,
    bytes: u64,
    sources: Vec<(Source, Known)>,
}

/// What records say of a source.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct Known {
    /// Its highest sequence.
    pub(in crate::ledger) height: u64,
    /// Whether it ended, or was lost, after that.
    pub(in crate::ledger) is_over: bool,
}

/// What records say of every source.
pub(in crate::ledger) type Sources = BTreeMap<Source, Known>;

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
        let mut sources = Sources::new();
        let segment = Segment::scan(path, |record| see(&mut sources, record))?;
        let summary = Self {
            records: segment.records,
            bytes: segment.bytes,
            sources: sources.into_iter().collect(),
        };
        Ok((segment, summary))
    }

    /// Adds what the segment says to what those before it said.
    pub(in crate::ledger) fn add_to(self, sources: &mut Sources) {
        for (source, found) in self.sources {
            let known = sources.entry(source).or_default();
            known.height = known.height.max(found.height);
            known.is_over = found.is_over;
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(&serde_json::to_vec(self)?)
    }
}

fn see(sources: &mut Sources, record: Record) {
    let is_own = record.node_id.is_empty();
    let known = sources
        .entry((record.node_id, record.instance_id))
        .or_default();
    known.height = known.height.max(record.sequence);
    known.is_over = false;
    let entry = is_own.then(|| Entry::decode(&*record.entry).ok()).flatten();
    let over = match entry.and_then(|entry| entry.event) {
        Some(Event::Gap(gap)) if gap.reason == "instance_lost" => (gap.node_id, gap.instance_id),
        Some(Event::InstanceEnd(end)) => (end.node_id, end.instance_id),
        Some(
            Event::Gap(_)
            | Event::Decision(_)
            | Event::Outcome(_)
            | Event::Drift(_)
            | Event::AdminChange(_)
            | Event::Review(_)
            | Event::Shadow(_)
            | Event::Tombstone(_)
            | Event::Restoration(_)
            | Event::RecordAccess(_),
        )
        | None => return,
    };
    sources.entry(over).or_default().is_over = true;
}
