//! A registered server and where it is reached.

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
}

impl Server {
    /// The last segment of its name, which rules name it by.
    pub fn id(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The organization it belongs to, `organizations/{o}`.
    pub fn organization(&self) -> &str {
        self.name.split("/workspaces/").next().unwrap_or_default()
    }
}

/// A place where a server is reached.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// The exact path.
    pub path: Box<str>,
    /// The lower-case `:authority`. `None`: any.
    pub host: Option<Box<str>>,
    /// The Envoy cluster that carries it.
    pub cluster: Box<str>,
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
