//! `chancery review list`.

use chancery_proto::audit::v1::{Drift, SightingSource};

use super::sighted::Sighted;
use crate::cli::{
    console::{Console, Tone},
    exit::Failure,
    name::id_of,
    output::Format,
    render::hex,
    table::{self, Cell},
    time,
};

/// How much of a pin is shown, in hexadecimal digits: enough to tell two apart.
pub(super) const PIN_DIGITS: usize = 12;

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'s> {
    server: &'s str,
    what: &'s str,
    drift: &'static str,
    pin: String,
    hidden: bool,
    source: &'static str,
    times: usize,
    last: String,
    definition: Option<&'s str>,
}

pub(super) fn write(
    pending: &[Sighted],
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
        let (state, tone) = if row.drift == word(Drift::Removed) {
            ("gone", Tone::Doubtful)
        } else if row.hidden {
            ("hidden", Tone::Good)
        } else {
            ("shown", Tone::Doubtful)
        };
        vec![
            Cell::new(id_of(row.server)),
            Cell::new(row.what),
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

fn row(sighted: &Sighted) -> Row<'_> {
    Row {
        server: &sighted.server,
        what: &sighted.what,
        drift: word(sighted.drift),
        pin: hex(&sighted.seen),
        hidden: sighted.is_hidden,
        source: match sighted.source {
            SightingSource::Unspecified => "traffic",
            SightingSource::Scan => "scan",
        },
        times: sighted.times,
        last: time::seconds(&sighted.last),
        definition: sighted.whole(),
    }
}

/// In which way it differs, in one word.
pub(crate) fn word(drift: Drift) -> &'static str {
    match drift {
        Drift::Unspecified => "different",
        Drift::New => "new",
        Drift::Changed => "changed",
        Drift::Unpinnable => "unpinnable",
        Drift::Removed => "removed",
    }
}
