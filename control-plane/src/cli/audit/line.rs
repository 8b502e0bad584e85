//! A record as one line for a person.

use chancery_proto::audit::v1::{
    AdminChange, Attribute, Decision, DriftSighting, Entry, Finding, Gap, InstanceEnd, Outcome,
    OutcomeStatus, PositionedRecord, RecordAccess, Restoration, Review, ReviewVerdict, ShadowKind,
    ShadowSighting, SightingSource, Tombstone, Verdict, entry::Event,
};
use prost::Message as _;
use prost_types::Duration;

use crate::{
    cli::{
        console::{Console, Tone},
        exit::Failure,
        name::{Name, id_of},
        nodes::short_id,
        table::{Cell, Columns, heading},
        time,
    },
    review::called::{named, word},
};

/// No name takes more columns than this.
const NAME_COLUMNS: usize = 40;

/// No reason takes more columns than this; `-o json` has all of it.
const REASON_COLUMNS: usize = 72;

const HEADING: [&str; 7] = [
    "TIME", "VERDICT", "USER", "SERVER", "CALL", "WHY", "DECISION",
];

/// The widths that most lines have, so that lines that come one by one stay aligned.
const WIDTHS: [usize; 7] = [24, 7, 17, 8, 20, 28, 8];

/// Writes records as lines under one heading.
#[derive(Debug)]
pub(super) struct Lines {
    columns: Columns,
    begun: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            columns: Columns::new(&WIDTHS),
            begun: false,
        }
    }
}

impl Lines {
    pub(super) fn write_all(
        &mut self,
        records: &[PositionedRecord],
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        let rows: Vec<Vec<Cell>> = records.iter().map(row).collect();
        for row in &rows {
            self.columns.fit(row);
        }
        if !rows.is_empty() && !self.begun {
            self.columns.write(&heading(&HEADING), console)?;
            self.begun = true;
        }
        rows.iter()
            .try_for_each(|row| self.columns.write(row, console))
    }
}

/// What a line says between its time and its decision.
struct Said {
    verdict: Cell,
    user: String,
    server: String,
    call: String,
    why: String,
}

fn row(positioned: &PositionedRecord) -> Vec<Cell> {
    let record = positioned.record.clone().unwrap_or_default();
    let (entry, said) = match Entry::decode(record.entry.as_slice()) {
        Ok(entry) => {
            let said = said(entry.event.as_ref());
            (entry, said)
        }
        Err(error) => (Entry::default(), unreadable(&error.to_string())),
    };
    let time = entry
        .time
        .or(record.receive_time)
        .as_ref()
        .map(time::milliseconds);
    let Said {
        verdict,
        user,
        server,
        call,
        why,
    } = said;
    vec![
        Cell::new(&time.unwrap_or_default()).tone(Tone::Faint),
        verdict,
        Cell::cut(&user, NAME_COLUMNS),
        Cell::cut(&server, NAME_COLUMNS),
        Cell::cut(&call, NAME_COLUMNS + NAME_COLUMNS / 2),
        Cell::cut(&why, REASON_COLUMNS),
        Cell::new(&short_id(&entry.decision_id)).tone(Tone::Faint),
    ]
}

fn said(event: Option<&Event>) -> Said {
    match event {
        Some(Event::Decision(decision)) => decided(decision),
        Some(Event::Outcome(outcome)) => ended(outcome),
        Some(Event::Drift(drift)) => drifted(drift),
        Some(Event::Shadow(shadow)) => shadowed(shadow),
        Some(Event::AdminChange(change)) => changed(change),
        Some(Event::Gap(gap)) => missed(gap),
        Some(Event::Review(review)) => reviewed(review),
        Some(Event::Tombstone(tombstone)) => dropped(tombstone),
        Some(Event::Restoration(restoration)) => restored(restoration),
        Some(Event::InstanceEnd(end)) => instance_ended(end),
        Some(Event::RecordAccess(access)) => accessed(access),
        None => unreadable("an entry of a newer kind; -o json shows what is known of it"),
    }
}

/// Somebody read the record.
fn accessed(access: &RecordAccess) -> Said {
    let principal = access.principal.as_ref();
    let asked = match &*access.filter {
        "" => "of everything".to_owned(),
        filter => format!("of {filter}"),
    };
    Said {
        verdict: Cell::new("read").tone(Tone::Plain),
        user: value(principal.and_then(|principal| principal.user.as_ref())),
        server: or_dash(""),
        call: access.method.clone(),
        why: format!("{} {asked}", access.given_count),
    }
}

fn unreadable(why: &str) -> Said {
    Said {
        verdict: Cell::new("?").tone(Tone::Doubtful),
        user: String::new(),
        server: String::new(),
        call: String::new(),
        why: why.to_owned(),
    }
}

fn decided(decision: &Decision) -> Said {
    let verdict = match decision.verdict() {
        Verdict::Allow => Cell::new("allow").tone(Tone::Good),
        Verdict::Deny => Cell::new("deny").tone(Tone::Bad),
        Verdict::RequireApproval => Cell::new("approve").tone(Tone::Doubtful),
        Verdict::Unspecified => Cell::new("?").tone(Tone::Doubtful),
    };
    let mut why = vec![decision.reason.clone()];
    let rules: Vec<&str> = decision.rules.iter().map(|rule| id_of(rule)).collect();
    if !rules.is_empty() {
        why.push(format!("by {}", rules.join(", ")));
    }
    why.extend(found(&decision.findings));
    if decision.count > 1 {
        why.push(format!("{} alike", decision.count));
    }
    let principal = decision.principal.as_ref();
    let user = value(principal.and_then(|principal| principal.user.as_ref()));
    Said {
        verdict,
        user: if user.is_empty() {
            "anonymous".to_owned()
        } else {
            user
        },
        server: or_dash(id_of(&decision.server)),
        call: or_dash(format!("{} {}", decision.method, decision.capability).trim()),
        why: why.join(" "),
    }
}

fn ended(outcome: &Outcome) -> Said {
    let (word, tone) = match outcome.status() {
        OutcomeStatus::Result => ("result", Tone::Plain),
        OutcomeStatus::ToolError => ("tool error", Tone::Doubtful),
        OutcomeStatus::RpcError => ("rpc error", Tone::Doubtful),
        OutcomeStatus::Refused => ("refused", Tone::Bad),
        OutcomeStatus::Http => ("http", Tone::Doubtful),
        OutcomeStatus::Unknown | OutcomeStatus::Unspecified => ("unknown", Tone::Doubtful),
    };
    let mut why = Vec::new();
    if !outcome.reason.is_empty() {
        why.push(outcome.reason.clone());
    }
    if outcome.http_status != 0 && outcome.http_status != 200 {
        why.push(format!("HTTP {}", outcome.http_status));
    }
    if outcome.rpc_code != 0 {
        why.push(format!("code {}", outcome.rpc_code));
    }
    why.push(size(outcome.size_bytes));
    why.extend(outcome.latency.as_ref().map(length));
    if outcome.pruned_count > 0 {
        why.push(format!("{} hidden", outcome.pruned_count));
    }
    why.extend(found(&outcome.findings));
    Said {
        verdict: Cell::new(word).tone(tone),
        user: String::new(),
        server: String::new(),
        call: String::new(),
        why: why.join(", "),
    }
}

fn drifted(drift: &DriftSighting) -> Said {
    let mut why = word(drift.drift()).to_owned();
    if drift.hidden {
        why.push_str(", hidden");
    }
    if drift.source() == SightingSource::Scan {
        why.push_str(", seen by a scan");
    }
    if !drift.seen.is_empty() {
        why = format!("{why}, pin {}", short_id(&drift.seen));
    }
    Said {
        verdict: Cell::new("drift").tone(Tone::Doubtful),
        user: String::new(),
        server: id_of(&drift.server).to_owned(),
        call: named(drift.definition_kind(), &drift.capability),
        why,
    }
}

fn shadowed(shadow: &ShadowSighting) -> Said {
    let principal = shadow.principal.as_ref();
    let user = value(principal.and_then(|principal| principal.user.as_ref()));
    let mut why = match shadow.kind() {
        ShadowKind::Mcp | ShadowKind::Unspecified => "to a host that nobody registered".to_owned(),
        ShadowKind::Tunnel => "a tunnel, in which nothing can be seen".to_owned(),
    };
    if shadow.count > 1 {
        why = format!("{why}, {} alike", shadow.count);
    }
    Said {
        verdict: Cell::new("shadow").tone(Tone::Doubtful),
        user: [user, shadow.workload.clone()]
            .into_iter()
            .find(|who| !who.is_empty())
            .unwrap_or_else(|| "anonymous".to_owned()),
        server: or_dash(&shadow.host),
        call: or_dash(format!("{} {}", shadow.method, shadow.path).trim()),
        why,
    }
}

fn changed(change: &AdminChange) -> Said {
    let named: Vec<String> = change.resource.split(' ').map(short).collect();
    let mut why = named.join(" ");
    let mut verdict = Cell::new("change");
    if !change.error.is_empty() {
        why = format!("{why}: {}", change.error);
        verdict = Cell::new("failed").tone(Tone::Doubtful);
    }
    let principal = change.principal.as_ref();
    Said {
        verdict,
        user: or_dash(&value(
            principal.and_then(|principal| principal.user.as_ref()),
        )),
        server: String::new(),
        call: change.method.clone(),
        why,
    }
}

fn reviewed(review: &Review) -> Said {
    let (word, tone) = match review.verdict() {
        ReviewVerdict::Approved => ("approved", Tone::Good),
        ReviewVerdict::Withdrawn => ("withdrawn", Tone::Doubtful),
        ReviewVerdict::Rejected => ("rejected", Tone::Bad),
        ReviewVerdict::Unspecified => ("reviewed", Tone::Plain),
    };
    let mut why = match &*review.seen {
        [] => String::new(),
        seen => format!("pin {}", short_id(seen)),
    };
    if !review.reason.is_empty() {
        why = format!("{why}: {}", review.reason);
    }
    let principal = review.principal.as_ref();
    Said {
        verdict: Cell::new(word).tone(tone),
        user: or_dash(&value(
            principal.and_then(|principal| principal.user.as_ref()),
        )),
        server: id_of(&review.server).to_owned(),
        call: named(review.definition_kind(), &review.capability),
        why,
    }
}

/// `server/notes`, where the name is a resource's.
fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}

fn missed(gap: &Gap) -> Said {
    let count = if gap.count == 0 {
        "some".to_owned()
    } else {
        gap.count.to_string()
    };
    Said {
        verdict: Cell::new("gap").tone(Tone::Bad),
        user: String::new(),
        server: String::new(),
        call: format!("{}/{}", gap.node_id, short_id(&gap.instance_id)),
        why: format!("{count} entries missing: {}", gap.reason),
    }
}

fn dropped(tombstone: &Tombstone) -> Said {
    let last = tombstone.to_position.saturating_sub(1);
    Said {
        verdict: Cell::new("dropped").tone(Tone::Plain),
        user: String::new(),
        server: String::new(),
        call: "-".to_owned(),
        why: format!(
            "records {} to {last}, whose time was over",
            tombstone.from_position
        ),
    }
}

fn restored(restoration: &Restoration) -> Said {
    Said {
        verdict: Cell::new("restored").tone(Tone::Bad),
        user: String::new(),
        server: String::new(),
        call: "-".to_owned(),
        why: format!(
            "from a copy of {} with {} records",
            restoration.origin, restoration.size
        ),
    }
}

fn instance_ended(end: &InstanceEnd) -> Said {
    Said {
        verdict: Cell::new("ended").tone(Tone::Plain),
        user: String::new(),
        server: String::new(),
        call: format!("{}/{}", end.node_id, short_id(&end.instance_id)),
        why: "the instance said goodbye".to_owned(),
    }
}

fn value(attribute: Option<&Attribute>) -> String {
    attribute
        .map(|attribute| attribute.value.clone())
        .unwrap_or_default()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// `found email×2 (replace)`: what was found, and what was done with it.
fn found(findings: &[Finding]) -> Option<String> {
    let mut counts: Vec<((&str, &str), u64)> = Vec::new();
    for finding in findings {
        let key = (&*finding.detector, &*finding.action);
        match counts.iter_mut().find(|(counted, _)| *counted == key) {
            Some((_, count)) => *count += u64::from(finding.count),
            None => counts.push((key, u64::from(finding.count))),
        }
    }
    let counts = counts.into_iter().map(|((detector, action), count)| {
        // Entries of before there were profiles say no action: they masked.
        let action = if action.is_empty() { "mask" } else { action };
        format!("{detector}×{count} ({action})")
    });
    let counts: Vec<_> = counts.collect();
    (!counts.is_empty()).then(|| format!("found {}", counts.join(", ")))
}

fn length(length: &Duration) -> String {
    let milliseconds = length.seconds.saturating_mul(1000) + i64::from(length.nanos) / 1_000_000;
    match milliseconds {
        ..1 => "<1 ms".to_owned(),
        1..10_000 => format!("{milliseconds} ms"),
        _ => format!("{} s", milliseconds / 1000),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        ..1024 => format!("{bytes} B"),
        1024..0x0010_0000 => format!("{}.{} KiB", bytes >> 10, (bytes % 1024) * 10 / 1024),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests;
