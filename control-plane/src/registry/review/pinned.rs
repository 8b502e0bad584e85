//! What of a server is approved, as reviews ask about it.

use chancery_proto::{
    admin::v1::{DriftId, SeenDrift, Server},
    audit::v1::{Content, DefinitionKind, Drift},
    policy::v1::Pins,
};

use crate::resource::{pin_of, pins_of, whole};

/// A server, and the pins of what is approved of it.
pub(super) struct PinnedServer<'s> {
    server: &'s Server,
    pins: Pins,
}

impl<'s> PinnedServer<'s> {
    /// `None`: it is not pinned.
    pub(super) fn of(server: &'s Server) -> Option<Self> {
        let pins = pins_of(server).ok().flatten()?;
        Some(Self { server, pins })
    }

    /// Whether something that was seen of it is still not as it is approved.
    pub(super) fn waits(&self, drift: &SeenDrift) -> bool {
        let id = drift.id.clone().unwrap_or_default();
        match drift.drift() {
            Drift::Removed => !pins_at(&self.pins, &id).is_empty(),
            Drift::Unspecified | Drift::New | Drift::Changed | Drift::Unpinnable => {
                let id = pinned_now(self.server, id, drift.definition.as_ref());
                !approves(&self.pins, &id)
            }
        }
    }
}

/// A version as its server's definitions are pinned by now: other fields may vary than when it was seen.
pub(in crate::registry) fn pinned_now(
    server: &Server,
    id: DriftId,
    definition: Option<&Content>,
) -> DriftId {
    if server.variable_fields.is_empty() || id.seen.is_empty() {
        return id;
    }
    let text = definition.and_then(whole);
    let pin = text.and_then(|text| pin_of(server, (id.definition_kind(), &id.capability), text));
    match pin {
        Some(pin) => DriftId {
            seen: pin.as_bytes().to_vec(),
            ..id
        },
        None => id,
    }
}

/// The approved pins of what an id is of.
fn pins_at<'p>(pins: &'p Pins, id: &DriftId) -> &'p [Vec<u8>] {
    let list = match id.definition_kind() {
        DefinitionKind::Tool => &pins.tools,
        DefinitionKind::Prompt => &pins.prompts,
        DefinitionKind::Resource => &pins.resources,
        DefinitionKind::ResourceTemplate => &pins.resource_templates,
        DefinitionKind::Instructions => return &pins.instructions,
        DefinitionKind::ServerInfo => return &pins.server_infos,
        DefinitionKind::Unspecified => return &[],
    };
    // They are in the order of their names.
    let at = list.binary_search_by(|it| it.name.cmp(&id.capability));
    let named = at.ok().and_then(|at| list.get(at));
    named.map_or(&[], |it| &it.pins)
}

/// Whether a version of something is approved.
pub(in crate::registry) fn approves(pins: &Pins, id: &DriftId) -> bool {
    pins_at(pins, id).contains(&id.seen)
}
