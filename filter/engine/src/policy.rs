//! A whole compiled snapshot: immutable, swapped as one.

use std::collections::BTreeMap;

use crate::{
    id::SnapshotVersion,
    reason::Reason,
    rule::Rule,
    server::{Endpoint, Server, Upstream},
    token::IdentityProvider,
};

/// Everything an instance enforces.
#[derive(Debug)]
pub struct Policy {
    version: SnapshotVersion,
    servers: Vec<Registered>,
    rules: Vec<Rule>,
    /// By path: endpoints are few a path, paths may be many.
    endpoints: BTreeMap<Box<str>, Vec<(Endpoint, ServerIndex)>>,
    providers: BTreeMap<Box<str>, IdentityProvider>,
}

#[derive(Debug)]
struct Registered {
    server: Server,
    /// Positions of the rules that name it.
    rules: Vec<usize>,
}

/// A server of one policy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ServerIndex(usize);

/// What cannot be one policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two servers have one name.
    #[error("server `{name}` occurs twice")]
    DuplicateServer {
        /// The name.
        name: Box<str>,
    },
    /// Two rules have one name.
    #[error("rule `{name}` occurs twice")]
    DuplicateRule {
        /// The name.
        name: Box<str>,
    },
    /// Two servers claim one place.
    #[error("servers `{first}` and `{second}` claim the same host and path `{path}`")]
    DuplicateEndpoint {
        /// One.
        first: Box<str>,
        /// The other.
        second: Box<str>,
        /// Where.
        path: Box<str>,
    },
    /// Two identity providers have one issuer.
    #[error("issuer `{issuer}` occurs twice")]
    DuplicateIssuer {
        /// The issuer.
        issuer: Box<str>,
    },
}

impl Policy {
    /// Puts the parts of a snapshot together.
    ///
    /// # Errors
    /// Where they contradict each other.
    pub fn new(
        version: SnapshotVersion,
        servers: Vec<Server>,
        mut rules: Vec<Rule>,
        identity_providers: Vec<IdentityProvider>,
    ) -> Result<Self, PolicyError> {
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some([rule, _]) = rules.array_windows().find(|[a, b]| a.name == b.name) {
            return Err(PolicyError::DuplicateRule {
                name: rule.name.clone(),
            });
        }
        let mut names = BTreeMap::new();
        let mut endpoints: BTreeMap<Box<str>, Vec<(Endpoint, ServerIndex)>> = BTreeMap::new();
        for (position, server) in servers.iter().enumerate() {
            let index = ServerIndex(position);
            if names.insert(&*server.name, index).is_some() {
                return Err(PolicyError::DuplicateServer {
                    name: server.name.clone(),
                });
            }
            for endpoint in &server.endpoints {
                let here = endpoints.entry(endpoint.path.clone()).or_default();
                if let Some((_, other)) = here.iter().find(|(e, _)| e.host == endpoint.host) {
                    let first = servers.get(other.0).map_or("", |server| &server.name);
                    return Err(PolicyError::DuplicateEndpoint {
                        first: first.into(),
                        second: server.name.clone(),
                        path: endpoint.path.clone(),
                    });
                }
                here.push((endpoint.clone(), index));
            }
        }
        let mut providers = BTreeMap::new();
        for provider in identity_providers {
            let issuer = provider.issuer.clone();
            if providers.insert(issuer.clone(), provider).is_some() {
                return Err(PolicyError::DuplicateIssuer { issuer });
            }
        }
        let registered = servers
            .into_iter()
            .map(|server| Registered::new(server, &rules));
        Ok(Self {
            version,
            servers: registered.collect(),
            rules,
            endpoints,
            providers,
        })
    }

    /// Which snapshot it is.
    pub fn version(&self) -> SnapshotVersion {
        self.version
    }

    /// A server of it.
    pub fn server(&self, index: ServerIndex) -> Option<&Server> {
        self.servers
            .get(index.0)
            .map(|registered| &registered.server)
    }

    /// The servers that are called with credentials, by their names.
    pub fn upstreams(&self) -> impl Iterator<Item = (&str, &Upstream)> {
        let servers = self.servers.iter().map(|registered| &registered.server);
        servers.filter_map(|server| Some((&*server.name, server.upstream.as_ref()?)))
    }

    /// The rules that name a server, in the order of their names.
    pub(crate) fn rules_of(&self, server: ServerIndex) -> impl Iterator<Item = &Rule> {
        let positions = self
            .servers
            .get(server.0)
            .map_or(&[][..], |registered| &registered.rules);
        positions
            .iter()
            .filter_map(|position| self.rules.get(*position))
    }

    /// Who issues an issuer's tokens.
    pub fn identity_provider(&self, issuer: &str) -> Option<&IdentityProvider> {
        self.providers.get(issuer)
    }

    /// The server that Envoy is about to call.
    ///
    /// `cluster` is what the route leads to, so a client cannot name one server and reach another.
    /// An endpoint with a host comes before one for any host.
    ///
    /// # Errors
    /// [`Reason::UnknownServer`] or [`Reason::ServerMismatch`].
    pub fn locate(&self, host: &str, path: &str, cluster: &str) -> Result<ServerIndex, Reason> {
        let here = self.endpoints.get(path).map_or(&[][..], Vec::as_slice);
        let exact = here
            .iter()
            .find(|(endpoint, _)| endpoint.host.as_deref() == Some(host));
        let found = exact.or_else(|| here.iter().find(|(endpoint, _)| endpoint.host.is_none()));
        match found {
            None => Err(Reason::UnknownServer),
            Some((endpoint, _)) if *endpoint.cluster != *cluster => Err(Reason::ServerMismatch),
            Some((_, index)) => Ok(*index),
        }
    }

    /// The server that route metadata names, which must also be reached through `cluster`.
    ///
    /// # Errors
    /// [`Reason::UnknownServer`] or [`Reason::ServerMismatch`].
    pub fn locate_named(&self, name: &str, cluster: &str) -> Result<ServerIndex, Reason> {
        let named = |registered: &Registered| {
            *registered.server.name == *name || registered.server.id() == name
        };
        let mut found = self
            .servers
            .iter()
            .enumerate()
            .filter(|(_, server)| named(server));
        let (Some((position, registered)), None) = (found.next(), found.next()) else {
            return Err(Reason::UnknownServer);
        };
        if registered
            .server
            .endpoints
            .iter()
            .any(|endpoint| *endpoint.cluster == *cluster)
        {
            Ok(ServerIndex(position))
        } else {
            Err(Reason::ServerMismatch)
        }
    }
}

impl Registered {
    fn new(server: Server, rules: &[Rule]) -> Self {
        let organization = server.organization();
        let names = |rule: &Rule| {
            let same = rule
                .name
                .strip_prefix(organization)
                .is_some_and(|r| r.starts_with('/'));
            same && rule.servers.iter().any(|glob| glob.matches(server.id()))
        };
        let positions = rules.iter().enumerate().filter(|(_, rule)| names(rule));
        let positions = positions.map(|(position, _)| position).collect();
        Self {
            rules: positions,
            server,
        }
    }
}
