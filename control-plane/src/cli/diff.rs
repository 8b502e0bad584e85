//! `chancery diff`.

use std::path::PathBuf;

use chancery_proto::admin::v1::{ApplyResourcesRequest, apply_service_client::ApplyServiceClient};
use similar::TextDiff;

use super::{
    Context,
    batch::{Batch, Item},
    connect::{Connection, MAX_ANSWER_BYTES},
    console::{Console, Tone},
    document::Document,
    exit::{Exit, Failure},
    get,
    name::Scope,
    output::Format,
    secret, stored, violation, warning, yaml,
};

/// Compare resource documents with what is stored
///
/// Prints what `apply` would change, as a unified diff of the documents in their full form, and what
/// it would warn of or refuse. Exits with 0 if nothing would change, with 1 if something would, and
/// with 2 if it would be refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery diff -f policy/
  chancery diff -f rules.yaml || chancery apply -f rules.yaml")]
pub(crate) struct DiffArgs {
    /// File or folder (*.yaml, *.yml, *.json in it and below), or - for standard input; repeatable
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(
    args: &DiffArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    context.format_of(&[Format::Table])?;
    let batch = Batch::read(&args.files, &context.scope, "nothing was compared")?;
    let connection = Connection::open(&context.address).await?;
    let mut exit = Exit::Success;
    for item in &batch.items {
        let stored = stored::find(&connection, &item.name).await?;
        let stored = stored.map(get::document).transpose()?;
        let diff = compare(stored.as_ref(), item, &context.scope)?;
        if !diff.is_empty() {
            exit = Exit::Negative;
            print(&diff, console)?;
        }
    }
    let is_refused =
        exit == Exit::Negative && !check(&batch, &connection, context, console).await?;
    Ok(if is_refused { Exit::Invalid } else { exit })
}

/// Asks the control plane what it would say of the change; false where it would refuse it.
async fn check(
    batch: &Batch,
    connection: &Connection,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<bool, Failure> {
    // A secret that is not at hand is no difference.
    let Ok(resources) = secret::messages(batch, &context.scope) else {
        return Ok(true);
    };
    let request = ApplyResourcesRequest {
        resources,
        validate_only: true,
    };
    let mut client = ApplyServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let answer = connection
        .answer("check the change", client.apply_resources(request))
        .await;
    match answer {
        Ok(response) => {
            warning::talk(&response.warnings, batch, console);
            Ok(true)
        }
        Err(Failure::Refused { status, action }) => {
            let failure = violation::explain(*status, batch, &action, "it would not be applied");
            if let Failure::Invalid { problems, .. } = &failure {
                for problem in problems {
                    console.talk(problem);
                }
            }
            // Whoever may only read can still compare.
            let is_denied = failure.exit() == Exit::Denied;
            let word = if is_denied { "warning" } else { "error" };
            console.talk(format_args!("{word}: {failure}"));
            Ok(is_denied)
        }
        Err(failure) => Err(failure),
    }
}

/// A unified diff, empty where both are the same.
fn compare(stored: Option<&Document>, item: &Item, scope: &Scope) -> Result<String, Failure> {
    // Through a message and back, so that both have the same form.
    let given = match item.document.to_message(scope).kind {
        Some(message) => yaml::to_string(&get::document(message)?)?,
        None => String::new(),
    };
    let before = stored.map(yaml::to_string).transpose()?.unwrap_or_default();
    let header = match stored {
        Some(_) => format!("{} (stored)", item.name.short()),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(&before, &given);
    let given = format!("{} ({})", item.name.short(), item.place());
    Ok(diff.unified_diff().header(&header, &given).to_string())
}

/// Prints a unified diff, in colours where there are some.
pub(crate) fn print(diff: &str, console: &mut Console<'_>) -> Result<(), Failure> {
    for line in diff.lines() {
        let tone = match line.chars().next() {
            _ if line.starts_with("+++") || line.starts_with("---") => Tone::Heading,
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            Some('@') => Tone::Faint,
            Some(_) | None => Tone::Plain,
        };
        let line = console.paint(line, tone);
        console.line(line)?;
    }
    Ok(())
}
