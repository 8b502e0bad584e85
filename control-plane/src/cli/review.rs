//! `chancery review`.

mod approve;
mod choice;
mod diff;
mod inspect;
mod list;
mod reject;
mod show;
mod staging;
mod waiting;

use std::time::SystemTime;

use chancery_proto::admin::v1::{self as admin, SeenDrift};

use self::{approve::ApproveArgs, choice::Choice, waiting::Wanted};
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
  chancery review list notes --since 1h -o json
  chancery review list --rejected")]
    List {
        /// Only of this server
        mcp_server: Option<String>,
        /// Seen no longer ago: a time, or how long ago, such as 15m, 1h, 7d
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        since: Option<When>,
        /// What was rejected as well
        #[arg(long)]
        rejected: bool,
    },
    /// Show how something that waits differs from what is approved
    ///
    /// Beside the differences: what looks wrong in it, the rules that name it and whether they would still
    /// apply, and who was shown it.
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
    Approve(ApproveArgs),
    /// Say that what waits is not to be approved
    ///
    /// It waits no more, stays hidden, and what it defines is blocked for everybody where it could still
    /// be called by its name, unless you say that the server is as it was approved again.
    #[command(after_help = "\
Examples:
  chancery review reject notes tool/search -m 'asks for the whole conversation'
  chancery review reject notes --all -m 'not our release'")]
    Reject {
        /// Of which server
        mcp_server: String,
        /// What, as `review list` calls it
        #[arg(value_name = "WHAT", required_unless_present = "all")]
        wanted: Vec<String>,
        /// Everything that waits at the server
        #[arg(long, conflicts_with = "wanted")]
        all: bool,
        /// The first digits of its pin, where it was seen in several versions
        #[arg(long, value_name = "PIN")]
        pin: Option<String>,
        /// Why, for the record
        #[arg(short = 'm', long = "message", value_name = "WHY")]
        reason: String,
        /// Block nothing: the server is as it was approved again
        #[arg(long)]
        no_block: bool,
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
        ReviewCommand::List {
            mcp_server,
            since,
            rejected,
        } => {
            let server = mcp_server.as_deref();
            list_waiting(server, (since.as_ref(), *rejected), context, console).await
        }
        ReviewCommand::Show {
            mcp_server,
            wanted,
            pin,
        } => {
            let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
            let waiting = Waiting::read(context, mcp_server, None).await?;
            let wanted = std::slice::from_ref(wanted);
            for drift in waiting.choose(wanted, pin.as_deref())? {
                let Waiting {
                    connection, server, ..
                } = &waiting;
                show::run(connection, server, drift, format, console).await?;
            }
            Ok(Exit::Success)
        }
        ReviewCommand::Approve(args) => approve::run(args, context, console).await,
        ReviewCommand::Reject {
            mcp_server,
            wanted,
            all: _,
            pin,
            reason,
            no_block,
        } => {
            let waiting = Waiting::read(context, mcp_server, None).await?;
            let chosen = waiting.choose(wanted, pin.as_deref())?;
            let Waiting {
                connection, server, ..
            } = &waiting;
            let words = (&**reason, *no_block);
            reject::run(connection, server, &chosen, words, console).await
        }
    }
}

/// Lists what waits, at one server or at all.
async fn list_waiting(
    mcp_server: Option<&str>,
    (since, shows_rejected): (Option<&When>, bool),
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let server = mcp_server.map(|name| context.scope.read(Kind::Server, name));
    let server = server.transpose()?.map(|name| name.to_string());
    let wanted = Wanted {
        parent: server.unwrap_or_else(|| "organizations/-".to_owned()),
        since: since.map(|since| since.resolve(SystemTime::now())),
        shows_rejected,
    };
    let connection = Connection::open(&context.address).await?;
    let pending = waiting::list(&connection, wanted).await?;
    list::write(&pending, format, console)?;
    Ok(Exit::Success)
}

/// A server, and what of it waits.
struct Waiting {
    connection: Connection,
    server: admin::Server,
    pending: Vec<SeenDrift>,
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
        let server = waiting::server(&connection, &name).await?;
        let missing = || Failure::Usage(format!("found no server `{}`", visible(mcp_server)));
        let server = server.ok_or_else(missing)?;
        let wanted = Wanted {
            parent: name,
            ..Wanted::default()
        };
        let pending = match from {
            Some(from) => staging::pending(&connection, &server, from).await?,
            None => waiting::list(&connection, wanted).await?,
        };
        Ok(Self {
            connection,
            server,
            pending,
        })
    }

    /// What is meant of it.
    fn choose(&self, wanted: &[String], pin: Option<&str>) -> Result<Vec<&SeenDrift>, Failure> {
        let choice = Choice { wanted, pin };
        choice.of(&self.pending, &self.server.name)
    }
}
