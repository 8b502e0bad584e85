//! What things that are reviewed are called, for people.

use chancery_proto::{
    admin::v1::DriftId,
    audit::v1::{DefinitionKind, Drift, DriftSighting},
};
use sha2::{Digest as _, Sha256};

/// What a definition of a kind and name is called by: `tool/search`, `instructions`.
pub fn named(kind: DefinitionKind, name: &str) -> String {
    match kind {
        DefinitionKind::Tool => format!("tool/{name}"),
        DefinitionKind::Prompt => format!("prompt/{name}"),
        DefinitionKind::Resource => format!("resource/{name}"),
        DefinitionKind::ResourceTemplate => format!("template/{name}"),
        DefinitionKind::Instructions => "instructions".to_owned(),
        DefinitionKind::ServerInfo => "serverInfo".to_owned(),
        DefinitionKind::Unspecified => name.to_owned(),
    }
}

/// In which way a definition differs, in one word.
pub fn word(drift: Drift) -> &'static str {
    match drift {
        Drift::Unspecified => "different",
        Drift::New => "new",
        Drift::Changed => "changed",
        Drift::Unpinnable => "unpinnable",
        Drift::Removed => "removed",
    }
}

/// Which version of what was seen. What has no pin is told from others by its text.
pub fn id_of(sighting: &DriftSighting) -> DriftId {
    let has_none = sighting.seen.is_empty() && sighting.drift() != Drift::Removed;
    let text = sighting.definition.as_ref().filter(|_| has_none);
    DriftId {
        definition_kind: sighting.definition_kind,
        capability: sighting.capability.clone(),
        seen: sighting.seen.clone(),
        text: text.map_or_else(Vec::new, |text| Sha256::digest(&text.data).to_vec()),
    }
}
