//! Finds records by reading segments: those that the index does not have yet.

use std::{
    ops::{ControlFlow, Range},
    sync::PoisonError,
};

use chancery_proto::audit::v1::Record;
use prost::Message as _;

use super::{Filter, Ledger, LedgerError, Segment};

/// Most bytes of records in one page: it must fit a gRPC message, whose default limit is 4 MiB.
const MAX_PAGE_BYTES: usize = 3 << 20;

/// A record and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Positioned {
    /// Counts up from 0 over the whole log.
    pub position: u64,
    /// The record.
    pub record: Record,
}

/// Records in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records.
    pub records: Vec<Positioned>,
    /// Where the next page goes on: newest first, before this position; oldest first, at it. `None`:
    /// there is no more.
    pub next: Option<u64>,
    bytes: usize,
}

impl Page {
    /// Adds a record, unless the page is full.
    pub(super) fn add(&mut self, found: Positioned, limit: usize) -> bool {
        let bytes = self.bytes.saturating_add(found.record.encoded_len());
        let fits =
            self.records.len() < limit && (bytes <= MAX_PAGE_BYTES || self.records.is_empty());
        if fits {
            self.bytes = bytes;
            self.records.push(found);
        }
        fits
    }
}

impl Ledger {
    pub(super) fn segments_now(&self) -> Vec<Segment> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The size on disk of what is durable, in bytes.
    pub fn size_bytes(&self) -> u64 {
        let segments = self.segments_now();
        segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Finds up to `limit` records before a position, newest first. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn search(&self, filter: &Filter, before: u64, limit: usize) -> Result<Page, LedgerError> {
        let mut page = Page::default();
        self.scan(filter, 0..before, limit, &mut page)?;
        Ok(page)
    }

    /// Adds what is found in a range of positions to a page, newest first.
    pub(super) fn scan(
        &self,
        filter: &Filter,
        range: Range<u64>,
        limit: usize,
        page: &mut Page,
    ) -> Result<(), LedgerError> {
        let segments = self.segments_now();
        let overlaps = |it: &&Segment| it.first < range.end && it.end() > range.start;
        for segment in segments.iter().rev().filter(overlaps) {
            let records: Vec<_> = (segment.first..).zip(segment.read()?).collect();
            for (position, record) in records.into_iter().rev() {
                if !range.contains(&position) || !filter.admits(&record) {
                    continue;
                }
                if !page.add(Positioned { position, record }, limit) {
                    page.next = page.records.last().map(|last| last.position);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The records of a range of positions that a filter admits, oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn range(
        &self,
        filter: &Filter,
        from: u64,
        to: u64,
    ) -> Result<Vec<Positioned>, LedgerError> {
        let mut found = Vec::new();
        let overlaps = |segment: &&Segment| segment.first < to && segment.end() > from;
        for segment in self.segments_now().iter().filter(overlaps) {
            let records = (segment.first..).zip(segment.read()?);
            let wanted = records.filter(|(position, record)| {
                (from..to).contains(position) && filter.admits(record)
            });
            found.extend(wanted.map(|(position, record)| Positioned { position, record }));
        }
        Ok(found)
    }

    /// Shows every record, oldest first, until told to stop; no more than one segment is held.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn visit(
        &self,
        mut each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        for segment in self.segments_now() {
            if segment.visit(&mut each)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
