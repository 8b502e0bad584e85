//! What of a server people have approved.

use chancery_proto::policy::v1 as pb;

use super::super::{Invalid, shown};
use crate::{
    approved::{Approved, Pinning},
    canonical::{
        DefinitionKind, MAX_VARIABLE_FIELDS, Pin, Pinned, Pins, VariableField, Variables,
        VariablesError,
    },
};

pub(super) fn approved(message: pb::Pins) -> Result<Approved, Invalid> {
    let pb::Pins {
        pinning,
        tools,
        prompts,
        resources,
        resource_templates,
        instructions,
        server_infos,
        variables,
    } = message;
    let pinning = match pb::Pinning::try_from(pinning) {
        Ok(pb::Pinning::Observe) => Pinning::Observe,
        Ok(pb::Pinning::Enforce) => Pinning::Enforce,
        Ok(pb::Pinning::Unspecified) | Err(_) => {
            let expected = "`observe` or `enforce`";
            return Err(Invalid::new("pins.pinning", pinning, expected));
        }
    };
    let mut pins = Vec::new();
    let lists = [
        ("pins.tools", DefinitionKind::Tool, tools),
        ("pins.prompts", DefinitionKind::Prompt, prompts),
        ("pins.resources", DefinitionKind::Resource, resources),
        (
            "pins.resource_templates",
            DefinitionKind::Template,
            resource_templates,
        ),
    ];
    for (field, kind, list) in &lists {
        for pb::PinnedCapability { name, pins: bytes } in list {
            if bytes.is_empty() {
                return Err(Invalid::new(*field, shown(name), "at least one pin"));
            }
            let what = Pinned::Capability { kind: *kind, name };
            for bytes in bytes {
                pins.push((what, pin(field, bytes)?));
            }
        }
    }
    for (field, what, list) in [
        ("pins.instructions", Pinned::Instructions, instructions),
        ("pins.server_infos", Pinned::ServerInfo, server_infos),
    ] {
        for bytes in list {
            pins.push((what, pin(field, &bytes)?));
        }
    }
    let pins = Pins::new(pins);
    let pins = pins.map_err(|error| {
        Invalid::new(
            "pins",
            error.to_string(),
            "each pin of each capability once",
        )
    })?;
    let pins = pins.without(variable_fields(variables)?);
    Ok(Approved::new(pinning, pins))
}

fn pin(field: &str, bytes: &[u8]) -> Result<Pin, Invalid> {
    Pin::from_slice(bytes).ok_or_else(|| Invalid::new(field, bytes.len(), "pins of 32 bytes"))
}

fn variable_fields(messages: Vec<pb::VariableField>) -> Result<Variables, Invalid> {
    let mut fields = Vec::with_capacity(messages.len());
    for (position, message) in messages.into_iter().enumerate() {
        let field = VariableField::try_from(message);
        fields.push(field.map_err(|error| error.within(&format!("pins.variables[{position}]")))?);
    }
    Variables::new(fields).map_err(|error| {
        let expected = match error {
            VariablesError::TooMany { .. } => format!("at most {MAX_VARIABLE_FIELDS}"),
            VariablesError::Duplicate { .. } => "each field once".to_owned(),
        };
        Invalid::new("pins.variables", error, expected)
    })
}

impl TryFrom<pb::VariableField> for VariableField {
    type Error = Invalid;

    fn try_from(message: pb::VariableField) -> Result<Self, Invalid> {
        let kind = message.kind();
        let pb::VariableField {
            kind: number,
            capability,
            pointer,
            pattern,
        } = message;
        let capability_of = |kind| Pinned::Capability {
            kind,
            name: &capability,
        };
        let what = match kind {
            pb::PinnedKind::Tool => capability_of(DefinitionKind::Tool),
            pb::PinnedKind::Prompt => capability_of(DefinitionKind::Prompt),
            pb::PinnedKind::Resource => capability_of(DefinitionKind::Resource),
            pb::PinnedKind::ResourceTemplate => capability_of(DefinitionKind::Template),
            pb::PinnedKind::Instructions => Pinned::Instructions,
            pb::PinnedKind::ServerInfo => Pinned::ServerInfo,
            pb::PinnedKind::Unspecified => {
                return Err(Invalid::new("kind", number, "what the field is one of"));
            }
        };
        let is_capability = matches!(what, Pinned::Capability { .. });
        if is_capability == capability.is_empty() {
            let expected = "the name of a tool or prompt, the URI of a resource or template; \
                            nothing for `instructions` and `serverInfo`";
            return Err(Invalid::new("capability", shown(&capability), expected));
        }
        Self::new(what, &pointer, &pattern).map_err(|error| {
            let found = format!("{}, which {error}", shown(&pointer));
            Invalid::new("pointer", found, "a JSON pointer (RFC 6901)")
        })
    }
}
