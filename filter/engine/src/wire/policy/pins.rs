//! What of a server people have approved.

use chancery_proto::policy::v1 as pb;

use super::super::{Invalid, shown};
use crate::{
    approved::{Approved, Pinning},
    canonical::{DefinitionKind, Pin, Pinned, Pins},
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
    Ok(Approved::new(pinning, pins))
}

fn pin(field: &str, bytes: &[u8]) -> Result<Pin, Invalid> {
    Pin::from_slice(bytes).ok_or_else(|| Invalid::new(field, bytes.len(), "pins of 32 bytes"))
}
