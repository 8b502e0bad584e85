//! `chancery review approve`: what was seen becomes what is approved.

use std::path::PathBuf;

use chancery_proto::admin::v1::{self as admin, ApproveDefinitionsRequest, SeenDrift};

use super::{
    Waiting,
    list::PIN_DIGITS,
    staging,
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
    registry::found::ShownToken,
    render::hex,
    visible::visible,
    warning,
};

const CONSEQUENCE: &str = "nothing was approved";

/// Approve what waits, so that it may be seen and used
///
/// What was approved before stays so, which is what a rollout needs; --replace ends that. With --from
/// the next version is approved before it is rolled out: what differs at that address is shown, and
/// approved once you say so. Nothing is approved that breaks a rule, unless the rule changes with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery review approve notes tool/search -m 'reads only'
  chancery review approve notes tool/search --with rules/search.yaml
  chancery review approve notes tool/search --pin 3f2a9c --replace
  chancery review approve notes --all --dry-run
  chancery review approve notes --from https://staging.example.com/mcp")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct ApproveArgs {
    /// Of which server
    mcp_server: String,
    /// What, as `review list` calls it
    #[arg(value_name = "WHAT", required_unless_present_any = ["all", "from"])]
    wanted: Vec<String>,
    /// Everything that waits at the server
    #[arg(long, conflicts_with = "wanted")]
    all: bool,
    /// The first digits of its pin, where it was seen in several versions
    #[arg(long, value_name = "PIN")]
    pin: Option<String>,
    /// Its versions that were approved before are not any more
    #[arg(long)]
    replace: bool,
    /// Where the server's next version runs, for the control plane to ask
    #[arg(long, value_name = "URL", conflicts_with = "replace")]
    from: Option<String>,
    /// Approve what --from finds without asking
    #[arg(long, requires = "from")]
    yes: bool,
    #[command(flatten)]
    token: ShownToken,
    /// Why, for the record
    #[arg(short = 'm', long = "message", value_name = "WHY", default_value = "")]
    reason: String,
    /// Resource documents that change with it, such as rules that it would break; a file, a folder or
    /// -; repeatable
    #[arg(long = "with", value_name = "FILE|DIR|-")]
    beside: Vec<PathBuf>,
    /// Check whether it could be approved, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(
    args: &ApproveArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let from = args.from.as_deref().map(|url| (url, &args.token));
    let waiting = Waiting::read(context, &args.mcp_server, from).await?;
    // None wanted is all of it.
    let wanted: &[String] = if args.all { &[] } else { &args.wanted };
    let chosen = waiting.choose(wanted, args.pin.as_deref())?;
    if from.is_some() && !staging::confirm(&waiting.server, &chosen, args.yes, console)? {
        console.talk("nothing is approved");
        return Ok(Exit::Negative);
    }
    let approval = Approval {
        chosen,
        replaces: args.replace,
        definitions: from.map_or(Definitions::Seen, |_| Definitions::Given),
        reason: &args.reason,
        beside: &args.beside,
        is_dry_run: args.dry_run,
    };
    approval
        .run(&waiting.connection, &waiting.server, context, console)
        .await
}

/// Where the definitions are that are to be approved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Definitions {
    /// With the control plane, as they were seen.
    Seen,
    /// Here: nobody has seen them yet.
    Given,
}

/// What is to be approved of one server.
#[derive(Debug)]
struct Approval<'p> {
    chosen: Vec<&'p SeenDrift>,
    /// Whether versions of it that were approved before are not any more.
    replaces: bool,
    definitions: Definitions,
    reason: &'p str,
    /// Documents that change with it.
    beside: &'p [PathBuf],
    is_dry_run: bool,
}

impl Approval<'_> {
    async fn run(
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
        let content = drift.definition.as_ref();
        let given = content.filter(|_| self.definitions == Definitions::Given);
        given.map_or_else(String::new, |it| String::from_utf8_lossy(&it.data).into())
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
