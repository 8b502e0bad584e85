//! `chancery registry discover`.

use chancery_proto::{
    admin::v1::{
        self as admin, CreateServerRequest, resource, server_service_client::ServerServiceClient,
    },
    policy::v1::Endpoint,
};

use super::found::{self, ShownToken};
use crate::{
    cli::{
        Context,
        connect::Connection,
        console::Console,
        exit::{Exit, Failure},
        get,
        name::{Kind, id_of},
        output::Format,
        proposals,
        visible::visible,
    },
    inspect::{Severity, inspect},
};

/// Ask an MCP server what it is and offers, and write the entry that it comes to
///
/// The control plane asks, as a client of the server, and goes only where its configuration lets it
/// (`discovery`). What is written holds every definition as it was sent, pinned; the cluster that carries
/// its traffic and who answers for it are yours to say. What a reviewer should be warned of is said on the
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery registry discover https://mcp.example.com/mcp > server.yaml
  chancery registry discover https://mcp.example.com/mcp --as notes --owner notes@example.com \\
    --cluster mcp_notes --propose")]
pub(crate) struct DiscoverArgs {
    /// Its MCP endpoint
    url: String,
    /// What its entry is called; what it says it is called where left out
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// The Envoy cluster that carries its traffic
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    #[command(flatten)]
    token: ShownToken,
    /// Store the entry, where no rule allows anyone anything of it yet
    #[arg(long, requires_all = ["owner", "cluster"])]
    propose: bool,
}

pub(crate) async fn run(
    args: &DiscoverArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let known = [Format::Table, Format::Yaml, Format::Json];
    let format = context.format_of(&known)?;
    let scope = &context.scope;
    let name = args.name.as_deref();
    let name = name
        .map(|name| scope.read(Kind::Server, name))
        .transpose()?;
    let name = name.map(|name| name.to_string());
    let (parent, id) = match name
        .as_deref()
        .and_then(|name| name.rsplit_once("/servers/"))
    {
        Some((parent, id)) => (parent.to_owned(), id),
        None => (scope.parent(Kind::Server), ""),
    };
    let connection = Connection::open(&context.address).await?;
    let found = found::discover(&connection, (&parent, id), &args.url, &args.token);
    let mut server = found.await?;
    complete(&mut server, args.owner.as_deref(), args.cluster.as_deref());
    warn(&server, console);
    if args.propose {
        return propose(&connection, server, console).await;
    }
    print(server, format, console)
}

/// Writes into an entry what only its operators know.
pub(super) fn complete(server: &mut admin::Server, owner: Option<&str>, cluster: Option<&str>) {
    owner.unwrap_or_default().clone_into(&mut server.owner);
    for endpoint in &mut server.endpoints {
        cluster
            .unwrap_or_default()
            .clone_into(&mut endpoint.cluster);
    }
}

/// Prints the entry, and says what is missing.
pub(super) fn print(
    server: admin::Server,
    format: Format,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let without_cluster = |endpoint: &Endpoint| endpoint.cluster.is_empty();
    let is_without_cluster = server.endpoints.iter().any(without_cluster);
    for (missing, is_missing) in [
        ("owner", server.owner.is_empty()),
        ("cluster", is_without_cluster),
    ] {
        if is_missing {
            console.talk(format_args!(
                "fill in `{missing}` before you apply this, or give --{missing}"
            ));
        }
    }
    let document = get::document(resource::Kind::Server(server))?;
    match format {
        Format::Json => console.json(&document)?,
        Format::Table | Format::Yaml | Format::Name => console.yaml(&document, true)?,
    }
    Ok(Exit::Success)
}

/// Stores the entry.
pub(super) async fn propose(
    connection: &Connection,
    server: admin::Server,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let id = visible(id_of(&server.name)).into_owned();
    let mut client = ServerServiceClient::new(connection.channel.clone());
    let call = client.create_server(CreateServerRequest {
        server: Some(server),
        validate_only: false,
    });
    let answer = connection.answer("propose the server", call).await?;
    if answer.proposal.is_empty() {
        console.line(format_args!("servers/{id} created"))?;
    } else {
        console.line(proposals::waits(&answer.proposal))?;
    }
    Ok(Exit::Success)
}

/// Says what a reviewer should be warned of.
fn warn(server: &admin::Server, console: &mut Console<'_>) {
    let all = inspect(&found::definitions(server)).unwrap_or_default();
    let mut worth_a_word = 0_usize;
    for inspected in &all {
        for finding in &inspected.findings {
            if finding.severity == Severity::Low {
                continue;
            }
            worth_a_word = worth_a_word.saturating_add(1);
            let place = match &*finding.place {
                "" => "whole".into(),
                place => visible(place),
            };
            // Names and excerpts are visible already.
            console.talk(format_args!(
                "{}: {} {}, {place}: {}: {}",
                finding.severity.as_str(),
                inspected.kind.as_str(),
                inspected.name,
                finding.rule,
                finding.excerpt,
            ));
        }
    }
    console.talk(format_args!(
        "{} definitions, {worth_a_word} warnings; `chancery review inspect` says more",
        all.len(),
    ));
}
