//! A registered server and where it is reached.

mod resource;

use std::sync::Arc;

pub use resource::{METADATA_PATH, ResourceUrl, is_host};

use crate::{
    approved::Approved,
    audit::{AuditLevel, CallAudit},
    message::Method,
    name::organization_of,
    principal::Principal,
    reason::Reason,
    redact::ToolSchema,
    rule::{Act, Target},
    schema::Schemas,
    scope::ScopeRequirement,
};

/// A registered MCP server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// Its resource name, `organizations/{o}/workspaces/{w}/servers/{s}`.
    pub name: Box<str>,
    /// Where it is reached; at least one.
    pub endpoints: Vec<Endpoint>,
    /// Whether calls need a verified principal.
    pub authentication: Authentication,
    /// What callers learn of capabilities they may not use.
    pub on_denied: OnDenied,
    /// Web origins that may call it, beside its own hosts: `https://app.example.com`.
    pub origins: Vec<Box<str>>,
    /// Scopes that calls need.
    pub scopes: Vec<ScopeRequirement>,
    /// The environment it belongs to, such as `production`.
    pub environment: Option<Box<str>>,
    /// Tools of its that call other tools of its, which are judged as well.
    pub dispatchers: Vec<Dispatcher>,
    /// What the structured content of its tools must fit, where that is known, each once.
    pub tool_schemas: Vec<ToolSchema>,
    /// As whom it is called. `None`: without credentials.
    pub upstream: Option<Upstream>,
    /// What of it people have approved. `None`: that is not asked.
    pub approved: Option<Approved>,
    /// How far it is in the registry.
    pub state: ServerState,
    /// What calls and results of its tools must fit. `None`: that is not known.
    pub schemas: Option<Arc<Schemas>>,
    /// When calls of its tools go on, where no rule says so.
    pub audit: CallAudit,
    /// Where what it gives comes from, for the record.
    pub data_sources: Vec<Box<str>>,
}

/// How far a server is in the registry. Only one that is approved can be used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ServerState {
    /// People have approved it.
    #[default]
    Approved,
    /// It was proposed, and nobody has approved it yet.
    Proposed,
    /// Its approval is suspended.
    Suspended,
    /// It is used no more.
    Retired,
}

impl ServerState {
    /// Why whoever calls it is refused. `None`: that is not why.
    pub fn refusal(self) -> Option<Reason> {
        match self {
            Self::Approved => None,
            Self::Proposed => Some(Reason::ServerProposed),
            Self::Suspended => Some(Reason::ServerSuspended),
            Self::Retired => Some(Reason::ServerRetired),
        }
    }
}

/// A tool that calls another tool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dispatcher {
    /// Its name.
    pub tool: Box<str>,
    /// The keys that lead from its arguments to the inner tool's name; at least one.
    pub name: Box<[Box<str>]>,
    /// The keys that lead from its arguments to the inner tool's. `None`: that has none.
    pub arguments: Option<Box<[Box<str>]>>,
}

/// As whom a server is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upstream {
    /// The credential's resource name.
    pub credential: Box<str>,
    /// Whose it is.
    pub identity: UpstreamIdentity,
    /// The header that carries it, in lower case.
    pub header: Box<str>,
}

/// Whose identity a server sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpstreamIdentity {
    /// The gateway's own.
    Service,
    /// The principal's.
    Principal,
    /// One static secret for all.
    Shared,
}

impl UpstreamIdentity {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Principal => "principal",
            Self::Shared => "shared",
        }
    }
}

impl Server {
    /// The last segment of its name, which rules name it by.
    pub fn id(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The organization it belongs to, `organizations/{o}`.
    pub fn organization(&self) -> &str {
        organization_of(&self.name)
    }

    /// The scopes that everything needs here.
    pub fn general_scopes(&self) -> impl Iterator<Item = &str> {
        let general = self.scopes.iter().filter(|scopes| scopes.is_general());
        general.flat_map(|general| general.scopes.iter().map(|scope| &**scope))
    }

    /// Whether a principal has them.
    pub fn has_general_scopes(&self, principal: &Principal) -> bool {
        let has = |scope: &str| principal.scopes.iter().any(|own| **own == *scope);
        self.general_scopes().all(has)
    }

    /// How a tool calls others, if it does.
    pub fn dispatcher(&self, tool: &str) -> Option<&Dispatcher> {
        self.dispatchers.iter().find(|known| *known.tool == *tool)
    }

    /// When an act goes on, where no rule that allows it says so.
    pub fn audit_of(&self, act: Act<'_>) -> AuditLevel {
        match (act.method, act.target) {
            (Some(Method::ToolsCall), Target::Tool(name)) => self.audit.of(name),
            (
                Some(_) | None,
                Target::Server | Target::Tool(_) | Target::Prompt(_) | Target::Resource(_),
            ) => AuditLevel::Standard,
        }
    }

    /// What the structured content of a tool must fit, where that is known.
    pub fn tool_schema(&self, tool: &str) -> Option<&ToolSchema> {
        self.tool_schemas.iter().find(|known| *known.tool == *tool)
    }

    /// The id of the workspace it is registered in.
    pub fn workspace(&self) -> &str {
        self.name.split('/').nth(3).unwrap_or_default()
    }

    /// Whether a web page of this origin may call the server at `authority` (MCP, transports:
    /// DNS rebinding).
    ///
    /// An origin that merely equals the authority proves nothing, since a rebound name makes both
    /// the attacker's: the host must be registered, or both sides must be this machine itself.
    pub fn accepts_origin(&self, origin: &str, authority: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.iter().any(|known| **known == *origin) {
            return true;
        }
        let Some((scheme, place)) = origin.split_once("://") else {
            return false;
        };
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return false,
        };
        let bare = |place: &str| place.strip_suffix(default_port).unwrap_or(place).to_owned();
        let is_registered = |endpoint: &Endpoint| {
            let host = endpoint.host.as_deref().map(bare);
            host.is_some_and(|host| host == bare(authority))
        };
        (bare(place) == bare(authority) && self.endpoints.iter().any(is_registered))
            || (is_loopback(place) && is_loopback(authority))
    }
}

/// Whether an authority is this machine itself.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    host == "localhost"
        || host == "[::1]"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A place where a server is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The exact path.
    pub path: Box<str>,
    /// The lower-case `:authority`. `None`: any.
    pub host: Option<Box<str>>,
    /// The Envoy cluster that carries it.
    pub cluster: Box<str>,
    /// The id of the workspace that calls through here belong to.
    pub workspace: Box<str>,
    /// A token needs one of these in `aud`. Empty: one of its identity provider's.
    pub audiences: Vec<Audience>,
    /// The URL by which clients know it. `None`: `https`, the host and the path.
    pub resource: Option<ResourceUrl>,
}

/// An accepted audience (RFC 8707).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audience {
    /// The exact `aud`.
    pub value: Box<str>,
    /// The id of the workspace that calls with it belong to. `None`: the endpoint's.
    pub workspace: Option<Box<str>>,
}

impl Endpoint {
    /// The URL by which a client knows it that asks for `authority`; `None` where that is no host.
    pub fn resource_url(&self, authority: &str) -> Option<ResourceUrl> {
        if let Some(resource) = &self.resource {
            return Some(resource.clone());
        }
        let host = self.host.as_deref().unwrap_or(authority);
        let host = host.strip_suffix(":443").unwrap_or(host);
        ResourceUrl::parse(&format!("https://{host}{}", self.path))
    }
}

/// Whether a server may be called without a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authentication {
    /// A valid token is needed.
    Required,
    /// Without a token a call is the anonymous principal's.
    Optional,
}

/// What a caller learns of a capability that no rule could allow it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnDenied {
    /// That it is refused, and why.
    Reveal,
    /// Nothing: as if it did not exist.
    Hide,
}

/// How much a request's `:authority` and path say, before a server is looked for.
///
/// Lower-cases the host, cuts off the query, and refuses a path with anything that two readers
/// could resolve differently: `None` then.
pub fn normalise(authority: &str, path: &str) -> Option<(String, String)> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let ambiguous = path.contains("//")
        || path.contains('\\')
        || path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
        || ["%2f", "%5c", "%2e", "%00"]
            .iter()
            .any(|escape| lower.contains(escape));
    if !path.starts_with('/') || ambiguous || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    Some((authority.to_ascii_lowercase(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_pages_of_its_own_hosts_and_of_listed_origins_may_call() {
        let endpoint = |host: Option<&str>| Endpoint {
            path: "/mcp".into(),
            host: host.map(Box::from),
            cluster: "c".into(),
            workspace: "w".into(),
            audiences: Vec::new(),
            resource: None,
        };
        let server = |host| Server {
            name: "organizations/o/workspaces/w/servers/s".into(),
            endpoints: vec![endpoint(host)],
            authentication: Authentication::Required,
            on_denied: OnDenied::Reveal,
            origins: vec!["https://app.example.com".into()],
            scopes: Vec::new(),
            environment: None,
            dispatchers: Vec::new(),
            tool_schemas: Vec::new(),
            upstream: None,
            approved: None,
            state: ServerState::Approved,
            schemas: None,
            audit: CallAudit::Standard,
            data_sources: Vec::new(),
        };
        let (named, any) = (server(Some("mcp.example.com")), server(None));
        for (server, origin, authority, expected) in [
            (&named, "https://mcp.example.com", "mcp.example.com", true),
            (
                &named,
                "https://MCP.example.com:443",
                "mcp.example.com",
                true,
            ),
            (&named, "https://app.example.com", "mcp.example.com", true),
            (
                &named,
                "https://app.example.com.evil.test",
                "mcp.example.com",
                false,
            ),
            (&named, "https://evil.test", "mcp.example.com", false),
            (&named, "null", "mcp.example.com", false),
            (
                &named,
                "https://mcp.example.com:444",
                "mcp.example.com",
                false,
            ),
            (&any, "http://evil.test", "evil.test", false),
            (&any, "http://127.0.0.1:8080", "127.0.0.1:8080", true),
            (&any, "http://localhost:6274", "127.0.0.1:8080", true),
            (&any, "http://localhost.evil.test", "localhost", false),
            (&any, "http://evil.test", "localhost", false),
            (&any, "file://", "localhost", false),
        ] {
            let found = server.accepts_origin(origin, authority);
            assert_eq!(found, expected, "{origin} at {authority}");
        }
    }
}
