//! What calls of a server need, and what they are beside: dispatchers and scopes.

use chancery_proto::policy::v1 as policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::unless_empty;

/// A tool that calls another tool, which is judged as well.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dispatcher {
    /// The tool's name.
    #[schemars(length(min = 1))]
    tool: String,
    /// A singular JSONPath to the inner tool's name, such as `$.name`.
    #[schemars(title = "a JSONPath that begins with $", extend("pattern" = r"^\$"))]
    name: String,
    /// A singular JSONPath to the inner tool's arguments, such as `$.arguments`; it has none where
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "a JSONPath that begins with $", extend("pattern" = r"^\$"))]
    arguments: Option<String>,
}

/// OAuth scopes (RFC 6749 section 3.3) that a token needs. Without tools and methods: for everything.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeRequirement {
    /// All of these.
    #[schemars(length(min = 1))]
    scopes: Vec<String>,
    /// For tools that one of these globs matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    /// For methods that one of these globs matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
}

impl Dispatcher {
    pub(super) fn into_message(self) -> policy::Dispatcher {
        let Self {
            tool,
            name,
            arguments,
        } = self;
        policy::Dispatcher {
            tool,
            name,
            arguments: arguments.unwrap_or_default(),
        }
    }
}

impl From<policy::Dispatcher> for Dispatcher {
    fn from(message: policy::Dispatcher) -> Self {
        let policy::Dispatcher {
            tool,
            name,
            arguments,
        } = message;
        Self {
            tool,
            name,
            arguments: unless_empty(arguments),
        }
    }
}

impl ScopeRequirement {
    pub(super) fn into_message(self) -> policy::ScopeRequirement {
        let Self {
            scopes,
            tools,
            methods,
        } = self;
        policy::ScopeRequirement {
            scopes,
            tools,
            methods,
        }
    }
}

impl From<policy::ScopeRequirement> for ScopeRequirement {
    fn from(message: policy::ScopeRequirement) -> Self {
        let policy::ScopeRequirement {
            scopes,
            tools,
            methods,
        } = message;
        Self {
            scopes,
            tools,
            methods,
        }
    }
}
