//! The definitions that are approved of a server, as its resource has them, and one more or less of them.

use chancery_proto::{
    admin::v1::{Definition, DriftId, SeenDrift, Server, ToolDefinition},
    audit::v1::{DefinitionKind, Drift},
};
use serde_json::{Map, Value, json};

use crate::resource::whole;

/// The approved definitions of one kind, each with its name and as JSON text.
pub fn definitions(server: &Server, kind: DefinitionKind) -> Vec<(&str, String)> {
    match kind {
        DefinitionKind::Tool => {
            let tools = server.tools.iter();
            tools.map(|it| (&*it.name, it.definition.clone())).collect()
        }
        DefinitionKind::Prompt => parts(&server.prompts),
        DefinitionKind::Resource => parts(&server.resources),
        DefinitionKind::ResourceTemplate => parts(&server.resource_templates),
        DefinitionKind::Instructions => {
            let texts = server.instructions.iter();
            let quoted = texts.map(|text| ("", Value::from(&**text).to_string()));
            quoted.collect()
        }
        DefinitionKind::ServerInfo => {
            let infos = server.server_infos.iter();
            infos.map(|info| ("", info.clone())).collect()
        }
        DefinitionKind::Unspecified => Vec::new(),
    }
}

fn parts(definitions: &[Definition]) -> Vec<(&str, String)> {
    let definitions = definitions.iter();
    definitions
        .map(|it| (&*it.name, it.definition.clone()))
        .collect()
}

/// The names of what is approved of one kind, each once.
pub(crate) fn names(server: &Server, kind: DefinitionKind) -> Vec<&str> {
    let mut names: Vec<&str> = match kind {
        DefinitionKind::Tool => server.tools.iter().map(|it| &*it.name).collect(),
        DefinitionKind::Prompt => server.prompts.iter().map(|it| &*it.name).collect(),
        DefinitionKind::Resource => server.resources.iter().map(|it| &*it.name).collect(),
        DefinitionKind::ResourceTemplate => {
            let templates = server.resource_templates.iter();
            templates.map(|it| &*it.name).collect()
        }
        DefinitionKind::Instructions | DefinitionKind::ServerInfo | DefinitionKind::Unspecified => {
            Vec::new()
        }
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// Adds a definition in JSON text, beside the others of its name or in their place. `false`: a server
/// has none of this kind, or the text is not what it must be.
pub(crate) fn add(server: &mut Server, id: &DriftId, definition: &str, replaces: bool) -> bool {
    let name = &id.capability;
    let into = |definitions: &mut Vec<Definition>| {
        definitions.retain(|it| !replaces || it.name != *name);
        definitions.push(Definition {
            name: name.clone(),
            definition: definition.to_owned(),
        });
    };
    match id.definition_kind() {
        DefinitionKind::Tool => {
            server.tools.retain(|it| !replaces || it.name != *name);
            server.tools.push(ToolDefinition {
                name: name.clone(),
                definition: definition.to_owned(),
            });
        }
        DefinitionKind::Prompt => into(&mut server.prompts),
        DefinitionKind::Resource => into(&mut server.resources),
        DefinitionKind::ResourceTemplate => into(&mut server.resource_templates),
        DefinitionKind::Instructions => {
            let Ok(text) = serde_json::from_str(definition) else {
                return false;
            };
            server.instructions.retain(|_| !replaces);
            server.instructions.push(text);
        }
        DefinitionKind::ServerInfo => {
            server.server_infos.retain(|_| !replaces);
            server.server_infos.push(definition.to_owned());
        }
        DefinitionKind::Unspecified => return false,
    }
    true
}

/// Takes out every definition of a kind and name.
pub(crate) fn remove(server: &mut Server, id: &DriftId) {
    let name = &id.capability;
    let from = |definitions: &mut Vec<Definition>| definitions.retain(|it| it.name != *name);
    match id.definition_kind() {
        DefinitionKind::Tool => server.tools.retain(|it| it.name != *name),
        DefinitionKind::Prompt => from(&mut server.prompts),
        DefinitionKind::Resource => from(&mut server.resources),
        DefinitionKind::ResourceTemplate => from(&mut server.resource_templates),
        DefinitionKind::Instructions => server.instructions.clear(),
        DefinitionKind::ServerInfo => server.server_infos.clear(),
        DefinitionKind::Unspecified => {}
    }
}

/// A definition in the list or result that it stands in; without one, what has none.
fn listed(kind: DefinitionKind, definition: Option<Value>) -> Value {
    let items: Vec<Value> = definition.into_iter().collect();
    match kind {
        DefinitionKind::Tool | DefinitionKind::Unspecified => json!({ "tools": items }),
        DefinitionKind::Prompt => json!({ "prompts": items }),
        DefinitionKind::Resource => json!({ "resources": items }),
        DefinitionKind::ResourceTemplate => json!({ "resourceTemplates": items }),
        DefinitionKind::Instructions => member("instructions", items),
        DefinitionKind::ServerInfo => member("serverInfo", items),
    }
}

fn member(key: &str, items: Vec<Value>) -> Value {
    let mut object = Map::new();
    object.extend(items.into_iter().map(|item| (key.to_owned(), item)));
    Value::Object(object)
}

/// What a drift is about as it is approved, and as it was seen, each in the list that it stands in. Of
/// several that are approved the last was approved last.
///
/// # Errors
/// Where one of both is no JSON.
pub fn compared(server: &Server, drift: &SeenDrift) -> Result<(Value, Value), serde_json::Error> {
    let id = drift.id.clone().unwrap_or_default();
    let kind = id.definition_kind();
    let approved = definitions(server, kind).into_iter();
    let mut of_this_name = approved.filter(|(name, _)| *name == id.capability);
    let before = of_this_name.next_back();
    let before = before.map(|(_, json)| serde_json::from_str(&json));
    let content = drift.definition.as_ref();
    let is_gone = drift.drift() == Drift::Removed;
    let seen = content.filter(|_| !is_gone).and_then(whole);
    let seen = seen.map(serde_json::from_str);
    Ok((
        listed(kind, before.transpose()?),
        listed(kind, seen.transpose()?),
    ))
}
