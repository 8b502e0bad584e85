//! `chancery registry import` and `export`.

use std::path::PathBuf;

use chancery_proto::{
    admin::v1::{self as admin, resource},
    policy::v1::Endpoint,
};

use super::discover;
use crate::{
    cli::{
        Context,
        connect::Connection,
        console::Console,
        exit::{Exit, Failure},
        files,
        name::Kind,
        output::Format,
        problem::Problem,
        stored,
        visible::visible,
    },
    server_json::{self, Imported},
};

/// Write the entry that a server.json of an MCP registry comes to
///
/// It is proposed: that somebody published it approves nothing. Read are schema 2025-12-11 and those
/// before it, alone or as the registry's API answers them. The remotes of the transport streamable-http
/// become endpoints; the cluster that carries their traffic and who answers for the server are yours to
/// say. The whole document is kept in the entry, so that an export loses nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery registry import server.json > notes.yaml
  chancery registry import server.json --as notes --owner notes@example.com --cluster mcp_notes --propose
  curl -s https://registry.example/v0.1/servers/com.example%2Fnotes/versions/latest |
    chancery registry import - --host mcp.acme.example --path /notes")]
pub(crate) struct ImportArgs {
    /// A server.json; `-` for the standard input
    file: PathBuf,
    /// What its entry is called; the last part of its name in registries where left out
    #[arg(long = "as", value_name = "ID")]
    name: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// The Envoy cluster that carries its traffic
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    /// The host by which clients reach it through Envoy; that of its remotes where left out
    #[arg(long, value_name = "HOST", requires = "path")]
    host: Option<String>,
    /// The path by which clients reach it through Envoy; that of its remotes where left out
    #[arg(long, value_name = "PATH", requires = "host")]
    path: Option<String>,
    /// Store the entry, where no rule allows anyone anything of it yet
    #[arg(long, requires_all = ["owner", "cluster"])]
    propose: bool,
}

pub(super) async fn import(
    args: &ImportArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Yaml, Format::Json])?;
    let wrong = |problem| Failure::Invalid {
        problems: vec![problem],
        consequence: "nothing is imported",
    };
    let text = files::read_one(&args.file, "a server.json").map_err(wrong)?;
    let Imported { mut server, notes } = server_json::import(&text.content)
        .map_err(|error| wrong(Problem::with_file(&text.file, error.to_string())))?;
    if let (Some(host), Some(path)) = (&args.host, &args.path) {
        server.endpoints = vec![Endpoint {
            host: host.clone(),
            path: path.clone(),
            ..Endpoint::default()
        }];
    } else {
        for note in &notes {
            console.talk(format_args!("{}: {}", visible(&text.file), visible(note)));
        }
    }
    if server.endpoints.is_empty() {
        let message = "found no remote that Envoy can carry, expected one of the transport \
                       `streamable-http`: say with --host and --path where clients reach the server";
        return Err(wrong(Problem::with_file(&text.file, message.to_owned())));
    }
    let id = args.name.as_deref().unwrap_or(&server.name);
    server.name = context.scope.read(Kind::Server, id)?.to_string();
    discover::complete(&mut server, args.owner.as_deref(), args.cluster.as_deref());
    if args.propose {
        let connection = Connection::open(&context.address).await?;
        return discover::propose(&connection, server, console).await;
    }
    discover::print(server, format, console)
}

pub(super) async fn export(
    server: &str,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    context.format_of(&[Format::Table, Format::Json])?;
    let name = context.scope.read(Kind::Server, server)?;
    let connection = Connection::open(&context.address).await?;
    let resource::Kind::Server(server) = stored::get(&connection, &name).await? else {
        return Err(Failure::Nonsense("it is no server".to_owned()));
    };
    let document = written(&server, &name.short())?;
    console.json(&document)?;
    Ok(Exit::Success)
}

fn written(server: &admin::Server, short: &str) -> Result<server_json::ServerJson, Failure> {
    server_json::export(server)
        .map_err(|error| Failure::Usage(format!("cannot export {}: {error}", visible(short))))
}
