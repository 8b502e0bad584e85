//! What of a list of tools is timed: telling that every definition in it is approved.

use chancery_engine::{
    approved::{Approved, Pinning},
    canonical::{DefinitionKind, ListMemory, Pin, Pinned, Pins},
    id::{Digest, SnapshotVersion},
    json::{Document, Value},
    limits::Limits,
};
use serde::{Deserialize, Serialize};

use crate::clock::{nanoseconds_since, now};

/// Under a millisecond's clock one check is too short to be timed.
const CHECKS: u32 = 10;

/// An answer with a list of tools, and how often to check it.
#[derive(Debug, Deserialize)]
pub(crate) struct List {
    rounds: usize,
    answer: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct ListReport {
    /// Of the list.
    bytes: usize,
    tools: usize,
    /// How long one check took where the same bytes were approved before, in nanoseconds.
    hit_ns: Vec<u64>,
    /// How long one took that was the first of its list, in nanoseconds.
    miss_ns: Vec<u64>,
    /// How long reading the answer took, which is in neither, in nanoseconds.
    parse_ns: Vec<u64>,
}

/// Checks a list again and again. `None`: it is no answer with tools that can be pinned.
pub(crate) fn run(work: &List) -> Option<ListReport> {
    let limits = Limits::default();
    let bytes = work.answer.as_bytes();
    let document = Document::parse(bytes, limits.max_response_bytes, &limits).ok()?;
    let tools = document.root().get("result")?.get("tools")?;
    let mut report = ListReport {
        bytes: tools.raw().len(),
        tools: tools.items().count(),
        hit_ns: Vec::with_capacity(work.rounds),
        miss_ns: Vec::with_capacity(work.rounds),
        parse_ns: Vec::with_capacity(work.rounds),
    };
    let approved = approved(tools)?;
    let snapshot = SnapshotVersion {
        epoch: 1,
        version: 1,
        digest: Digest::of(b"list"),
    };
    for round in 0..work.rounds {
        let begun = now();
        for _ in 0..CHECKS {
            let parsed = Document::parse(bytes, limits.max_response_bytes, &limits);
            std::hint::black_box(parsed.is_ok());
        }
        report
            .parse_ns
            .push(nanoseconds_since(begun) / u64::from(CHECKS));
        let round = u64::try_from(round).unwrap_or_default();
        let mut memory = ListMemory::new((round, 1), 16);
        let begun = now();
        for _ in 0..CHECKS {
            // Nothing is remembered yet.
            let id = memory.id(&snapshot, "server", DefinitionKind::Tool, tools);
            let is_known = memory.is_approved(id);
            std::hint::black_box(is_known || all_approved(&approved, tools));
        }
        report
            .miss_ns
            .push(nanoseconds_since(begun) / u64::from(CHECKS));
        let id = memory.id(&snapshot, "server", DefinitionKind::Tool, tools);
        all_approved(&approved, tools).then_some(())?;
        memory.remember(id);
        let begun = now();
        for _ in 0..CHECKS {
            let id = memory.id(&snapshot, "server", DefinitionKind::Tool, tools);
            std::hint::black_box(memory.is_approved(id));
        }
        report
            .hit_ns
            .push(nanoseconds_since(begun) / u64::from(CHECKS));
    }
    Some(report)
}

fn approved(tools: Value<'_>) -> Option<Approved> {
    let names: Option<Vec<_>> = tools
        .items()
        .map(|tool| tool.get("name")?.as_str())
        .collect();
    let names = names?;
    let pins = tools.items().zip(&names).map(|(tool, name)| {
        let kind = DefinitionKind::Tool;
        Some((Pinned::Capability { kind, name }, Pin::of(tool).ok()?))
    });
    let pins: Option<Vec<_>> = pins.collect();
    Some(Approved::new(Pinning::Enforce, Pins::new(pins?).ok()?))
}

/// As the exchange does it, item by item.
fn all_approved(approved: &Approved, tools: Value<'_>) -> bool {
    tools.items().all(|tool| {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let what = Pinned::Capability {
            kind: DefinitionKind::Tool,
            name: &name,
        };
        approved.drift_of(what, tool).is_none()
    })
}
