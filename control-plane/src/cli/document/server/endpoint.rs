//! Where a server is reached.

use chancery_proto::policy::v1 as policy;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use crate::cli::document::{Id, id_unless_empty, unless_empty};

/// A place where a server is reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    /// The Envoy cluster that carries its traffic.
    #[schemars(length(min = 1))]
    cluster: String,
    /// The `:authority` clients use, with the port where it is not the scheme's default; any where
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// The exact path, without query.
    #[schemars(title = "a path that begins with /", extend("pattern" = "^/"))]
    path: String,
    /// The workspace that calls through here belong to; the server's own where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Id>,
    /// A token needs one of these in `aud`; one of its identity provider's where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<Audience>,
    /// The URL by which clients know this endpoint (RFC 9728); `https`, the host and the path where
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

/// An accepted audience (RFC 8707): its exact value, or a mapping with the workspace that calls
/// with it belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    Value(String),
    InWorkspace { value: String, workspace: Id },
}

impl JsonSchema for Audience {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Audience".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": ["string", "object"],
            "minLength": 1,
            "additionalProperties": false,
            "properties": {
                "value": {"type": "string", "minLength": 1, "description": "The exact `aud`."},
                "workspace": generator.subschema_for::<Id>(),
            },
            "required": ["value", "workspace"],
        })
    }
}

impl Endpoint {
    pub(super) fn into_message(self) -> policy::Endpoint {
        let Self {
            cluster,
            host,
            path,
            workspace,
            audiences,
            resource,
        } = self;
        policy::Endpoint {
            cluster,
            host: host.unwrap_or_default(),
            path,
            workspace: workspace.map(|id| id.0).unwrap_or_default(),
            audiences: audiences.into_iter().map(Audience::into_message).collect(),
            resource: resource.unwrap_or_default(),
        }
    }
}

impl From<policy::Endpoint> for Endpoint {
    fn from(message: policy::Endpoint) -> Self {
        let policy::Endpoint {
            cluster,
            host,
            path,
            workspace,
            audiences,
            resource,
        } = message;
        Self {
            cluster,
            host: unless_empty(host),
            path,
            workspace: id_unless_empty(workspace),
            audiences: audiences.into_iter().map(Audience::from).collect(),
            resource: unless_empty(resource),
        }
    }
}

impl Audience {
    pub(super) fn into_message(self) -> policy::Audience {
        let (value, workspace) = match self {
            Self::Value(value) => (value, String::new()),
            Self::InWorkspace { value, workspace } => (value, workspace.0),
        };
        policy::Audience { value, workspace }
    }
}

impl From<policy::Audience> for Audience {
    fn from(policy::Audience { value, workspace }: policy::Audience) -> Self {
        match id_unless_empty(workspace) {
            None => Self::Value(value),
            Some(workspace) => Self::InWorkspace { value, workspace },
        }
    }
}
