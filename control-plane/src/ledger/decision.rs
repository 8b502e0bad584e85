//! One decision and what came of it.

use chancery_proto::audit::v1::{Decision, Direction, Entry, Outcome, entry::Event};
use prost::Message as _;
use prost_types::Timestamp;

use super::{Filter, Index, index::IndexError};

/// Entries of one decision: what was asked, a few questions of the server's, the outcome.
const MAX_ENTRIES: usize = 1_000;

/// A decision about what a client sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// When it was made.
    pub time: Timestamp,
    /// What came of it.
    pub outcome: Option<Outcome>,
}

impl Index {
    /// The decision that a filter for its id finds. Blocks on the disk.
    ///
    /// # Errors
    /// Where the index or a segment cannot be read.
    pub fn decided(&self, filter: &Filter) -> Result<Option<Decided>, IndexError> {
        let page = self.search(filter, u64::MAX, MAX_ENTRIES)?.page;
        let (mut decided, mut outcome) = (None, None);
        for found in page.records {
            let Ok(entry) = Entry::decode(&*found.record.entry) else {
                continue;
            };
            let time = entry.time.unwrap_or_default();
            match entry.event {
                Some(Event::Decision(decision)) if decision.direction() != Direction::ToClient => {
                    decided = Some((decision, time));
                }
                // What an instance said after it was taken for lost counts more.
                Some(Event::Outcome(found)) if found.lost_node_id.is_empty() => {
                    outcome = Some(found);
                }
                Some(Event::Outcome(found)) => drop(outcome.get_or_insert(found)),
                Some(
                    Event::Decision(_)
                    | Event::Drift(_)
                    | Event::Shadow(_)
                    | Event::AdminChange(_)
                    | Event::Gap(_)
                    | Event::Review(_)
                    | Event::Tombstone(_)
                    | Event::Restoration(_)
                    | Event::InstanceEnd(_)
                    | Event::RecordAccess(_),
                )
                | None => {}
            }
        }
        Ok(decided.map(|(decision, time)| Decided {
            decision,
            time,
            outcome,
        }))
    }
}
