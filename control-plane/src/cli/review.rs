//! `chancery review`.

mod approve;
mod choice;
mod diff;
mod inspect;
mod list;
mod show;
mod sighted;
mod staging;

use std::time::SystemTime;

use chancery_proto::{admin::v1 as admin, audit::v1::RecordFilter};

use self::{approve::Approval, choice::Choice, sighted::Sighted};
pub(crate) use self::{
    list::word,
    sighted::{named, what},
};
use super::{
    Context,
    connect::Connection,
    console::Console,
    exit::{Exit, Failure},
    name::Kind,
    output::Format,
    registry::found::ShownToken,
    time::When,
    visible::visible,
};

/// Review what servers offer before anyone sees it
///
/// Of a server with `pinning`, whatever differs from the definitions in its document is drift: it waits
/// here until somebody approves it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ReviewCommand {
    Inspect(inspect::InspectArgs),
    Diff(diff::DiffArgs),
    /// List what waits, the newest first
    #[command(after_help = "\
Examples:
  chancery review list
  chancery review list notes --since 1h -o json")]
    List {
        /// Only of this server
        mcp_server: Option<String>,
        /// Seen no longer ago: a time, or how long ago, such as 15m, 1h, 7d
        #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "30d")]
        since: When,
    },
    /// Show how something that waits differs from what is approved
    #[command(after_help = "\
Examples:
  chancery review show notes tool/search
  chancery review show notes tool/search --pin 3f2a9c -o json")]
    Show {
        /// Of which server
        mcp_server: String,
        /// What, as `review list` calls it
        #[arg(value_name = "WHAT")]
        wanted: String,
        /// The first digits of its pin, where it was seen in several versions
        #[arg(long, value_name = "PIN")]
        pin: Option<String>,
    },
    /// Approve what waits, so that it may be seen and used
    ///
    /// What was approved before stays so, which is what a rollout needs; --replace ends that. With --from
    /// the next version is approved before it is rolled out: what differs at that address is shown, and
    /// approved once you say so.
    #[command(after_help = "\
Examples:
  chancery review approve notes tool/search
  chancery review approve notes tool/search --pin 3f2a9c --replace
  chancery review approve notes --all --dry-run
  chancery review approve notes --from https://staging.example.com/mcp")]
    Approve {
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
        /// Check whether it could be approved, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(
    command: &ReviewCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        ReviewCommand::Inspect(args) => inspect::run(args, context, console),
        ReviewCommand::Diff(args) => diff::run(args, context, console),
        ReviewCommand::List { mcp_server, since } => {
            let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
            let server = mcp_server.as_deref();
            let server = server.map(|name| context.scope.read(Kind::Server, name));
            let server = server.transpose()?.map(|name| name.to_string());
            let filter = RecordFilter {
                server: server.unwrap_or_default(),
                start_time: Some(since.resolve(SystemTime::now())),
                ..RecordFilter::default()
            };
            let connection = Connection::open(&context.address).await?;
            let pending = sighted::pending(&connection, filter).await?;
            list::write(&pending, format, console)?;
            Ok(Exit::Success)
        }
        ReviewCommand::Show {
            mcp_server,
            wanted,
            pin,
        } => {
            let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
            let waiting = Waiting::read(context, mcp_server, None).await?;
            let choice = Choice {
                wanted: std::slice::from_ref(wanted),
                pin: pin.as_deref(),
            };
            for sighted in choice.of(&waiting.pending, &waiting.server.name)? {
                show::run(&waiting.server, sighted, format, console)?;
            }
            Ok(Exit::Success)
        }
        ReviewCommand::Approve {
            mcp_server,
            wanted,
            all: _,
            pin,
            replace,
            from,
            yes,
            token,
            dry_run,
        } => {
            let from = from.as_deref().map(|url| (url, token));
            let waiting = Waiting::read(context, mcp_server, from).await?;
            let choice = Choice {
                wanted,
                pin: pin.as_deref(),
            };
            let chosen = choice.of(&waiting.pending, &waiting.server.name)?;
            if from.is_some() && !staging::confirm(&waiting.server, &chosen, *yes, console)? {
                console.talk("nothing is approved");
                return Ok(Exit::Negative);
            }
            let approval = Approval {
                chosen,
                replaces: *replace,
                is_dry_run: *dry_run,
            };
            approval
                .run(&waiting.connection, waiting.server.clone(), console)
                .await
        }
    }
}

/// A server, and what of it waits.
struct Waiting {
    connection: Connection,
    server: admin::Server,
    pending: Vec<Sighted>,
}

impl Waiting {
    /// What was seen of it, or what is at another address.
    async fn read(
        context: &Context,
        mcp_server: &str,
        from: Option<(&str, &ShownToken)>,
    ) -> Result<Self, Failure> {
        let name = context.scope.read(Kind::Server, mcp_server)?.to_string();
        let connection = Connection::open(&context.address).await?;
        let server = sighted::server(&connection, &name).await?;
        let missing = || Failure::Usage(format!("found no server `{}`", visible(mcp_server)));
        let server = server.ok_or_else(missing)?;
        let filter = RecordFilter {
            server: name,
            ..RecordFilter::default()
        };
        let pending = match from {
            Some(from) => staging::pending(&connection, &server, from).await?,
            None => sighted::pending(&connection, filter).await?,
        };
        Ok(Self {
            connection,
            server,
            pending,
        })
    }
}
