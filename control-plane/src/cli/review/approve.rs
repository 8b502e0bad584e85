//! `chancery review approve`: what was seen becomes what is approved.

use chancery_proto::{
    admin::v1::{self as admin, UpdateServerRequest, server_service_client::ServerServiceClient},
    audit::v1::{DefinitionKind, Drift},
};

use super::{list::PIN_DIGITS, sighted::Sighted};
use crate::cli::{
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::id_of,
    proposals,
    render::hex,
    visible::visible,
};

/// What is to be approved of one server.
#[derive(Debug)]
pub(super) struct Approval<'p> {
    pub(super) chosen: Vec<&'p Sighted>,
    /// Whether versions of it that were approved before are not any more.
    pub(super) replaces: bool,
    pub(super) is_dry_run: bool,
}

impl Approval<'_> {
    pub(super) async fn run(
        self,
        connection: &Connection,
        mut server: admin::Server,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        let Self {
            chosen,
            replaces,
            is_dry_run,
        } = self;
        for sighted in &chosen {
            if sighted.is_removal() {
                remove(&mut server, sighted);
                continue;
            }
            let definition = sighted.whole().ok_or_else(|| too_long(sighted))?;
            if sighted.drift == Drift::Unpinnable {
                return Err(unpinnable(sighted));
            }
            add(&mut server, sighted, definition, replaces)?;
        }
        let action = format!("approve {} of {}", all(&chosen), id_of(&server.name));
        let request = UpdateServerRequest {
            server: Some(server),
            validate_only: is_dry_run,
        };
        let mut client = ServerServiceClient::new(connection.channel.clone());
        let answer = connection
            .answer(&action, client.update_server(request))
            .await?;
        for sighted in &chosen {
            let word = console.paint("approved", Tone::Good);
            let pin = hex(&sighted.seen);
            let pin = pin.get(..PIN_DIGITS).unwrap_or_default();
            let suffix = if is_dry_run { " (dry run)" } else { "" };
            let as_what = if sighted.is_removal() {
                "to be gone".to_owned()
            } else {
                format!("as {pin}")
            };
            console.line(format_args!(
                "{} {} {word} {as_what}{suffix}",
                visible(id_of(&sighted.server)),
                visible(&sighted.what),
            ))?;
        }
        if !answer.proposal.is_empty() {
            console.line(proposals::waits(&answer.proposal))?;
        }
        Ok(Exit::Success)
    }
}

/// Writes a definition into the server that it is approved of.
fn add(
    server: &mut admin::Server,
    sighted: &Sighted,
    definition: &str,
    replaces: bool,
) -> Result<(), Failure> {
    let name = &sighted.capability;
    let into = |definitions: &mut Vec<admin::Definition>| {
        definitions.retain(|it| !replaces || it.name != *name);
        definitions.push(admin::Definition {
            name: name.clone(),
            definition: definition.to_owned(),
        });
    };
    match sighted.kind {
        DefinitionKind::Tool => {
            server.tools.retain(|it| !replaces || it.name != *name);
            server.tools.push(admin::ToolDefinition {
                name: name.clone(),
                definition: definition.to_owned(),
            });
        }
        DefinitionKind::Prompt => into(&mut server.prompts),
        DefinitionKind::Resource => into(&mut server.resources),
        DefinitionKind::ResourceTemplate => into(&mut server.resource_templates),
        DefinitionKind::Instructions => {
            let text = serde_json::from_str(definition).map_err(Failure::rendering)?;
            server.instructions.retain(|_| !replaces);
            server.instructions.push(text);
        }
        DefinitionKind::ServerInfo => {
            server.server_infos.retain(|_| !replaces);
            server.server_infos.push(definition.to_owned());
        }
        DefinitionKind::Unspecified => return Err(too_long(sighted)),
    }
    Ok(())
}

/// Takes what is gone out of the server that it was approved of.
fn remove(server: &mut admin::Server, sighted: &Sighted) {
    let name = &sighted.capability;
    let from = |definitions: &mut Vec<admin::Definition>| definitions.retain(|it| it.name != *name);
    match sighted.kind {
        DefinitionKind::Tool => server.tools.retain(|it| it.name != *name),
        DefinitionKind::Prompt => from(&mut server.prompts),
        DefinitionKind::Resource => from(&mut server.resources),
        DefinitionKind::ResourceTemplate => from(&mut server.resource_templates),
        DefinitionKind::Instructions => server.instructions.clear(),
        DefinitionKind::ServerInfo => server.server_infos.clear(),
        DefinitionKind::Unspecified => {}
    }
}

fn too_long(sighted: &Sighted) -> Failure {
    Failure::Usage(format!(
        "the record keeps {} of {} bytes of `{}`: write its definition into the server's document",
        sighted.definition.data.len(),
        sighted.definition.size_bytes,
        visible(&sighted.what),
    ))
}

fn unpinnable(sighted: &Sighted) -> Failure {
    Failure::Usage(format!(
        "`{}` cannot be approved: a number in it is read differently by different readers; \
         ask the server's owner to change it",
        visible(&sighted.what),
    ))
}

fn all(chosen: &[&Sighted]) -> String {
    let chosen: Vec<_> = chosen.iter().map(|sighted| &*sighted.what).collect();
    chosen.join(", ")
}
