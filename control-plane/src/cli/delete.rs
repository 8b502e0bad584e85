//! `chancery delete`.

use std::path::PathBuf;

use tonic::Code;

use super::{
    Context,
    batch::Batch,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::Name,
    proposals, stored,
    visible::visible,
    which::{Which, WhichParser},
};

/// Delete resources
///
/// A server that a rule names is kept until the rule is gone. With -f, rules go first; what cannot
/// be deleted is said and the rest is deleted all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery delete rule dev-reads-notes
  chancery delete -f policy/ --dry-run")]
pub(crate) struct DeleteArgs {
    /// Which kind; the singular will do, and idp, and KIND/NAME
    #[arg(value_name = "KIND", value_parser = WhichParser, required_unless_present = "files")]
    which: Option<Which>,
    /// Which one
    #[arg(requires = "which")]
    name: Option<String>,
    /// What the documents in a file or folder name; repeatable
    #[arg(
        short,
        long = "filename",
        value_name = "FILE|DIR|-",
        conflicts_with = "which"
    )]
    files: Vec<PathBuf>,
    /// Check whether it could be deleted, and keep it
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    args: &DeleteArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut names: Vec<Name> = if let Some(which) = &args.which {
        let name = which.one(args.name.as_deref(), &context.scope)?;
        let kind = which.kind.singular();
        let message = || format!("found no name after `{kind}`, expected which {kind} to delete");
        vec![name.ok_or_else(|| Failure::Usage(message()))?]
    } else {
        let batch = Batch::read(&args.files, &context.scope, "nothing was deleted")?;
        batch.items.into_iter().map(|item| item.name).collect()
    };
    // Rules first, as they name servers.
    names.sort_by_key(|name| std::cmp::Reverse(name.kind));
    let connection = Connection::open(&context.address).await?;
    let mut exit = Exit::Success;
    for name in names {
        match stored::delete(&connection, &name, args.dry_run).await {
            Ok(Some(proposal)) => {
                let waits = proposals::waits(&proposal);
                console.line(format_args!("{} {waits}", visible(&name.short())))?;
            }
            Ok(None) => {
                let word = console.paint("deleted", Tone::Bad);
                let suffix = if args.dry_run { " (dry run)" } else { "" };
                console.line(format_args!("{} {word}{suffix}", visible(&name.short())))?;
            }
            Err(failure @ Failure::Refused { .. }) => {
                console.talk(format_args!("error: {}", shown(&failure, &name)));
                exit = if exit == Exit::Success {
                    failure.exit()
                } else {
                    exit
                };
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(exit)
}

fn shown(failure: &Failure, name: &Name) -> String {
    match failure {
        Failure::Refused { status, .. } if status.code() == Code::NotFound => {
            format!("{} not found", visible(&name.short()))
        }
        Failure::Refused { .. }
        | Failure::Invalid { .. }
        | Failure::Usage(_)
        | Failure::Unreachable { .. }
        | Failure::TooSlow(_)
        | Failure::Nonsense(_)
        | Failure::Output(_) => failure.to_string(),
    }
}
