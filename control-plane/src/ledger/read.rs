//! Finds records by reading segments. Indexes come with the search that needs them.

use std::{ops::ControlFlow, sync::PoisonError};

use chancery_proto::audit::v1::{Entry, Record, RecordFilter, Verdict, entry::Event};
use prost::Message as _;
use prost_types::Timestamp;

use super::{Ledger, LedgerError, Segment};
use crate::access::{Grants, Role};

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

/// Records, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records.
    pub records: Vec<Positioned>,
    /// Where the next page ends: before this position. `None`: there is no more.
    pub next: Option<u64>,
}

/// What records must be to be found.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    wanted: RecordFilter,
    decision_id: Option<Vec<u8>>,
    /// Whose records are found. Absent: everyone's.
    reader: Option<Grants>,
}

impl Filter {
    /// Reads a filter; `None` where its decision id is none.
    pub fn new(filter: RecordFilter) -> Option<Self> {
        let decision_id = match &*filter.decision_id {
            "" => None,
            text => Some(unhex(text)?),
        };
        Some(Self {
            wanted: filter,
            decision_id,
            reader: None,
        })
    }

    /// Only what an auditor with these grants may read: what names a resource, and only resources
    /// where they are auditor.
    #[must_use]
    pub fn for_reader(self, grants: Grants) -> Self {
        Self {
            reader: Some(grants),
            ..self
        }
    }

    /// Whether a record is one of those.
    pub fn admits(&self, record: &Record) -> bool {
        let Ok(entry) = Entry::decode(&*record.entry) else {
            return false;
        };
        let time = entry.time.unwrap_or_default();
        let not_before =
            |start: Option<Timestamp>| start.is_none_or(|start| key(time) >= key(start));
        let before = |end: Option<Timestamp>| end.is_none_or(|end| key(time) < key(end));
        let same_decision = self
            .decision_id
            .as_ref()
            .is_none_or(|id| *id == entry.decision_id);
        self.may_be_read(entry.event.as_ref())
            && same_decision
            && not_before(self.wanted.start_time)
            && before(self.wanted.end_time)
            && self.admits_event(entry.event.as_ref())
    }

    fn may_be_read(&self, event: Option<&Event>) -> bool {
        let Some(grants) = &self.reader else {
            return true;
        };
        let names = match event {
            Some(Event::Decision(decision)) => &decision.server,
            Some(Event::Outcome(outcome)) => &outcome.server,
            Some(Event::Drift(drift)) => &drift.server,
            Some(Event::AdminChange(change)) => &change.resource,
            Some(Event::Review(review)) => &review.server,
            // These name no resource.
            Some(
                Event::Gap(_)
                | Event::Shadow(_)
                | Event::Tombstone(_)
                | Event::Restoration(_)
                | Event::InstanceEnd(_),
            )
            | None => return false,
        };
        let mut names = names.split(' ').peekable();
        names.peek().is_some() && names.all(|name| grants.allow_at(Role::Auditor, name))
    }

    fn admits_event(&self, event: Option<&Event>) -> bool {
        let RecordFilter {
            user,
            server,
            capability,
            method,
            verdict,
            shadow,
            drift,
            decision_id: _,
            start_time: _,
            end_time: _,
        } = &self.wanted;
        let any_verdict = i32::from(Verdict::Unspecified);
        let is = |wanted: &String, found: &str| wanted.is_empty() || wanted == found;
        let at = |found: &str| {
            let id = found.rsplit('/').next().unwrap_or_default();
            is(server, found) || is(server, id)
        };
        let asks_who = !user.is_empty() || !method.is_empty() || *verdict != any_verdict || *shadow;
        let asks_of_decisions = asks_who || !capability.is_empty();
        match event {
            Some(Event::Drift(found)) => {
                !asks_who && is(capability, &found.capability) && at(&found.server)
            }
            _ if *drift => false,
            Some(Event::Decision(decision)) => {
                let principal = decision.principal.as_ref();
                let found = principal.and_then(|principal| principal.user.as_ref());
                is(user, found.map_or("", |user| &user.value))
                    && at(&decision.server)
                    && is(capability, &decision.capability)
                    && is(method, &decision.method)
                    && (*verdict == any_verdict || *verdict == decision.verdict)
                    && !(*shadow && decision.shadow_rules.is_empty())
            }
            Some(Event::Review(review)) => {
                let asks_else = !method.is_empty() || *verdict != any_verdict || *shadow;
                let principal = review.principal.as_ref();
                let found = principal.and_then(|principal| principal.user.as_ref());
                !asks_else
                    && is(user, found.map_or("", |user| &user.value))
                    && at(&review.server)
                    && is(capability, &review.capability)
            }
            Some(Event::Outcome(outcome)) => !asks_of_decisions && at(&outcome.server),
            Some(
                Event::AdminChange(_)
                | Event::Gap(_)
                | Event::Shadow(_)
                | Event::Tombstone(_)
                | Event::Restoration(_)
                | Event::InstanceEnd(_),
            )
            | None => !asks_of_decisions && server.is_empty(),
        }
    }
}

fn key(time: Timestamp) -> (i64, i32) {
    (time.seconds, time.nanos)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 32)?;
    let pairs = digits.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => Some((high << 4) | low),
        _ => None,
    });
    Some(pairs.collect())
}

impl Ledger {
    pub(super) fn segments_now(&self) -> Vec<Segment> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Finds up to `limit` records before a position, newest first. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn search(&self, filter: &Filter, before: u64, limit: usize) -> Result<Page, LedgerError> {
        let mut page = Page::default();
        let mut page_bytes: usize = 0;
        for segment in self
            .segments_now()
            .iter()
            .rev()
            .filter(|segment| segment.first < before)
        {
            for (position, record) in (segment.first..)
                .zip(segment.read()?)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
            {
                if position >= before || !filter.admits(&record) {
                    continue;
                }
                page_bytes = page_bytes.saturating_add(record.encoded_len());
                if page.records.len() == limit || page_bytes > MAX_PAGE_BYTES {
                    page.next = page.records.last().map(|last| last.position);
                    return Ok(page);
                }
                page.records.push(Positioned { position, record });
            }
        }
        Ok(page)
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
