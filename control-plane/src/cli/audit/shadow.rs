//! How often each rule in shadow would have changed an outcome.

use std::collections::BTreeMap;

use chancery_proto::audit::v1::{Entry, PositionedRecord, Verdict, entry::Event};
use prost::Message as _;
use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::cli::{
    console::Console,
    exit::Failure,
    explanation::short,
    output::Format,
    table::{self, Cell},
    time,
};

/// What rules in shadow would have changed, by their resource names.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, Count>);

/// What one rule would have changed.
#[derive(Debug, Default)]
struct Count {
    /// Allowed, and refused had it been enforced.
    refused: u64,
    /// Refused, and allowed had it been enforced.
    allowed: u64,
    /// When that was last.
    last: Timestamp,
}

impl Tally {
    /// Counts a record, for every rule that it names.
    pub(super) fn add(&mut self, found: &PositionedRecord) {
        let record = found.record.as_ref();
        let Some(entry) = record.and_then(|record| Entry::decode(&*record.entry).ok()) else {
            return;
        };
        let Some(Event::Decision(decision)) = entry.event else {
            return;
        };
        let time = entry.time.unwrap_or_default();
        let verdict = decision.verdict();
        for rule in decision.shadow_rules {
            let count = self.0.entry(rule).or_default();
            let counted = match verdict {
                Verdict::Allow => &mut count.refused,
                Verdict::Deny | Verdict::RequireApproval | Verdict::Unspecified => {
                    &mut count.allowed
                }
            };
            *counted = counted.saturating_add(decision.count.max(1));
            if (time.seconds, time.nanos) > (count.last.seconds, count.last.nanos) {
                count.last = time;
            }
        }
    }

    /// Writes a row or a document for each rule.
    pub(super) fn write(&self, format: Format, console: &mut Console<'_>) -> Result<(), Failure> {
        match format {
            Format::Table | Format::Name => {
                let heading = ["RULE", "WOULD REFUSE", "WOULD ALLOW", "LAST"];
                let rows: Vec<_> = self.0.iter().map(row).collect();
                table::write(&heading, &rows, console)?;
            }
            Format::Json => {
                for count in self.0.iter().map(document) {
                    console.json_line(&count)?;
                }
            }
            Format::Yaml => {
                for (position, count) in self.0.iter().map(document).enumerate() {
                    console.yaml(&count, position == 0)?;
                }
            }
        }
        console.flush()
    }
}

fn row((rule, count): (&String, &Count)) -> Vec<Cell> {
    vec![
        Cell::new(&short(rule)),
        Cell::new(&count.refused.to_string()),
        Cell::new(&count.allowed.to_string()),
        Cell::new(&time::seconds(&count.last)),
    ]
}

fn document((rule, count): (&String, &Count)) -> Value {
    json!({
        "rule": rule,
        "wouldRefuse": count.refused,
        "wouldAllow": count.allowed,
        "lastTime": time::milliseconds(&count.last),
    })
}
