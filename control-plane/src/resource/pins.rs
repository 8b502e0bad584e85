//! What of a server people have approved, as filters compare it: pins of the definitions written
//! in its resource.

use std::collections::BTreeMap;

use chancery_engine::{canonical::Pin, json::Document, limits::Limits, wire::Invalid};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::invalid;

/// Pins of everything that a server's resource says it offers. `None` where that is not asked.
///
/// # Errors
/// Where a definition has none.
pub fn of(server: &admin::Server) -> Result<Option<policy::Pins>, Invalid> {
    if server.pinning() == policy::Pinning::Unspecified {
        return Ok(None);
    }
    let tools = server.tools.iter();
    let tools = tools.map(|tool| (&*tool.name, &*tool.definition));
    Ok(Some(policy::Pins {
        pinning: server.pinning,
        tools: capabilities("tools", tools)?,
        prompts: capabilities("prompts", server.prompts.iter().map(parts))?,
        resources: capabilities("resources", server.resources.iter().map(parts))?,
        resource_templates: capabilities(
            "resource_templates",
            server.resource_templates.iter().map(parts),
        )?,
        instructions: instructions(&server.instructions)?,
        server_infos: each("server_infos", &server.server_infos)?,
    }))
}

fn parts(definition: &admin::Definition) -> (&str, &str) {
    (&definition.name, &definition.definition)
}

/// The pins of the definitions of one kind, by name.
fn capabilities<'s>(
    field: &str,
    definitions: impl Iterator<Item = (&'s str, &'s str)>,
) -> Result<Vec<policy::PinnedCapability>, Invalid> {
    let mut by_name: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (position, (name, definition)) in definitions.enumerate() {
        let pin = pin(definition)
            .map_err(|(found, expected)| invalid(at(field, position), found, expected))?;
        let pins = by_name.entry(name).or_default();
        if !pins.contains(&pin) {
            pins.push(pin);
        }
    }
    let by_name = by_name.into_iter();
    Ok(by_name
        .map(|(name, pins)| policy::PinnedCapability {
            name: name.to_owned(),
            pins,
        })
        .collect())
}

fn each<T: AsRef<str>>(field: &str, texts: &[T]) -> Result<Vec<Vec<u8>>, Invalid> {
    let mut pins = Vec::with_capacity(texts.len());
    for (position, json) in texts.iter().enumerate() {
        let pin = pin(json.as_ref()).map_err(|(found, expected)| {
            invalid(format!("{field}[{position}]"), found, expected)
        })?;
        if !pins.contains(&pin) {
            pins.push(pin);
        }
    }
    Ok(pins)
}

/// They are texts, and pinned as the JSON strings that they are sent as.
fn instructions(texts: &[String]) -> Result<Vec<Vec<u8>>, Invalid> {
    let quoted: Vec<_> = texts
        .iter()
        .map(|text| serde_json::Value::from(&**text).to_string())
        .collect();
    each("instructions", &quoted)
}

fn at(field: &str, position: usize) -> String {
    format!("{field}[{position}].definition")
}

fn pin(json: &str) -> Result<Vec<u8>, (String, String)> {
    let trouble = |error: &dyn std::fmt::Display| {
        let expected = "JSON that every reader reads alike, so that it can be pinned";
        (error.to_string(), expected.to_owned())
    };
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT);
    let document = document.map_err(|error| trouble(&error))?;
    let pin = Pin::of(document.root()).map_err(|error| trouble(&error))?;
    Ok(pin.as_bytes().to_vec())
}
