//! `chancery review list`.

use chancery_proto::{
    admin::v1::SeenDrift,
    audit::v1::{Drift, SightingSource},
};

use super::waiting::{pin, what};
use crate::{
    cli::{
        console::{Console, Tone},
        exit::Failure,
        name::id_of,
        output::Format,
        render::hex,
        table::{self, Cell},
        time,
    },
    resource::whole,
    review::called::word,
};

/// How much of a pin is shown, in hexadecimal digits: enough to tell two apart.
pub(super) const PIN_DIGITS: usize = 12;

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'s> {
    server: &'s str,
    what: String,
    drift: &'static str,
    pin: String,
    hidden: bool,
    source: &'static str,
    times: u32,
    first: String,
    last: String,
    seen_by: Vec<Witness<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Rejected<'s>>,
    definition: Option<&'s str>,
}

/// Who was shown it.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Witness<'s> {
    principal: &'s str,
    node: &'s str,
    time: String,
}

/// That it is not to be approved.
#[derive(serde::Serialize)]
struct Rejected<'s> {
    by: &'s str,
    reason: &'s str,
}

pub(super) fn write(
    pending: &[SeenDrift],
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let rows: Vec<_> = pending.iter().map(row).collect();
    match format {
        Format::Json => return console.json(&rows),
        Format::Yaml => return console.yaml(&rows, true),
        Format::Table | Format::Name => {}
    }
    if rows.is_empty() {
        console.talk("nothing waits for a review");
        return Ok(());
    }
    let cells = rows.iter().map(|row| {
        let (state, tone) = if row.rejected.is_some() {
            ("rejected", Tone::Bad)
        } else if row.drift == word(Drift::Removed) {
            ("gone", Tone::Doubtful)
        } else if row.hidden {
            ("hidden", Tone::Good)
        } else {
            ("shown", Tone::Doubtful)
        };
        vec![
            Cell::new(id_of(row.server)),
            Cell::new(&row.what),
            Cell::new(row.drift),
            Cell::new(state).tone(tone),
            Cell::new(row.pin.get(..PIN_DIGITS).unwrap_or("-")),
            Cell::new(row.source),
            Cell::new(&row.times.to_string()),
            Cell::new(&row.last),
        ]
    });
    let heading = [
        "SERVER", "WHAT", "DRIFT", "NOW", "PIN", "BY", "SEEN", "LAST",
    ];
    let cells: Vec<_> = cells.collect();
    table::write(&heading, &cells, console)
}

fn row(drift: &SeenDrift) -> Row<'_> {
    let rejection = drift.rejection.as_ref();
    Row {
        server: &drift.server,
        what: what(drift),
        drift: word(drift.drift()),
        pin: hex(pin(drift)),
        hidden: drift.hidden,
        source: source_word(drift.source()),
        times: drift.times,
        first: time::seconds(&drift.first_time.unwrap_or_default()),
        last: time::seconds(&drift.last_time.unwrap_or_default()),
        seen_by: witnesses(drift),
        rejected: rejection.map(|rejection| Rejected {
            by: &rejection.author,
            reason: &rejection.reason,
        }),
        definition: drift.definition.as_ref().and_then(whole),
    }
}

/// Who was shown it, through which node, since when.
pub(super) fn witnesses(drift: &SeenDrift) -> Vec<Witness<'_>> {
    let witnesses = drift.witnesses.iter();
    let witnesses = witnesses.map(|it| Witness {
        principal: &it.principal,
        node: &it.node_id,
        time: time::seconds(&it.time.unwrap_or_default()),
    });
    witnesses.collect()
}

impl std::fmt::Display for Witness<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            principal,
            node,
            time,
        } = self;
        match *node {
            "" => write!(f, "{principal}, {time}"),
            node => write!(f, "{principal} through {node}, {time}"),
        }
    }
}

fn source_word(source: SightingSource) -> &'static str {
    match source {
        SightingSource::Unspecified => "traffic",
        SightingSource::Scan => "scan",
    }
}
