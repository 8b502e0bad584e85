//! `chancery-lab demo`: a tour with a real client, then a stack to play with.

mod answer;
mod record;
mod report;
mod scene;
mod tour;

use std::process::ExitCode;

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
    run::{addresses, shown, stay},
};
use report::Report;
use scene::Scene;

/// A tour: a built-in MCP server, example rules, and a real client.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// End after the tour, with status 0 only if every step came out as it should.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        console.line("");
        console.line(&console.styled(
            Style::Bold,
            "Chancery: rules pushed to a real Envoy, enforced on real MCP traffic",
        ));
        console.line("");
        let mut scene = Scene::open().await?;
        addresses(console, &scene.stack, &scene.url);

        let mut steps = 0;
        let mut failed = 0;
        for (title, why, step) in tour::STEPS {
            steps += 1;
            let heading = console.styled(Style::Bold, &format!("{steps:2}  {title}"));
            console.line("");
            console.line(&heading);
            console.indented(4, &console.styled(Style::Dim, why));
            let mut report = Report::new(console);
            if let Err(error) = step.take(&mut scene, &mut report).await {
                report.check(false, &error.to_string());
            }
            failed += usize::from(report.has_failed());
        }

        console.line("");
        if failed > 0 {
            let text = format!("✗ {failed} of {steps} steps did not come out as they should");
            console.line(&console.styled(Style::Bad, &text));
        } else {
            let text = format!("✓ all {steps} steps came out as they should");
            console.line(&console.styled(Style::Good, &text));
        }
        if self.once {
            return Ok(if failed > 0 {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            });
        }
        invite(console, &scene)?;
        stay(&mut scene.stack).await
    }
}

/// What to try by hand.
fn invite(console: &mut Console, scene: &Scene) -> Result<(), LabError> {
    let control_plane = &scene.stack.control_plane;
    let program = shown(control_plane.program());
    let call = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","#,
        r#""params":{"name":"get_note","arguments":{"id":"welcome"}}}"#,
    );
    console.line("");
    console.line(&console.styled(
        Style::Bold,
        "Everything stays up. Try it by hand, in another terminal:",
    ));
    console.line("");
    for line in [
        format!("export CHANCERY_SERVER={}", control_plane.url()),
        format!("TOKEN={}", scene.alice()?),
        String::new(),
        format!(
            "curl -s {} -H \"authorization: Bearer $TOKEN\" \\",
            scene.url
        ),
        "  -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\"
            .to_owned(),
        format!("  -d '{call}'"),
        String::new(),
        format!("{program} get rules                        # what is allowed"),
        format!("{program} delete rules/freeze-notes        # let notes be written again"),
        format!("{program} nodes                            # who enforces it"),
        format!("{program} audit tail                       # watch what is decided"),
    ] {
        console.indented(2, &line);
        if line.is_empty() {
            console.line("");
        }
    }
    console.line("");
    console.line("ready: the tour is over; Ctrl-C ends everything");
    Ok(())
}
