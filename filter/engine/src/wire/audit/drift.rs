//! What a server offers that nobody has approved, as the record has it.

use chancery_proto::audit::v1 as pb;

use super::{content, principal_at};
use crate::{
    approved::Drift,
    canonical::{DefinitionKind, DefinitionPlace},
    entry::DriftEvent,
};

pub(super) fn sighting(event: DriftEvent) -> pb::DriftSighting {
    let DriftEvent {
        server,
        place,
        name,
        seen,
        drift,
        definition,
        is_hidden,
        principal,
    } = event;
    let workspace = server.split('/').nth(3).unwrap_or_default();
    let kind = match place {
        DefinitionPlace::List(DefinitionKind::Tool) => pb::DefinitionKind::Tool,
        DefinitionPlace::List(DefinitionKind::Prompt) => pb::DefinitionKind::Prompt,
        DefinitionPlace::List(DefinitionKind::Resource) => pb::DefinitionKind::Resource,
        DefinitionPlace::List(DefinitionKind::Template) => pb::DefinitionKind::ResourceTemplate,
        DefinitionPlace::Instructions => pb::DefinitionKind::Instructions,
        DefinitionPlace::ServerInfo => pb::DefinitionKind::ServerInfo,
    };
    let drift = match drift {
        Drift::New => pb::Drift::New,
        Drift::Changed => pb::Drift::Changed,
        Drift::Unpinnable => pb::Drift::Unpinnable,
    };
    pb::DriftSighting {
        definition_kind: kind.into(),
        capability: name.into(),
        seen: seen.map(|pin| pin.as_bytes().to_vec()).unwrap_or_default(),
        drift: drift.into(),
        definition: Some(content(definition)),
        hidden: is_hidden,
        principal: Some(principal_at(&principal, None, &server, workspace)),
        // In traffic.
        source: pb::SightingSource::Unspecified.into(),
        server: server.into(),
    }
}
