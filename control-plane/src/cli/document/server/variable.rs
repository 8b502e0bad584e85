//! What of approved definitions may vary.

use chancery_proto::policy::v1 as policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::{Unreadable, unknown, unless_empty};

/// A string in approved definitions that may be any text of a pattern.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableField {
    /// What the definitions are of.
    kind: PinnedKind,
    /// The name of the tool or prompt, or the URI of the resource or template; of `instructions` and
    /// `server_info` left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// Where the string stands in the definition, as a JSON pointer (RFC 6901) such as `/version`; of
    /// `instructions` left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(title = "a JSON pointer", extend("pattern" = "^(/([^~/]|~[01])*)*$"))]
    pointer: String,
    /// A regular expression, in the syntax of conditions, that all of the string matches.
    #[schemars(length(min = 1))]
    pattern: String,
}

/// What has a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum PinnedKind {
    Tool,
    Prompt,
    Resource,
    ResourceTemplate,
    Instructions,
    ServerInfo,
}

impl PinnedKind {
    fn to_message(self) -> policy::PinnedKind {
        match self {
            Self::Tool => policy::PinnedKind::Tool,
            Self::Prompt => policy::PinnedKind::Prompt,
            Self::Resource => policy::PinnedKind::Resource,
            Self::ResourceTemplate => policy::PinnedKind::ResourceTemplate,
            Self::Instructions => policy::PinnedKind::Instructions,
            Self::ServerInfo => policy::PinnedKind::ServerInfo,
        }
    }
}

impl VariableField {
    pub(super) fn into_message(self) -> policy::VariableField {
        let Self {
            kind,
            name,
            pointer,
            pattern,
        } = self;
        policy::VariableField {
            kind: kind.to_message().into(),
            capability: name.unwrap_or_default(),
            pointer,
            pattern,
        }
    }

    pub(super) fn parse(server: &str, message: policy::VariableField) -> Result<Self, Unreadable> {
        let kind = match policy::PinnedKind::try_from(message.kind) {
            Ok(policy::PinnedKind::Tool) => PinnedKind::Tool,
            Ok(policy::PinnedKind::Prompt) => PinnedKind::Prompt,
            Ok(policy::PinnedKind::Resource) => PinnedKind::Resource,
            Ok(policy::PinnedKind::ResourceTemplate) => PinnedKind::ResourceTemplate,
            Ok(policy::PinnedKind::Instructions) => PinnedKind::Instructions,
            Ok(policy::PinnedKind::ServerInfo) => PinnedKind::ServerInfo,
            Ok(policy::PinnedKind::Unspecified) | Err(_) => {
                return Err(unknown(server, "variable_fields", message.kind));
            }
        };
        let policy::VariableField {
            kind: _,
            capability,
            pointer,
            pattern,
        } = message;
        Ok(Self {
            kind,
            name: unless_empty(capability),
            pointer,
            pattern,
        })
    }
}
