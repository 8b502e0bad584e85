//! `chancery registry`.

mod discover;
pub(crate) mod found;
mod import;
mod list;
mod scan;
mod shadows;
mod state;
mod verify;

use chancery_proto::policy::v1::ServerState;

use super::{
    Context,
    console::Console,
    exit::{Exit, Failure},
};

/// See which servers there are and what they offer, and approve, suspend or retire them
///
/// Only an approved server can be used. What is suspended or retired keeps its place, so that nobody
/// else takes it and calls to it are refused and recorded.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum RegistryCommand {
    Discover(discover::DiscoverArgs),
    Scan(scan::ScanArgs),
    Import(import::ImportArgs),
    /// Write a server's entry as a server.json of MCP registries
    ///
    /// It is what was imported, with what the entry says now, and the URLs by which clients reach the
    /// server through Envoy as its remotes. Its owner, labels and rules stay here.
    #[command(after_help = "\
Example:
  chancery registry export notes > server.json")]
    Export {
        /// Which server
        mcp_server: String,
    },
    /// List servers with their owners and states
    #[command(after_help = "\
Examples:
  chancery registry list
  chancery registry list --state proposed -o json")]
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<state::StateArg>,
    },
    /// List MCP that goes to hosts that nobody registered, and what to do about each
    ///
    /// Envoys report it where the plugin's `unmatched` is `observe`. What is registered or blocked by now is
    /// left out.
    #[command(after_help = "\
Examples:
  chancery registry shadows
  chancery registry shadows -o json")]
    Shadows,
    /// Show a server's entry, and who changed its state, when and why
    Show {
        /// Which server
        mcp_server: String,
    },
    /// Approve a server, so that rules may let it be used
    ///
    /// Where the organization wants a second person, nobody approves what they have proposed.
    Approve(state::StateArgs),
    /// Stop a server until it is approved again; open streams end
    Suspend(state::ReasonArgs),
    /// Stop a server for good; it can be proposed anew
    Retire(state::ReasonArgs),
    /// Propose a retired server anew
    Propose(state::ReasonArgs),
    /// Bring back a server that was deleted, suspended
    Undelete {
        /// Which server
        mcp_server: String,
        /// Check whether it could be, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    Verify(verify::VerifyArgs),
}

pub(crate) async fn run(
    command: &RegistryCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        RegistryCommand::List { state } => list::list(*state, context, console).await,
        RegistryCommand::Shadows => shadows::run(context, console).await,
        RegistryCommand::Show { mcp_server } => list::show(mcp_server, context, console).await,
        RegistryCommand::Approve(args) => {
            state::change(args, ServerState::Approved, context, console).await
        }
        RegistryCommand::Suspend(args) => {
            state::change(&args.into(), ServerState::Suspended, context, console).await
        }
        RegistryCommand::Retire(args) => {
            state::change(&args.into(), ServerState::Retired, context, console).await
        }
        RegistryCommand::Propose(args) => {
            state::change(&args.into(), ServerState::Proposed, context, console).await
        }
        RegistryCommand::Undelete {
            mcp_server,
            dry_run,
        } => state::undelete(mcp_server, *dry_run, context, console).await,
        RegistryCommand::Verify(args) => verify::run(args, context, console).await,
        RegistryCommand::Discover(args) => discover::run(args, context, console).await,
        RegistryCommand::Import(args) => import::import(args, context, console).await,
        RegistryCommand::Export { mcp_server } => {
            import::export(mcp_server, context, console).await
        }
        RegistryCommand::Scan(args) => scan::run(args, context, console).await,
    }
}
