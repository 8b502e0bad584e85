//! `chancery review approve --from`: the next version of a server, approved before it is rolled out.

use std::io::{self, BufRead as _, IsTerminal as _};

use chancery_proto::{
    admin::v1::{self as admin, DriftId, SeenDrift},
    audit::v1::{Content, DefinitionKind, Drift},
};

use super::show;
use crate::{
    cli::{
        connect::Connection,
        console::Console,
        exit::Failure,
        name::id_of,
        registry::found::{self, ShownToken},
        visible::visible,
    },
    resource::pin_of,
    review::definitions::definitions,
};

/// Everything that can be approved one by one.
const KINDS: [DefinitionKind; 6] = [
    DefinitionKind::Tool,
    DefinitionKind::Prompt,
    DefinitionKind::Resource,
    DefinitionKind::ResourceTemplate,
    DefinitionKind::Instructions,
    DefinitionKind::ServerInfo,
];

/// What of the server at an address is not approved of a registered one.
pub(super) async fn pending(
    connection: &Connection,
    server: &admin::Server,
    (url, token): (&str, &ShownToken),
) -> Result<Vec<SeenDrift>, Failure> {
    let (parent, id) = server.name.rsplit_once("/servers/").unwrap_or_default();
    let next = found::discover(connection, (parent, id), url, token).await?;
    let mut pending = Vec::new();
    for kind in KINDS {
        let approved = definitions(server, kind);
        // What it says that it is counts only where somebody wrote that down.
        if kind == DefinitionKind::ServerInfo && approved.is_empty() {
            continue;
        }
        for (name, json) in definitions(&next, kind) {
            let pin = |json: &str| pin_of(server, (kind, name), json);
            let seen = pin(&json);
            let mut of_this_name = approved.iter().filter(|(known, _)| *known == name);
            let is_known = of_this_name.clone().next().is_some();
            if seen.is_some() && of_this_name.any(|(_, known)| pin(known) == seen) {
                continue;
            }
            let drift = match (seen, is_known) {
                (None, _) => Drift::Unpinnable,
                (Some(_), true) => Drift::Changed,
                (Some(_), false) => Drift::New,
            };
            pending.push(SeenDrift {
                server: server.name.clone(),
                id: Some(DriftId {
                    definition_kind: kind.into(),
                    capability: name.to_owned(),
                    seen: seen.map(|pin| pin.as_bytes().to_vec()).unwrap_or_default(),
                    text: Vec::new(),
                }),
                drift: drift.into(),
                definition: Some(Content {
                    size_bytes: u64::try_from(json.len()).unwrap_or(u64::MAX),
                    data: json.into_bytes(),
                    ..Content::default()
                }),
                ..SeenDrift::default()
            });
        }
    }
    Ok(pending)
}

/// Shows what is chosen beside what is approved, and asks whether that is meant.
pub(super) fn confirm(
    server: &admin::Server,
    chosen: &[&SeenDrift],
    is_agreed: bool,
    console: &mut Console<'_>,
) -> Result<bool, Failure> {
    for drift in chosen {
        show::print(server, drift, console)?;
    }
    if is_agreed {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let message = "nobody is there to be asked: look at the differences, and then say --yes";
        return Err(Failure::Usage(message.to_owned()));
    }
    console.flush()?;
    console.talk(format_args!(
        "approve {} definitions of {}, beside those that are? [y/N]",
        chosen.len(),
        visible(id_of(&server.name)),
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::Usage(format!("cannot read an answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
