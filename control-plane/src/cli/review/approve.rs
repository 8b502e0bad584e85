//! `chancery review approve`: what was seen becomes what is approved.

use std::path::PathBuf;

use chancery_proto::admin::v1::{self as admin, ApproveDefinitionsRequest, SeenDrift};

use super::{
    list::PIN_DIGITS,
    waiting::{self, is_removal, pin, what},
};
use crate::cli::{
    Context,
    batch::Batch,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::id_of,
    proposals,
    render::hex,
    visible::visible,
    warning,
};

const CONSEQUENCE: &str = "nothing was approved";

/// What is to be approved of one server.
#[derive(Debug)]
pub(super) struct Approval<'p> {
    pub(super) chosen: Vec<&'p SeenDrift>,
    /// Whether versions of it that were approved before are not any more.
    pub(super) replaces: bool,
    /// Whether the definitions go with it: nobody has seen them yet.
    pub(super) is_ahead: bool,
    pub(super) reason: &'p str,
    /// Documents that change with it.
    pub(super) beside: &'p [PathBuf],
    pub(super) is_dry_run: bool,
}

impl Approval<'_> {
    pub(super) async fn run(
        self,
        connection: &Connection,
        server: &admin::Server,
        context: &Context,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        let batch = Batch::read(self.beside, &context.scope, CONSEQUENCE)?;
        let beside = batch.items.iter();
        let resources = beside.map(|item| item.document.to_message(&context.scope));
        let approvals = self.chosen.iter().map(|drift| admin::Approval {
            id: drift.id.clone(),
            definition: self.definition(drift),
        });
        let request = ApproveDefinitionsRequest {
            server: server.name.clone(),
            etag: server.etag.clone(),
            approvals: approvals.collect(),
            replace: self.replaces,
            reason: self.reason.to_owned(),
            resources: resources.collect(),
            validate_only: self.is_dry_run,
        };
        let names: Vec<_> = self.chosen.iter().map(|drift| what(drift)).collect();
        let action = format!("approve {} of {}", names.join(", "), id_of(&server.name));
        let mut client = waiting::client(connection);
        let call = client.approve_definitions(request);
        let answer = connection.answer(&action, call).await?;
        warning::talk(&answer.warnings, &batch, console);
        for drift in &self.chosen {
            self.say(drift, console)?;
        }
        if !answer.proposal.is_empty() {
            console.line(proposals::waits(&answer.proposal))?;
        }
        Ok(Exit::Success)
    }

    fn definition(&self, drift: &SeenDrift) -> String {
        let content = drift.definition.as_ref().filter(|_| self.is_ahead);
        content.map_or_else(String::new, |it| String::from_utf8_lossy(&it.data).into())
    }

    fn say(&self, drift: &SeenDrift, console: &mut Console<'_>) -> Result<(), Failure> {
        let word = console.paint("approved", Tone::Good);
        let pin = hex(pin(drift));
        let as_what = if is_removal(drift) {
            "to be gone".to_owned()
        } else {
            format!("as {}", pin.get(..PIN_DIGITS).unwrap_or_default())
        };
        let suffix = if self.is_dry_run { " (dry run)" } else { "" };
        console.line(format_args!(
            "{} {} {word} {as_what}{suffix}",
            visible(id_of(&drift.server)),
            visible(&what(drift)),
        ))
    }
}
