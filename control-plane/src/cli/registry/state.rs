//! `chancery registry approve`, `suspend`, `retire`, `propose` and `undelete`.

use chancery_proto::{
    admin::v1::{
        ChangeServerStateRequest, UndeleteServerRequest, server_service_client::ServerServiceClient,
    },
    policy::v1::ServerState,
};

use super::super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::Kind,
    visible::visible,
};

/// How far a server is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum StateArg {
    Proposed,
    Approved,
    Suspended,
    Retired,
}

impl StateArg {
    pub(super) fn to_message(self) -> ServerState {
        match self {
            Self::Proposed => ServerState::Proposed,
            Self::Approved => ServerState::Approved,
            Self::Suspended => ServerState::Suspended,
            Self::Retired => ServerState::Retired,
        }
    }
}

/// What a state is called, and how it looks.
pub(super) fn word(state: ServerState) -> (&'static str, Tone) {
    match state {
        ServerState::Unspecified | ServerState::Approved => ("approved", Tone::Good),
        ServerState::Proposed => ("proposed", Tone::Doubtful),
        ServerState::Suspended => ("suspended", Tone::Bad),
        ServerState::Retired => ("retired", Tone::Faint),
    }
}

/// Another state, for whatever reason.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StateArgs {
    /// Which server
    mcp_server: String,
    /// Why, for the record
    #[arg(short = 'm', long = "message", value_name = "WHY", default_value = "")]
    reason: String,
    /// The entry's etag, where others may change it at the same time
    #[arg(long, default_value = "")]
    etag: String,
    /// Check whether it could be, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Another state, for a reason.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReasonArgs {
    /// Which server
    mcp_server: String,
    /// Why, for the record
    #[arg(short = 'm', long = "message", value_name = "WHY")]
    reason: String,
    /// The entry's etag, where others may change it at the same time
    #[arg(long, default_value = "")]
    etag: String,
    /// Check whether it could be, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl From<&ReasonArgs> for StateArgs {
    fn from(args: &ReasonArgs) -> Self {
        let ReasonArgs {
            mcp_server,
            reason,
            etag,
            dry_run,
        } = args.clone();
        Self {
            mcp_server,
            reason,
            etag,
            dry_run,
        }
    }
}

pub(super) async fn change(
    args: &StateArgs,
    state: ServerState,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let name = context.scope.read(Kind::Server, &args.mcp_server)?;
    let connection = Connection::open(&context.address).await?;
    let (done, tone) = word(state);
    let action = format!("have {} {done}", name.short());
    let request = ChangeServerStateRequest {
        name: name.to_string(),
        etag: args.etag.clone(),
        state: state.into(),
        reason: args.reason.clone(),
        validate_only: args.dry_run,
    };
    let mut client = ServerServiceClient::new(connection.channel.clone());
    let call = client.change_server_state(request);
    connection.answer(&action, call).await?;
    say(&name.short(), (done, tone), args.dry_run, console)
}

pub(super) async fn undelete(
    server: &str,
    is_dry_run: bool,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let name = context.scope.read(Kind::Server, server)?;
    let connection = Connection::open(&context.address).await?;
    let request = UndeleteServerRequest {
        name: name.to_string(),
        validate_only: is_dry_run,
    };
    let mut client = ServerServiceClient::new(connection.channel.clone());
    let action = format!("bring back {}", name.short());
    let call = client.undelete_server(request);
    connection.answer(&action, call).await?;
    say(
        &name.short(),
        word(ServerState::Suspended),
        is_dry_run,
        console,
    )
}

fn say(
    name: &str,
    (word, tone): (&str, Tone),
    is_dry_run: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let word = console.paint(word, tone);
    let suffix = if is_dry_run { " (dry run)" } else { "" };
    console.line(format_args!("{} {word}{suffix}", visible(name)))?;
    Ok(Exit::Success)
}
