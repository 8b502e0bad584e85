//! `kind: Server`.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Id, Unreadable, given_or, parse_name, unless_default, unless_empty};
use crate::cli::name::{Kind, Name, Scope};

/// A registered MCP server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Server")]
pub(crate) struct ServerDocument {
    /// The version of this document.
    api_version: ApiVersion,
    /// The kind of this document.
    kind: ServerKind,
    /// Names the server.
    pub(crate) metadata: ServerMetadata,
    /// What the server is.
    pub(crate) spec: ServerSpec,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum ServerKind {
    Server,
}

/// Names a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerMetadata {
    /// The server's id, as rules name it.
    name: Id,
    /// The workspace it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Id>,
    /// The organization it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Id>,
}

/// What a server is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ServerSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Where it is reached through Envoy.
    #[schemars(length(min = 1))]
    pub(crate) endpoints: Vec<Endpoint>,
    /// Whether it may be called without a token.
    #[serde(default)]
    pub(crate) authentication: Authentication,
    /// What a caller learns of a capability that no rule could allow it.
    #[serde(default)]
    pub(crate) on_denied: OnDenied,
    /// Web origins whose pages may call it, beside its own hosts: `https://app.example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) origins: Vec<String>,
    /// What it offers, where that is known beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<Tool>,
}

/// A place where a server is reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// The Envoy cluster that carries its traffic.
    #[schemars(length(min = 1))]
    pub(crate) cluster: String,
    /// The `:authority` clients use, with the port where it is not the scheme's default; any where
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// The exact path, without query.
    #[schemars(title = "a path that begins with /", extend("pattern" = "^/"))]
    pub(crate) path: String,
}

/// Whether a server may be called without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Authentication {
    #[default]
    Required,
    Optional,
}

/// What a caller learns of a capability that no rule could allow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum OnDenied {
    #[default]
    Reveal,
    Hide,
}

/// A tool's definition, as in tools/list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tool {
    /// The tool's name.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// Everything else a definition may hold.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl ServerMetadata {
    pub(crate) fn name(&self, scope: &Scope) -> Name {
        Name {
            kind: Kind::Server,
            organization: given_or(self.organization.as_ref(), &scope.organization),
            workspace: Some(given_or(self.workspace.as_ref(), &scope.workspace)),
            id: self.name.0.clone(),
        }
    }
}

impl ServerDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Server {
        let spec = self.spec.clone();
        admin::Server {
            name: self.metadata.name(scope).to_string(),
            display_name: spec.display_name.unwrap_or_default(),
            owner: spec.owner.unwrap_or_default(),
            endpoints: spec
                .endpoints
                .into_iter()
                .map(Endpoint::into_message)
                .collect(),
            authentication: spec.authentication.to_message().into(),
            on_denied: spec.on_denied.to_message().into(),
            tools: spec.tools.iter().map(Tool::to_message).collect(),
            origins: spec.origins,
            ..admin::Server::default()
        }
    }
}

impl TryFrom<admin::Server> for ServerDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Server) -> Result<Self, Unreadable> {
        let authentication = Authentication::try_from_message(&message)?;
        let on_denied = OnDenied::try_from_message(&message)?;
        let admin::Server {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            display_name,
            owner,
            endpoints,
            authentication: _,
            on_denied: _,
            tools,
            origins,
            ..
        } = message;
        let tools = tools
            .into_iter()
            .map(|tool| Tool::parse(&name, tool))
            .collect::<Result<_, _>>();
        let Name {
            kind: _,
            organization,
            workspace,
            id,
        } = parse_name(&name)?;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: ServerKind::Server,
            metadata: ServerMetadata {
                name: Id(id),
                workspace: workspace.and_then(unless_default),
                organization: unless_default(organization),
            },
            spec: ServerSpec {
                display_name: unless_empty(display_name),
                owner: unless_empty(owner),
                endpoints: endpoints.into_iter().map(Endpoint::from).collect(),
                authentication,
                on_denied,
                origins,
                tools: tools?,
            },
        })
    }
}

impl Endpoint {
    fn into_message(self) -> policy::Endpoint {
        let Self {
            cluster,
            host,
            path,
        } = self;
        policy::Endpoint {
            cluster,
            host: host.unwrap_or_default(),
            path,
            ..policy::Endpoint::default()
        }
    }
}

impl From<policy::Endpoint> for Endpoint {
    fn from(message: policy::Endpoint) -> Self {
        let policy::Endpoint {
            cluster,
            host,
            path,
            ..
        } = message;
        Self {
            cluster,
            host: unless_empty(host),
            path,
        }
    }
}

impl Authentication {
    fn to_message(self) -> policy::Authentication {
        match self {
            Self::Required => policy::Authentication::Required,
            Self::Optional => policy::Authentication::Optional,
        }
    }

    fn try_from_message(message: &admin::Server) -> Result<Self, Unreadable> {
        match policy::Authentication::try_from(message.authentication) {
            Ok(policy::Authentication::Unspecified | policy::Authentication::Required) => {
                Ok(Self::Required)
            }
            Ok(policy::Authentication::Optional) => Ok(Self::Optional),
            Err(_) => Err(unreadable(
                &message.name,
                "authentication",
                message.authentication,
            )),
        }
    }
}

impl OnDenied {
    fn to_message(self) -> policy::OnDenied {
        match self {
            Self::Reveal => policy::OnDenied::Reveal,
            Self::Hide => policy::OnDenied::Hide,
        }
    }

    fn try_from_message(message: &admin::Server) -> Result<Self, Unreadable> {
        match policy::OnDenied::try_from(message.on_denied) {
            Ok(policy::OnDenied::Unspecified | policy::OnDenied::Reveal) => Ok(Self::Reveal),
            Ok(policy::OnDenied::Hide) => Ok(Self::Hide),
            Err(_) => Err(unreadable(&message.name, "onDenied", message.on_denied)),
        }
    }
}

fn unreadable(name: &str, field: &'static str, number: i32) -> Unreadable {
    Unreadable {
        name: name.to_owned(),
        field,
        found: format!("the unknown value {number}"),
    }
}

impl Tool {
    fn to_message(&self) -> admin::ToolDefinition {
        let mut definition = serde_json::Map::new();
        definition.insert("name".to_owned(), self.name.as_str().into());
        definition.extend(self.rest.clone());
        admin::ToolDefinition {
            name: self.name.clone(),
            definition: serde_json::Value::Object(definition).to_string(),
        }
    }

    fn parse(server: &str, message: admin::ToolDefinition) -> Result<Self, Unreadable> {
        let admin::ToolDefinition { name, definition } = message;
        let mut rest: serde_json::Map<_, _> =
            serde_json::from_str(&definition).map_err(|error| Unreadable {
                name: server.to_owned(),
                field: "tools",
                found: format!("not JSON ({error})"),
            })?;
        rest.shift_remove("name");
        Ok(Self { name, rest })
    }
}
