//! `chancery snapshot`.

use chancery_proto::admin::v1::{
    self as admin, DiffSnapshotsRequest, ListSnapshotsRequest, ResourceDifference,
    RollbackSnapshotRequest, Snapshot, snapshot_service_client::SnapshotServiceClient,
};
use clap::Subcommand;
use similar::TextDiff;

use super::{
    Context,
    connect::{Channel, Connection, MAX_ANSWER_BYTES},
    console::{Console, Tone},
    diff,
    exit::{Exit, Failure},
    name::Name,
    output::Format,
    proposals, render,
    table::{self, Cell},
    time,
};

/// As many as the control plane gives at once.
const PAGE_SIZE: i32 = 1000;

/// Show what was published, compare it, and publish it again
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    List(ListArgs),
    Diff(DiffArgs),
    Rollback(RollbackArgs),
}

/// List what was published, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery snapshot list --limit 20")]
pub(crate) struct ListArgs {
    /// No more than these
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Compare two versions, resource by resource
///
/// Prints a unified diff of the documents. Exits with 0 if they are the same, with 1 if not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery snapshot diff 41 42
  chancery snapshot diff 41        # with what is in force")]
pub(crate) struct DiffArgs {
    /// The one
    from: u64,
    /// The other; the newest where left out
    to: Option<u64>,
}

/// Publish the resources of an old version as a new one
///
/// Secrets are in no version and stay as they are. Nothing is changed where the old resources no
/// longer fit.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery snapshot rollback 41 --dry-run
  chancery snapshot rollback 41")]
pub(crate) struct RollbackArgs {
    /// Its version
    version: u64,
    /// Check whether it fits and print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    command: &SnapshotCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        SnapshotCommand::List(args) => list(args, context, console).await,
        SnapshotCommand::Diff(args) => compare(args, context, console).await,
        SnapshotCommand::Rollback(args) => roll_back(args, context, console).await,
    }
}

fn client(connection: &Connection) -> SnapshotServiceClient<Channel> {
    SnapshotServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(MAX_ANSWER_BYTES)
}

async fn list(
    args: &ListArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    let snapshots = newest(&connection, args.limit).await?;
    let rendered = || -> Result<Vec<serde_json::Value>, Failure> {
        let one = |it| render::message("chancery.admin.v1.Snapshot", it);
        snapshots.iter().map(one).collect()
    };
    match format {
        Format::Json => console.json(&rendered()?)?,
        Format::Yaml => console.yaml(&rendered()?, true)?,
        Format::Table | Format::Name if snapshots.is_empty() => {
            console.talk("nothing was published yet");
        }
        Format::Table | Format::Name => {
            let heading = ["VERSION", "PUBLISHED", "AUTHOR", "CAUSE", "SIGNED BY"];
            let rows: Vec<_> = snapshots.iter().map(row).collect();
            table::write(&heading, &rows, console)?;
        }
    }
    Ok(Exit::Success)
}

async fn newest(connection: &Connection, limit: usize) -> Result<Vec<Snapshot>, Failure> {
    let mut client = client(connection);
    let mut found = Vec::new();
    let mut page_token = String::new();
    while found.len() < limit {
        let left = i32::try_from(limit.saturating_sub(found.len())).unwrap_or(PAGE_SIZE);
        let request = ListSnapshotsRequest {
            page_size: left.min(PAGE_SIZE),
            page_token,
        };
        let call = client.list_snapshots(request);
        let page = connection.answer("list the snapshots", call).await?;
        found.extend(page.snapshots);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn row(snapshot: &Snapshot) -> Vec<Cell> {
    let or_dash = |text: &str| Cell::new(if text.is_empty() { "-" } else { text });
    let published = snapshot.create_time.as_ref().map(time::seconds);
    vec![
        Cell::new(&snapshot.version.to_string()),
        or_dash(&published.unwrap_or_default()).tone(Tone::Faint),
        or_dash(&snapshot.author),
        or_dash(&snapshot.cause),
        Cell::list(&snapshot.key_ids).tone(Tone::Faint),
    ]
}

async fn compare(
    args: &DiffArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    context.format_of(&[Format::Table])?;
    let connection = Connection::open(&context.address).await?;
    let to = match args.to {
        Some(to) => to,
        None => newest_version(&connection).await?,
    };
    let differs = print_differences(&connection, args.from, to, console).await?;
    Ok(if differs {
        Exit::Negative
    } else {
        Exit::Success
    })
}

async fn newest_version(connection: &Connection) -> Result<u64, Failure> {
    let newest = newest(connection, 1).await?;
    // Versions begin at 1, so that there is no 0 is what the control plane will say.
    Ok(newest.first().map_or(0, |newest| newest.version))
}

/// Whether there are any.
async fn print_differences(
    connection: &Connection,
    from_version: u64,
    to_version: u64,
    console: &mut Console<'_>,
) -> Result<bool, Failure> {
    let action = format!("compare the snapshots {from_version} and {to_version}");
    let mut client = client(connection);
    let call = client.diff_snapshots(DiffSnapshotsRequest {
        from_version,
        to_version,
    });
    let differences = connection.answer(&action, call).await?.differences;
    for difference in &differences {
        diff::print(&unified(difference, from_version, to_version), console)?;
    }
    Ok(!differences.is_empty())
}

fn unified(difference: &ResourceDifference, from: u64, to: u64) -> String {
    let ResourceDifference {
        name,
        from_document,
        to_document,
    } = difference;
    let name = Name::parse(name).map_or_else(|| name.clone(), |name| name.short());
    let header = |document: &str, version: u64| {
        if document.is_empty() {
            "/dev/null".to_owned()
        } else {
            format!("{name} ({version})")
        }
    };
    let (from, to) = (header(from_document, from), header(to_document, to));
    let diff = TextDiff::from_lines(from_document, to_document);
    diff.unified_diff().header(&from, &to).to_string()
}

async fn roll_back(
    args: &RollbackArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    context.format_of(&[Format::Table])?;
    let connection = Connection::open(&context.address).await?;
    let RollbackArgs { version, dry_run } = *args;
    let before = newest_version(&connection).await?;
    let action = format!("roll back to snapshot {version}");
    let mut client = client(&connection);
    let call = client.rollback_snapshot(RollbackSnapshotRequest {
        version,
        validate_only: dry_run,
    });
    let admin::RollbackSnapshotResponse { snapshot, proposal } =
        connection.answer(&action, call).await?;
    if !proposal.is_empty() {
        console.line(proposals::waits(&proposal))?;
        return Ok(Exit::Success);
    }
    let Some(snapshot) = snapshot.filter(|_| !dry_run) else {
        if !print_differences(&connection, before, version, console).await? {
            console.talk(format_args!("nothing differs from snapshot {version}"));
        }
        return Ok(Exit::Success);
    };
    if snapshot.version == before {
        console.talk(format_args!("nothing differs from snapshot {version}"));
    }
    console.line(format_args!(
        "snapshot {} is in force with the resources of {version}",
        snapshot.version
    ))?;
    Ok(Exit::Success)
}
