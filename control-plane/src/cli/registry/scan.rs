//! `chancery registry scan`.

use chancery_proto::{
    admin::v1::{
        self as admin, ScanServerRequest, registry_service_client::RegistryServiceClient, resource,
    },
    audit::v1::Drift,
    policy::v1::Pinning,
};

use crate::{
    cli::{
        Context,
        connect::Connection,
        console::{Console, Tone},
        exit::{Exit, Failure},
        name::{Kind, id_of},
        output::Format,
        stored,
        table::{self, Cell},
        time,
    },
    review::called::{named, word},
};

/// Most characters of an error that a table shows.
const ERROR_COLUMNS: usize = 60;

/// Compare what servers offer now with what is approved, and record drift
///
/// Exits with 1 where something differs, or a server could not be asked. What differs waits for a review:
/// see `chancery review list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery registry scan
  chancery registry scan notes search -o json")]
pub(crate) struct ScanArgs {
    /// Which; every one that is pinned and says where it is looked at, where left out
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    server: String,
    result: &'static str,
    new: usize,
    changed: usize,
    removed: usize,
    unchanged: u32,
    differences: Vec<String>,
    error: Option<String>,
    time: String,
}

pub(crate) async fn run(
    args: &ScanArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let given = args.servers.iter();
    let given = given.map(|name| context.scope.read(Kind::Server, name));
    let given = given.collect::<Result<Vec<_>, _>>()?;
    let connection = Connection::open(&context.address).await?;
    let mut names: Vec<_> = given.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        names = looked_at(&connection, context).await?;
    }
    let mut rows = Vec::with_capacity(names.len());
    let mut client = RegistryServiceClient::new(connection.channel.clone());
    for name in names {
        let action = format!("scan {}", id_of(&name));
        let call = client.scan_server(ScanServerRequest { name });
        let answer = connection.answer(&action, call).await?;
        rows.push(row(&answer.report.unwrap_or_default()));
    }
    match format {
        Format::Json => console.json(&rows)?,
        Format::Yaml => console.yaml(&rows, true)?,
        Format::Table | Format::Name => print(&rows, console)?,
    }
    let is_well = rows.iter().all(|row| row.result == "as approved");
    Ok(if is_well {
        Exit::Success
    } else {
        Exit::Negative
    })
}

/// The servers that are looked at without being asked for.
async fn looked_at(connection: &Connection, context: &Context) -> Result<Vec<String>, Failure> {
    let parent = context.scope.parent(Kind::Server);
    let all = stored::list(connection, Kind::Server, &parent).await?;
    let mut names = Vec::new();
    for stored in all {
        let resource::Kind::Server(server) = stored else {
            continue;
        };
        let is_somewhere = server
            .scan
            .as_ref()
            .is_some_and(|scan| !scan.url.is_empty());
        if is_somewhere && server.pinning() != Pinning::Unspecified {
            names.push(server.name);
        }
    }
    Ok(names)
}

fn row(report: &admin::ScanReport) -> Row {
    let of = |drift: Drift| {
        let differences = report.differences.iter();
        differences.filter(|it| it.drift() == drift).count()
    };
    let result = if !report.error.is_empty() {
        "failed"
    } else if report.differences.is_empty() {
        "as approved"
    } else {
        "differs"
    };
    let differences = report.differences.iter().map(|it| {
        let what = named(it.definition_kind(), &it.capability);
        format!("{what} {}", word(it.drift()))
    });
    let time = report.time.unwrap_or_default();
    Row {
        server: report.server.clone(),
        result,
        new: of(Drift::New),
        // What has no pin is something else than what is approved, too.
        changed: of(Drift::Changed).saturating_add(of(Drift::Unpinnable)),
        removed: of(Drift::Removed),
        unchanged: report.unchanged,
        differences: differences.collect(),
        error: (!report.error.is_empty()).then(|| report.error.clone()),
        time: time::seconds(&time),
    }
}

fn print(rows: &[Row], console: &mut Console<'_>) -> Result<(), Failure> {
    if rows.is_empty() {
        console.talk("no server is pinned and says where it is looked at (`scan.url`)");
        return Ok(());
    }
    let heading = [
        "SERVER", "RESULT", "NEW", "CHANGED", "REMOVED", "SAME", "WHEN",
    ];
    let cells = rows.iter().map(|row| {
        let tone = match row.result {
            "as approved" => Tone::Good,
            "differs" => Tone::Doubtful,
            _ => Tone::Bad,
        };
        vec![
            Cell::new(id_of(&row.server)),
            Cell::new(row.result).tone(tone),
            Cell::new(&row.new.to_string()),
            Cell::new(&row.changed.to_string()),
            Cell::new(&row.removed.to_string()),
            Cell::new(&row.unchanged.to_string()),
            Cell::new(&row.time),
        ]
    });
    table::write(&heading, &cells.collect::<Vec<_>>(), console)?;
    for row in rows {
        if let Some(error) = &row.error {
            let server = Cell::new(id_of(&row.server));
            let error = Cell::cut(error, ERROR_COLUMNS.saturating_mul(4));
            console.talk(format_args!("{server}: {error}"));
        }
    }
    Ok(())
}
