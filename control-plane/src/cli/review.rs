//! `chancery review`.

mod diff;
mod inspect;

use clap::Subcommand;

use super::{
    Context,
    console::Console,
    exit::{Exit, Failure},
};

/// Look at what servers define, before it is approved
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    Diff(diff::DiffArgs),
    Inspect(inspect::InspectArgs),
}

pub(crate) fn run(
    command: &ReviewCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        ReviewCommand::Diff(args) => diff::run(args, context, console),
        ReviewCommand::Inspect(args) => inspect::run(args, context, console),
    }
}
