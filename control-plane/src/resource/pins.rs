//! What of a server people have approved, as filters compare it: pins of the definitions written
//! in its resource.

use std::collections::BTreeMap;

use chancery_engine::{
    canonical::{DefinitionKind, Pin, Pinned},
    json::Document,
    limits::Limits,
    wire::Invalid,
};
use chancery_proto::{
    admin::v1 as admin,
    audit::v1::{self as audit, Content},
    policy::v1 as policy,
};

use super::{
    invalid,
    variables::{self, Checked},
};

/// Pins of everything that a server's resource says it offers. `None` where that is not asked.
///
/// # Errors
/// Where a definition has none, or what may vary of it is not there.
pub fn of(server: &admin::Server) -> Result<Option<policy::Pins>, Invalid> {
    if server.pinning() == policy::Pinning::Unspecified {
        if server.variable_fields.is_empty() {
            return Ok(None);
        }
        let found = "fields that may vary where `pinning` is off";
        let expected = "`pinning: enforce` or `observe`, or no such fields";
        return Err(invalid("variable_fields", found, expected));
    }
    let mut fields = Checked::new(server)?;
    let tools = server.tools.iter();
    let tools = tools.map(|tool| (&*tool.name, &*tool.definition));
    let lists = (
        capabilities(&mut fields, DefinitionKind::Tool, tools)?,
        listed(&mut fields, DefinitionKind::Prompt, &server.prompts)?,
        listed(&mut fields, DefinitionKind::Resource, &server.resources)?,
        listed(
            &mut fields,
            DefinitionKind::Template,
            &server.resource_templates,
        )?,
    );
    let (tools, prompts, resources, resource_templates) = lists;
    let quoted: Vec<_> = server.instructions.iter().map(|it| quoted(it)).collect();
    Ok(Some(policy::Pins {
        pinning: server.pinning,
        tools,
        prompts,
        resources,
        resource_templates,
        instructions: each(&mut fields, Pinned::Instructions, &quoted)?,
        server_infos: each(&mut fields, Pinned::ServerInfo, &server.server_infos)?,
        variables: fields.finish()?,
    }))
}

/// The pin of a definition in JSON text, as a server pins those of its kind and name by now; `None`
/// where it has none.
pub(crate) fn pin_of(
    server: &admin::Server,
    (kind, name): (audit::DefinitionKind, &str),
    json: &str,
) -> Option<Pin> {
    let capability = |kind| Pinned::Capability { kind, name };
    let what = match kind {
        audit::DefinitionKind::Tool => capability(DefinitionKind::Tool),
        audit::DefinitionKind::Prompt => capability(DefinitionKind::Prompt),
        audit::DefinitionKind::Resource => capability(DefinitionKind::Resource),
        audit::DefinitionKind::ResourceTemplate => capability(DefinitionKind::Template),
        audit::DefinitionKind::Instructions => Pinned::Instructions,
        audit::DefinitionKind::ServerInfo => Pinned::ServerInfo,
        audit::DefinitionKind::Unspecified => return None,
    };
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).ok()?;
    let variables = variables::of(server).ok()?;
    variables.pin(what, document.root()).ok()
}

/// The text of a definition in the record; `None` where that keeps only a part.
pub(crate) fn whole(definition: &Content) -> Option<&str> {
    let is_whole = u64::try_from(definition.data.len()).ok() == Some(definition.size_bytes);
    let text = std::str::from_utf8(&definition.data).ok();
    text.filter(|_| is_whole)
}

fn listed(
    fields: &mut Checked<'_>,
    kind: DefinitionKind,
    definitions: &[admin::Definition],
) -> Result<Vec<policy::PinnedCapability>, Invalid> {
    let definitions = definitions.iter();
    let parts = definitions.map(|it| (&*it.name, &*it.definition));
    capabilities(fields, kind, parts)
}

/// The pins of the definitions of one kind, by name.
fn capabilities<'s>(
    fields: &mut Checked<'_>,
    kind: DefinitionKind,
    definitions: impl Iterator<Item = (&'s str, &'s str)>,
) -> Result<Vec<policy::PinnedCapability>, Invalid> {
    let field = match kind {
        DefinitionKind::Tool => "tools",
        DefinitionKind::Prompt => "prompts",
        DefinitionKind::Resource => "resources",
        DefinitionKind::Template => "resource_templates",
    };
    let mut by_name: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (position, (name, definition)) in definitions.enumerate() {
        let place = format!("{field}[{position}].definition");
        let pin = pin(
            fields,
            Pinned::Capability { kind, name },
            (place, definition),
        )?;
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

fn each(
    fields: &mut Checked<'_>,
    what: Pinned<'_>,
    texts: &[String],
) -> Result<Vec<Vec<u8>>, Invalid> {
    let field = match what {
        Pinned::Instructions => "instructions",
        Pinned::ServerInfo | Pinned::Capability { .. } => "server_infos",
    };
    let mut pins = Vec::with_capacity(texts.len());
    for (position, json) in texts.iter().enumerate() {
        let pin = pin(fields, what, (format!("{field}[{position}]"), json))?;
        if !pins.contains(&pin) {
            pins.push(pin);
        }
    }
    Ok(pins)
}

/// Instructions are texts, and pinned as the JSON strings that they are sent as.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Pins the definition in the JSON text that stands at `place`.
fn pin(
    fields: &mut Checked<'_>,
    what: Pinned<'_>,
    (place, json): (String, &str),
) -> Result<Vec<u8>, Invalid> {
    let trouble = |error: &dyn std::fmt::Display| {
        let expected = "JSON that every reader reads alike, so that it can be pinned";
        invalid(place.clone(), error.to_string(), expected)
    };
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT);
    let document = document.map_err(|error| trouble(&error))?;
    fields.look_at((what, document.root()), &place)?;
    let pin = fields.variables.pin(what, document.root());
    let pin = pin.map_err(|error| trouble(&error))?;
    Ok(pin.as_bytes().to_vec())
}
