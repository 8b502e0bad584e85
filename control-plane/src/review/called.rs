//! What things that are reviewed are called, for people.

use chancery_proto::audit::v1::{DefinitionKind, Drift};

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
