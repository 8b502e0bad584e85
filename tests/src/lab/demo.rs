//! `chancery-lab demo`: a tour with a real client, then a stack to play with.

mod answer;
mod proof;
mod question;
mod record;
mod report;
mod scene;
mod tour;
mod turn;
mod watch;

use std::process::ExitCode;

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
    run::{addresses, shown},
};
use report::Report;
use scene::Scene;

/// A call without a session, as 2026-07-28 has it.
const CURL_OPTIONS: &str = r#"-H "authorization: Bearer $TOKEN" \
  -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \
  -H 'mcp-protocol-version: 2026-07-28' -H 'mcp-method: tools/call' -H 'mcp-name: get_note' \
  -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": "get_note", "arguments": {"id": "welcome"}, "_meta": {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {}}}}'"#;

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
        let doing = "Starting an MCP server, a control plane, and Envoy with the filter …";
        console.line(&console.styled(Style::Dim, doing));
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
        Err(scene.stack.failed().await)
    }
}

/// What to try by hand.
fn invite(console: &mut Console, scene: &Scene) -> Result<(), LabError> {
    let control_plane = &scene.stack.control_plane;
    let program = shown(control_plane.program());
    console.line("");
    console.line(&console.styled(
        Style::Bold,
        "Everything stays up. Try it by hand, in another terminal:",
    ));
    for paragraph in [
        format!(
            "export CHANCERY_SERVER={}\nTOKEN={}",
            control_plane.url(),
            scene.alice()?
        ),
        format!("curl -s {} {CURL_OPTIONS}", scene.url),
        format!(
            "{program} get rules                      # what is allowed\n\
             {program} delete rules freeze-releases   # let them be written again\n\
             {program} nodes                          # who enforces it\n\
             {program} audit tail                     # watch what is decided"
        ),
    ] {
        console.line("");
        console.indented(2, &paragraph);
    }
    console.line("");
    console.ready("the tour is over");
    Ok(())
}
