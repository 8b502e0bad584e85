//! `chancery-lab clients`: every real client with every real server.

use std::process::ExitCode;

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
};
use crate::matrix::{self, Outcome, Stage};

/// Hold sessions of every real client with every real server, directly and through the filter.
#[derive(Args, Debug)]
pub(super) struct Clients {}

impl Clients {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        let Self {} = self;
        let stage = Stage::set().await?;
        let outcomes =
            matrix::run(&stage, &matrix::whole(), |outcome| tell(console, outcome)).await;
        console.line(&matrix::figure(&outcomes));
        let is_good = outcomes.iter().all(|outcome| outcome.unexpected.is_empty());
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn tell(console: &mut Console, outcome: &Outcome) {
    let Outcome {
        row,
        version,
        sessions: _,
        steps,
        unexpected,
    } = outcome;
    let (style, mark) = if unexpected.is_empty() {
        (Style::Good, "✓")
    } else {
        (Style::Bad, "✗")
    };
    let mark = console.styled(style, mark);
    let row = format!(
        "{mark} {:<14} {:<7} {:<14} {version:<11} {steps:>3} steps",
        row.sdk.name(),
        row.era.name(),
        row.server.name(),
    );
    console.line(&row);
    for line in unexpected {
        console.indented(4, line);
    }
}
