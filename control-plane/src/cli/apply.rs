//! `chancery apply`.

use std::path::PathBuf;

use chancery_proto::admin::v1::{
    ApplyResourcesRequest, ApplyResourcesResponse, Change, apply_service_client::ApplyServiceClient,
};

use super::{
    Context,
    batch::Batch,
    connect::{Connection, MAX_ANSWER_BYTES},
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::Name,
    output::Format,
    proposals, secret, violation,
    visible::visible,
    warning,
};

const CONSEQUENCE: &str = "nothing was applied";

/// Apply resource documents: all of them, or none
///
/// Creates what is new and replaces what differs, as one change and one snapshot. If anything is
/// wrong, every problem is listed with its file and line, and nothing changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery apply -f rules.yaml
  chancery apply -f policy/ --dry-run
  generate-rules | chancery apply -f -")]
pub(crate) struct ApplyArgs {
    /// File or folder (*.yaml, *.yml, *.json in it and below), or - for standard input; repeatable
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    /// Check everything, the control plane's checks too, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    args: &ApplyArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let batch = Batch::read(&args.files, &context.scope, CONSEQUENCE)?;
    let resources =
        secret::messages(&batch, &context.scope).map_err(|problems| Failure::Invalid {
            problems,
            consequence: CONSEQUENCE,
        })?;
    let connection = Connection::open(&context.address).await?;
    let request = ApplyResourcesRequest {
        resources,
        validate_only: args.dry_run,
    };
    let mut client = ApplyServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let answer = connection
        .answer("apply", client.apply_resources(request))
        .await;
    let response = answer.map_err(|failure| match failure {
        Failure::Refused { status, action } => {
            violation::explain(*status, &batch, &action, CONSEQUENCE)
        }
        other @ (Failure::Invalid { .. }
        | Failure::Usage(_)
        | Failure::Unreachable { .. }
        | Failure::TooSlow(_)
        | Failure::Nonsense(_)
        | Failure::Output(_)) => other,
    })?;
    warning::talk(&response.warnings, &batch, console);
    match format {
        Format::Json => console.json(&rendered(&response, args.dry_run))?,
        Format::Yaml => console.yaml(&rendered(&response, args.dry_run), true)?,
        Format::Table | Format::Name => print(&response, args.dry_run, console)?,
    }
    Ok(Exit::Success)
}

fn print(
    response: &ApplyResourcesResponse,
    dry_run: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let suffix = match (dry_run, response.needs_second_person) {
        (true, true) => " (dry run: would be proposed)",
        (true, false) => " (dry run)",
        (false, _) => "",
    };
    for applied in &response.resources {
        let (word, tone) = word_of(applied.change());
        let name = short(&applied.name);
        let word = console.paint(word, tone);
        console.line(format_args!("{} {word}{suffix}", visible(&name)))?;
    }
    let changed = response
        .resources
        .iter()
        .any(|applied| applied.change() != Change::Unchanged);
    let ApplyResourcesResponse {
        snapshot_epoch,
        snapshot_version,
        ..
    } = response;
    if !response.proposal.is_empty() {
        return console.line(proposals::waits(&response.proposal));
    }
    match (changed, dry_run) {
        (false, _) => console.line("nothing changed"),
        (true, true) if response.needs_second_person => console
            .line("nothing was changed: this was a dry run of what a second person has to publish"),
        (true, true) => console.line("nothing was changed: this was a dry run"),
        (true, false) => console.line(format_args!(
            "snapshot {snapshot_epoch}.{snapshot_version} published"
        )),
    }
}

fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}

fn word_of(change: Change) -> (&'static str, Tone) {
    match change {
        Change::Created => ("created", Tone::Good),
        Change::Updated => ("updated", Tone::Doubtful),
        Change::Unchanged => ("unchanged", Tone::Faint),
        Change::Unspecified => ("applied", Tone::Plain),
    }
}

fn rendered(response: &ApplyResourcesResponse, dry_run: bool) -> serde_json::Value {
    let resources: Vec<serde_json::Value> = response
        .resources
        .iter()
        .map(|applied| {
            serde_json::json!({
                "name": applied.name,
                "change": word_of(applied.change()).0,
                "etag": applied.etag,
            })
        })
        .collect();
    let warnings: Vec<serde_json::Value> = response
        .warnings
        .iter()
        .map(|warning| {
            serde_json::json!({
                "name": warning.name,
                "field": warning.field,
                "message": warning.message,
            })
        })
        .collect();
    serde_json::json!({
        "resources": resources,
        "warnings": warnings,
        "snapshot_epoch": response.snapshot_epoch,
        "snapshot_version": response.snapshot_version,
        "dry_run": dry_run,
        "proposal": response.proposal,
        "needs_second_person": response.needs_second_person,
    })
}
