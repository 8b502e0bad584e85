//! `chancery review show`: what was seen beside what is approved.

use chancery_proto::{admin::v1 as admin, audit::v1::DefinitionKind};
use serde_json::{Value, json};

use super::{
    diff, inspect,
    sighted::{Sighted, definitions},
};
use crate::{
    cli::{console::Console, exit::Failure, output::Format},
    inspect::inspect as warned_of,
    review::diff::{Diff, Listing},
};

pub(super) fn run(
    server: &admin::Server,
    sighted: &Sighted,
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let approved = definitions(server, sighted.kind);
    let mut of_this_name = approved
        .iter()
        .filter(|(name, _)| *name == sighted.capability);
    // Of several the last was approved last.
    let before = of_this_name
        .next_back()
        .map(|(_, json)| read(json))
        .transpose()?;
    let seen = sighted.whole().filter(|_| !sighted.is_removal());
    let seen = seen.map(read).transpose()?;
    let (before, seen) = (listed(sighted.kind, before), listed(sighted.kind, seen));
    let warnings = warned_of(&seen).ok();
    let reading = |value| Listing::read(value).map_err(Failure::rendering);
    let (before, seen) = (reading(&before)?, reading(&seen)?);
    diff::write(&Diff::new(&before, &seen), format, console)?;
    match (format, warnings) {
        (Format::Table | Format::Name, Some(warnings)) => {
            console.line("")?;
            inspect::print(&warnings, console)
        }
        (Format::Table | Format::Name, None) | (Format::Json | Format::Yaml, _) => Ok(()),
    }
}

fn read(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(Failure::rendering)
}

/// A definition in the list that it stands in.
fn listed(kind: DefinitionKind, definition: Option<Value>) -> Value {
    let items: Vec<Value> = definition.into_iter().collect();
    match kind {
        DefinitionKind::Tool | DefinitionKind::Unspecified => json!({ "tools": items }),
        DefinitionKind::Prompt => json!({ "prompts": items }),
        DefinitionKind::Resource => json!({ "resources": items }),
        DefinitionKind::ResourceTemplate => json!({ "resourceTemplates": items }),
        DefinitionKind::Instructions => item("instructions", items),
        DefinitionKind::ServerInfo => item("serverInfo", items),
    }
}

fn item(key: &str, items: Vec<Value>) -> Value {
    let mut object = serde_json::Map::new();
    object.extend(items.into_iter().map(|item| (key.to_owned(), item)));
    Value::Object(object)
}
