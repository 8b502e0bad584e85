//! `chancery audit reconcile`: what an Envoy's access log says was sent on, held against the record.

mod access_log;

use std::{collections::BTreeMap, io, path::PathBuf};

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{Direction, Entry, RecordFilter, Verdict, entry::Event};
use prost::Message as _;
use prost_types::Timestamp;
use serde::Serialize;

use self::access_log::{Line, Lines};
use crate::cli::{
    connect::Connection,
    console::Console,
    exit::{Exit, Failure},
    output::Format,
    table::{self, Cell},
};

/// As much earlier or later than all lines their entries are looked for.
const AROUND_SECONDS: i64 = 60;

/// Find calls that an Envoy sent on without an entry, and entries without a line
///
/// Reads an access log in JSON lines, each with `start_time`, `duration_ms`, `upstream`, `request_id` and
/// `decision`, as envoy/envoy.yaml has it, that is written to the end. Exits with 1 where the log and
/// the record differ.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery audit reconcile /var/log/envoy/access.log
  chancery audit reconcile access.log --node envoy-1 -o json
  zcat access.log.1.gz | chancery audit reconcile -")]
pub(crate) struct ReconcileArgs {
    /// The access log of one Envoy; - is standard input
    #[arg(value_name = "ACCESS_LOG")]
    access_log: PathBuf,
    /// The Envoy's node id; where left out, those whose entries the log names
    #[arg(long, value_name = "NODE_ID")]
    node: Option<String>,
    /// The Envoy carries other traffic too: lines without a decision are no calls
    #[arg(long)]
    mixed: bool,
}

/// What differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Difference {
    /// Envoy sent it on, and the record has no entry of it.
    NoEntry,
    /// Envoy sent it on, and nothing was decided about it.
    NoDecision,
    /// Envoy sent it on, and the record says that it was refused.
    Refused,
    /// The record says that it was sent on, and the log has no line of it.
    NoLine,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Found {
    difference: Difference,
    /// The decision's id; empty where nothing was decided.
    decision: String,
    /// Envoy's `x-request-id`.
    request_id: String,
    /// When the request began, as the log or the record has it.
    time: String,
}

/// What the record says of one decision.
#[derive(Clone, Debug, Default)]
struct Recorded {
    node_id: String,
    request_id: String,
    time: Timestamp,
    is_allowed: bool,
    /// When it ended, where that was sent on. `None`: it is open, or nothing was sent.
    end: Option<Timestamp>,
    is_unsent: bool,
}

/// The record, by decision id.
#[derive(Debug, Default)]
struct Record(BTreeMap<String, Recorded>);

pub(super) async fn run(
    args: &ReconcileArgs,
    connection: &Connection,
    format: Format,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let lines = Lines::read(&args.access_log).map_err(|error| unreadable(args, &error))?;
    let Some((first, last)) = lines.span() else {
        let found = format!("found no line of JSON in {}", args.access_log.display());
        let expected = "expected an access log as envoy/envoy.yaml writes it";
        return Err(Failure::Usage(format!("{found}, {expected}")));
    };
    let around = |time: Timestamp, seconds: i64| Timestamp {
        seconds: time.seconds.saturating_add(seconds),
        ..time
    };
    let filter = RecordFilter {
        start_time: Some(around(first, -AROUND_SECONDS)),
        end_time: Some(around(last, AROUND_SECONDS)),
        ..RecordFilter::default()
    };
    let mut record = Record::default();
    super::search_each(connection, filter, u32::MAX, |positioned| {
        if let Some(found) = positioned.record {
            record.add(&found.node_id, &found.entry);
        }
    })
    .await?;
    let found = differences(&lines, &record, args);
    write(&found, format, console)?;
    Ok(if found.is_empty() {
        Exit::Success
    } else {
        Exit::Negative
    })
}

fn unreadable(args: &ReconcileArgs, error: &io::Error) -> Failure {
    let path = args.access_log.display();
    Failure::Usage(format!("cannot read the access log {path}: {error}"))
}

impl Record {
    fn add(&mut self, node_id: &str, entry: &[u8]) {
        let Ok(entry) = Entry::decode(entry) else {
            return;
        };
        let id = Hex(&entry.decision_id).to_string();
        let time = entry.time.unwrap_or_default();
        match entry.event {
            Some(Event::Decision(decision)) if decision.direction() == Direction::ToServer => {
                let recorded = self.0.entry(id).or_default();
                node_id.clone_into(&mut recorded.node_id);
                recorded.is_allowed = decision.verdict() == Verdict::Allow;
                recorded.request_id = decision.request_id;
                recorded.time = time;
            }
            Some(Event::Outcome(outcome)) => {
                let recorded = self.0.entry(id).or_default();
                recorded.is_unsent |= outcome.unsent;
                // A killed Envoy writes no line.
                if !outcome.unsent && outcome.lost_node_id.is_empty() {
                    recorded.end = Some(time);
                }
            }
            Some(_) | None => {}
        }
    }
}

/// Everything in which log and record differ: lines in the order of the log, then entries.
fn differences(lines: &Lines, record: &Record, args: &ReconcileArgs) -> Vec<Found> {
    let mut found: Vec<_> = lines
        .sent_on()
        .filter_map(|line| {
            let difference = match record.0.get(&line.decision) {
                _ if line.decision.is_empty() && args.mixed => return None,
                _ if line.decision.is_empty() => Difference::NoDecision,
                Some(recorded) if !recorded.is_allowed || recorded.is_unsent => Difference::Refused,
                Some(_) => return None,
                None => Difference::NoEntry,
            };
            Some(of_line(difference, line))
        })
        .collect();
    let named = |node: &str| {
        if let Some(own) = &args.node {
            return own == node;
        }
        let of = |line: &Line| {
            record
                .0
                .get(&line.decision)
                .is_some_and(|it| it.node_id == node)
        };
        lines.all().any(of)
    };
    let mut nodes: BTreeMap<&str, bool> = BTreeMap::new();
    for (id, recorded) in &record.0 {
        let is_named = *nodes
            .entry(&recorded.node_id)
            .or_insert_with(|| named(&recorded.node_id));
        let is_within = recorded
            .end
            .is_some_and(|end| lines.covers(recorded.time, end));
        if is_named && recorded.is_allowed && is_within && !lines.has(id) {
            found.push(Found {
                difference: Difference::NoLine,
                decision: id.clone(),
                request_id: recorded.request_id.clone(),
                time: recorded.time.to_string(),
            });
        }
    }
    found
}

fn of_line(difference: Difference, line: &Line) -> Found {
    Found {
        difference,
        decision: line.decision.clone(),
        request_id: line.request_id.clone(),
        time: line.start.to_string(),
    }
}

fn write(found: &[Found], format: Format, console: &mut Console<'_>) -> Result<(), Failure> {
    match format {
        Format::Json => console.json(&found)?,
        Format::Yaml => console.yaml(&found, true)?,
        Format::Table | Format::Name if found.is_empty() => {
            console.line("the access log and the record agree")?;
        }
        Format::Table | Format::Name => {
            let row = |it: &Found| {
                let texts = [said(it.difference), &it.decision, &it.request_id, &it.time];
                texts.map(Cell::new).into()
            };
            let rows: Vec<Vec<Cell>> = found.iter().map(row).collect();
            table::write(&["WHAT", "DECISION", "REQUEST", "TIME"], &rows, console)?;
        }
    }
    console.flush()
}

fn said(difference: Difference) -> &'static str {
    match difference {
        Difference::NoEntry => "sent on, not on the record",
        Difference::NoDecision => "sent on, nothing decided",
        Difference::Refused => "sent on, refused on the record",
        Difference::NoLine => "on the record, not in the log",
    }
}

#[cfg(test)]
mod tests;
