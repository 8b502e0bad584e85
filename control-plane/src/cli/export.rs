//! `chancery export`.

mod envoy;

use chancery_proto::admin::v1::resource;

use super::{
    Context,
    connect::Connection,
    console::Console,
    exit::{Exit, Failure},
    name::Kind,
    output::Format,
    stored,
    visible::visible,
};

/// Write what other programs need to know of a server
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ExportCommand {
    /// Write what an Envoy needs to carry a server's traffic: its routes and its clusters
    ///
    /// Everything else of the server's hosts is refused. Where the entry does not say where the server is,
    /// by its `scan.url` or the remote of its server.json, an address stands in its place that leads
    /// nowhere, and a warning on the standard error says so.
    #[command(after_help = "\
Example:
  chancery export envoy notes > notes.yaml")]
    Envoy {
        /// Which server
        mcp_server: String,
    },
}

pub(crate) async fn run(
    command: &ExportCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let ExportCommand::Envoy { mcp_server } = command;
    let known = [Format::Table, Format::Yaml, Format::Json];
    let format = context.format_of(&known)?;
    let name = context.scope.read(Kind::Server, mcp_server)?;
    let connection = Connection::open(&context.address).await?;
    let resource::Kind::Server(server) = stored::get(&connection, &name).await? else {
        return Err(Failure::Nonsense("it is no server".to_owned()));
    };
    let exported = envoy::export(&server);
    for warning in &exported.warnings {
        console.talk(format_args!("warning: {}", visible(warning)));
    }
    match format {
        Format::Json => console.json(&exported.config)?,
        Format::Table | Format::Yaml | Format::Name => {
            console
                .line("# `virtual_hosts` go into the listener's `route_config`, before one for")?;
            console.line("# any host; `clusters` go into `static_resources`.")?;
            for warning in &exported.warnings {
                console.line(format_args!("# FILL IN: {}", visible(warning)))?;
            }
            console.yaml(&exported.config, true)?;
        }
    }
    Ok(Exit::Success)
}
