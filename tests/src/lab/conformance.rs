//! `chancery-lab conformance`: what the filter changes for MCP's conformance suite.

use std::process::ExitCode;

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
};
use crate::conformance::{Compared, HEADER_VALIDATION, Selection, Tally, Targets};

/// Run MCP's conformance suite directly and through Envoy with the filter, and compare.
#[derive(Args, Debug)]
pub(super) struct Conformance {
    /// Only this scenario.
    #[arg(long)]
    scenario: Option<String>,
    /// Also show the checks that fail either way.
    #[arg(long)]
    failures: bool,
}

/// What all selections have come to.
#[derive(Default)]
struct Sum {
    direct: Tally,
    through: Tally,
    worse: usize,
    better: usize,
    headers: Tally,
}

impl Conformance {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        let targets = Targets::start().await?;
        console.line("Checks passed/failed against a reference server, and through Chancery.");
        console.line("");
        let heading = format!("{:<24} {:>8} {:>8}", "suite", "direct", "through");
        console.line(&console.styled(Style::Bold, &heading));

        let selections = match self.scenario.clone() {
            Some(scenario) => vec![Selection::Scenario(scenario)],
            None => Selection::ALL.to_vec(),
        };
        let mut sum = Sum::default();
        for selection in &selections {
            self.show(console, &targets, selection, &mut sum).await?;
        }

        console.line("");
        let Sum {
            direct,
            through,
            worse,
            better,
            headers,
        } = sum;
        let checked = match headers.made() {
            0 => String::new(),
            made => format!("; {HEADER_VALIDATION} {}/{made}", headers.passed),
        };
        console.line(&format!(
            "conformance: direct {direct}, through Chancery {through}; {worse} worse, {better} \
             better{checked}"
        ));
        let has_headers = headers.made() > 0 || self.scenario.is_some();
        let is_good = worse == 0 && headers.failed == 0 && has_headers;
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn show(
        &self,
        console: &mut Console,
        targets: &Targets,
        selection: &Selection,
        sum: &mut Sum,
    ) -> Result<(), LabError> {
        let runs = targets.run(selection).await?;
        let (direct, through) = (runs.direct.tally(), runs.through.tally());
        console.line(&format!(
            "{:<24} {direct:>8} {through:>8}",
            selection.label()
        ));
        let comparison = runs.compare();
        list(console, "worse", Style::Bad, &comparison.worse);
        list(console, "better", Style::Good, &comparison.better);
        if self.failures {
            list(console, "failing", Style::Dim, &comparison.failing);
        }
        sum.direct += direct;
        sum.through += through;
        sum.worse += comparison.worse.len();
        sum.better += comparison.better.len();
        sum.headers += runs.through.tally_of(HEADER_VALIDATION);
        Ok(())
    }
}

fn list(console: &mut Console, word: &str, style: Style, compared: &[Compared]) {
    for check in compared {
        let word = console.styled(style, word);
        console.indented(2, &format!("{word}: {check}"));
    }
}
