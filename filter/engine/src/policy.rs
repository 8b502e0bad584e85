//! A whole compiled snapshot: immutable, swapped as one.

mod assembly;
mod places;
mod providers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use assembly::Assembly;
pub use places::Arrival;
use places::Places;
use providers::Providers;
pub use providers::Vouchers;

use crate::{
    circumstances::Circumstances,
    glob::Glob,
    id::SnapshotVersion,
    index::Bits,
    offer::Offer,
    principal::Principal,
    quota::Quota,
    reason::Reason,
    rule::{Rule, RuleIndex, RuleIndexDraft},
    server::{Endpoint, Server, Upstream},
    subject::{Role, Subjects},
    token::{IdentityProvider, KeySet},
    truth::Truth,
};

/// Everything an instance enforces.
#[derive(Debug)]
pub struct Policy {
    version: SnapshotVersion,
    servers: Vec<Registered>,
    /// By organization, `organizations/{o}`.
    rules: BTreeMap<Box<str>, RuleIndex>,
    /// By resource name.
    roles: BTreeMap<Box<str>, Role>,
    offers: Vec<Offer>,
    quotas: Vec<Quota>,
    places: Places,
    providers: Providers,
}

#[derive(Debug)]
struct Registered {
    server: Server,
    /// The rules of its organization that name it.
    rules: Bits,
    /// Positions of the offers that name it.
    offers: Vec<usize>,
    /// Positions of the quotas that name it.
    quotas: Vec<usize>,
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
    /// Two offers have one name.
    #[error("offer `{name}` occurs twice")]
    DuplicateOffer {
        /// The name.
        name: Box<str>,
    },
    /// Two quotas have one name.
    #[error("quota `{name}` occurs twice")]
    DuplicateQuota {
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
    /// Two roles have one name.
    #[error("role `{name}` occurs twice")]
    DuplicateRole {
        /// The name.
        name: Box<str>,
    },
    /// A rule or quota names a role that its organization does not have.
    #[error("`{name}` names role `{role}`, expected the id of a role of its organization")]
    UnknownRole {
        /// What names it.
        name: Box<str>,
        /// The id.
        role: Box<str>,
    },
    /// Two identity providers have one issuer.
    #[error("issuer `{issuer}` occurs twice")]
    DuplicateIssuer {
        /// The issuer.
        issuer: Box<str>,
    },
    /// Keys that no identity provider waits for.
    #[error("the key set of `{name}` is the second one, or no such provider has one")]
    StrayKeySet {
        /// The provider that it names.
        name: Box<str>,
    },
    /// Two organizations accept one audience.
    #[error("`{first}` and `{second}` both accept the audience `{audience}`")]
    SharedAudience {
        /// The audience.
        audience: Box<str>,
        /// One.
        first: Box<str>,
        /// The other.
        second: Box<str>,
    },
}

/// The parts of a snapshot, each valid by itself; their order has no meaning.
#[derive(Debug, Default)]
pub struct Parts {
    /// Registered servers.
    pub servers: Vec<Server>,
    /// Who may use what.
    pub rules: Vec<Arc<Rule>>,
    /// Named sets of principals.
    pub roles: Vec<Role>,
    /// What workspaces may use.
    pub offers: Vec<Offer>,
    /// How much may be called.
    pub quotas: Vec<Quota>,
    /// Who issues tokens.
    pub identity_providers: Vec<IdentityProvider>,
    /// The keys that issuers publish.
    pub key_sets: Vec<KeySet>,
}

impl Parts {
    /// How many they are.
    fn len(&self) -> usize {
        let Self {
            servers,
            rules,
            roles,
            offers,
            quotas,
            identity_providers,
            key_sets,
        } = self;
        [
            servers.len(),
            rules.len(),
            roles.len(),
            offers.len(),
            quotas.len(),
            identity_providers.len(),
            key_sets.len(),
        ]
        .iter()
        .sum()
    }
}

impl Policy {
    /// Puts the parts of a snapshot together.
    ///
    /// # Errors
    /// Where they contradict each other.
    pub fn new(version: SnapshotVersion, parts: Parts) -> Result<Self, PolicyError> {
        let mut assembly = Assembly::new(version, parts);
        loop {
            if let Some(policy) = assembly.proceed(&mut { usize::MAX })? {
                return Ok(policy);
            }
        }
    }

    /// Checks all parts against each other, and puts everything together but the rules and after
    /// them the servers, which are to be added in their order.
    fn begin(
        version: SnapshotVersion,
        parts: Parts,
    ) -> Result<(Self, RuleSets, Vec<Server>), PolicyError> {
        let Parts {
            servers,
            rules,
            roles,
            offers,
            quotas,
            identity_providers,
            key_sets,
        } = parts;
        let rules = in_order(
            rules,
            |rule| &rule.name,
            |name| PolicyError::DuplicateRule { name },
        )?;
        let offers = in_order(
            offers,
            |offer| &offer.name,
            |name| PolicyError::DuplicateOffer { name },
        )?;
        let quotas = in_order(
            quotas,
            |quota| &quota.name,
            |name| PolicyError::DuplicateQuota { name },
        )?;
        let mut names = BTreeSet::new();
        if let Some(twice) = servers.iter().find(|server| !names.insert(&*server.name)) {
            return Err(PolicyError::DuplicateServer {
                name: twice.name.clone(),
            });
        }
        let places = Places::new(&servers)?;
        let providers = Providers::new(identity_providers, key_sets, &servers)?;
        let roles_by_name = by_name(roles)?;
        let of_rules = rules.iter().map(|rule| (&*rule.name, &rule.subjects));
        let of_quotas = quotas.iter().map(|quota| (&*quota.name, &quota.subjects));
        check_roles(&roles_by_name, of_rules.chain(of_quotas))?;
        let policy = Self {
            version,
            servers: Vec::with_capacity(servers.len()),
            rules: BTreeMap::new(),
            roles: roles_by_name,
            offers,
            quotas,
            places,
            providers,
        };
        Ok((policy, by_organization(rules), servers))
    }

    /// Makes another part of the index of an organization's rules; whether there is more to do.
    fn index(&self, organization: &str, draft: &mut RuleIndexDraft) -> bool {
        let is_its_own = |role: &&Role| organization_of(&role.name) == organization;
        let roles: Vec<_> = self.roles.values().filter(is_its_own).collect();
        draft.proceed(&roles)
    }

    /// Finds what is about the next server; how much it was held against.
    fn register(&mut self, server: Server) -> usize {
        let registered = Registered::new(server, &self.rules, &self.offers, &self.quotas);
        self.servers.push(registered);
        self.offers.len().saturating_add(self.quotas.len())
    }

    /// A role of an organization, `organizations/{o}`, by its id.
    pub fn role(&self, organization: &str, id: &str) -> Option<&Role> {
        self.roles.get(&*role_name(organization, id))
    }

    /// Whether a principal is in the subjects of a resource, whose name says which organization's
    /// roles they are about.
    pub(crate) fn membership(
        &self,
        name: &str,
        subjects: &Subjects,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
    ) -> Truth {
        let workspace = circumstances.workspace;
        let in_role = |id: &str| {
            let role = self.role(organization_of(name), id);
            let no_role = |_: &str| Truth::Fails;
            role.map_or(Truth::Fails, |role| {
                role.subjects.contain(principal, workspace, no_role)
            })
        };
        subjects.contain(principal, workspace, in_role)
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
        self.servers()
            .filter_map(|server| Some((&*server.name, server.upstream.as_ref()?)))
    }

    /// Every server.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().map(|registered| &registered.server)
    }

    /// The server of a resource name.
    pub fn find(&self, name: &str) -> Option<ServerIndex> {
        let position = self
            .servers
            .iter()
            .position(|registered| *registered.server.name == *name);
        position.map(ServerIndex)
    }

    /// The rules of a server's organization, and which of them name it.
    pub(crate) fn indexed_rules(&self, server: ServerIndex) -> Option<(&RuleIndex, &Bits)> {
        let registered = self.servers.get(server.0)?;
        let rules = self.rules.get(registered.server.organization())?;
        Some((rules, &registered.rules))
    }

    /// All rules of a server's organization, in the order of their names.
    pub(crate) fn rules_beside(&self, server: ServerIndex) -> &[Arc<Rule>] {
        self.indexed_rules(server)
            .map_or(&[], |(index, _)| index.rules())
    }

    /// The rules that are about a server, whoever calls it, in the order of their names.
    pub fn rules_of(&self, server: ServerIndex) -> impl Iterator<Item = &Rule> {
        let rules = self.indexed_rules(server);
        rules.into_iter().flat_map(|(index, named)| {
            let positions = named.iter();
            positions.filter_map(|position| index.rules().get(position).map(AsRef::as_ref))
        })
    }

    /// The offers that name a server, in the order of their names.
    pub(crate) fn offers_of(&self, server: ServerIndex) -> impl Iterator<Item = &Offer> {
        let registered = self.servers.get(server.0);
        let positions = registered.map_or(&[][..], |registered| &registered.offers);
        positions
            .iter()
            .filter_map(|position| self.offers.get(*position))
    }

    /// The quotas that name a server, in the order of their names.
    pub(crate) fn quotas_of(&self, server: ServerIndex) -> impl Iterator<Item = &Quota> {
        let registered = self.servers.get(server.0);
        let positions = registered.map_or(&[][..], |registered| &registered.quotas);
        positions
            .iter()
            .filter_map(|position| self.quotas.get(*position))
    }

    /// Where a request arrived.
    pub fn endpoint(&self, arrival: Arrival) -> Option<&Endpoint> {
        let server = self.server(arrival.server)?;
        server.endpoints.get(arrival.endpoint)
    }

    /// The same endpoint as one of another policy, of the server of this name.
    pub(crate) fn same_place(&self, server: &str, endpoint: &Endpoint) -> Option<Arrival> {
        let index = self.find(server)?;
        let is_same = |other: &Endpoint| {
            (&other.host, &other.path, &other.cluster)
                == (&endpoint.host, &endpoint.path, &endpoint.cluster)
        };
        let mut endpoints = self.server(index)?.endpoints.iter();
        let position = endpoints.position(is_same)?;
        Some(Arrival {
            server: index,
            endpoint: position,
        })
    }

    /// Who issues an issuer's tokens.
    pub fn identity_provider(&self, issuer: &str) -> Option<&IdentityProvider> {
        self.providers.by_issuer(issuer)
    }

    /// What vouches for the principals of an organization, `organizations/{o}`.
    pub fn vouchers(&self, organization: &str) -> Option<&Vouchers> {
        self.providers.vouchers(organization)
    }

    /// The keys under which Envoy's `jwt_authn` leaves claims that anyone here accepts.
    pub fn metadata_keys(&self) -> &BTreeSet<Box<str>> {
        self.providers.metadata_keys()
    }

    /// Whether anyone here accepts the certificates of peers.
    pub fn reads_certificates(&self) -> bool {
        self.providers.reads_certificates()
    }

    /// The endpoint that clients know by this host and path, wherever the route leads.
    pub fn endpoint_known_as(&self, host: &str, path: &str) -> Option<Arrival> {
        self.places.known_as(host, path)
    }

    /// The endpoint of a host that has no other.
    pub fn only_endpoint_at(&self, host: &str) -> Option<Arrival> {
        self.places.only_one_at(host)
    }

    /// Whether a registered server is behind a cluster.
    pub fn has_cluster(&self, cluster: &str) -> bool {
        self.places.has_cluster(cluster)
    }

    /// The endpoint that Envoy is about to call.
    ///
    /// `cluster` is what the route leads to, so a client cannot name one server and reach another.
    /// An endpoint with a host comes before one for any host.
    ///
    /// # Errors
    /// [`Reason::UnknownServer`] or [`Reason::ServerMismatch`].
    pub fn locate(&self, host: &str, path: &str, cluster: &str) -> Result<Arrival, Reason> {
        self.places.locate(host, path, cluster)
    }

    /// The server that route metadata names, which must also be reached through `cluster`: at the
    /// endpoint that host and path name, else at the only one behind that cluster.
    ///
    /// # Errors
    /// [`Reason::UnknownServer`] or [`Reason::ServerMismatch`].
    pub fn locate_named(
        &self,
        name: &str,
        (host, path): (&str, &str),
        cluster: &str,
    ) -> Result<Arrival, Reason> {
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
        let server = ServerIndex(position);
        if let Ok(arrival) = self.locate(host, path, cluster)
            && arrival.server == server
        {
            return Ok(arrival);
        }
        let mut behind = registered
            .server
            .endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| *endpoint.cluster == *cluster);
        let (endpoint, first) = behind.next().ok_or(Reason::ServerMismatch)?;
        // Which of several is meant does not matter where they admit alike.
        let is_alike = |(_, other): (usize, &Endpoint)| {
            (&other.workspace, &other.audiences) == (&first.workspace, &first.audiences)
        };
        if behind.all(is_alike) {
            Ok(Arrival { server, endpoint })
        } else {
            Err(Reason::ServerMismatch)
        }
    }
}

fn role_name(organization: &str, id: &str) -> String {
    format!("{organization}/roles/{id}")
}

/// The organization, `organizations/{o}`, that a resource belongs to.
fn organization_of(name: &str) -> &str {
    let mut slashes = name.match_indices('/').map(|(at, _)| at);
    let end = slashes.nth(1).unwrap_or(name.len());
    name.get(..end).unwrap_or_default()
}

/// Puts parts in the order of their names, of which each occurs once.
fn in_order<T>(
    mut parts: Vec<T>,
    name: impl Fn(&T) -> &str,
    twice: impl Fn(Box<str>) -> PolicyError,
) -> Result<Vec<T>, PolicyError> {
    parts.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    match parts.array_windows().find(|[a, b]| name(a) == name(b)) {
        Some([part, _]) => Err(twice(name(part).into())),
        None => Ok(parts),
    }
}

/// Whether every role that subjects name is one of their organization.
fn check_roles<'p>(
    roles: &BTreeMap<Box<str>, Role>,
    mut named: impl Iterator<Item = (&'p str, &'p Subjects)>,
) -> Result<(), PolicyError> {
    let unknown = named.find_map(|(name, subjects)| {
        let organization = organization_of(name);
        let mut of_subjects = subjects.roles.iter();
        let role = of_subjects.find(|role| !roles.contains_key(&*role_name(organization, role)));
        role.map(|role| (name, role.clone()))
    });
    match unknown {
        Some((name, role)) => Err(PolicyError::UnknownRole {
            name: name.into(),
            role,
        }),
        None => Ok(()),
    }
}

fn by_name(roles: Vec<Role>) -> Result<BTreeMap<Box<str>, Role>, PolicyError> {
    let mut named = BTreeMap::new();
    for role in roles {
        let name = role.name.clone();
        if named.insert(name.clone(), role).is_some() {
            return Err(PolicyError::DuplicateRole { name });
        }
    }
    Ok(named)
}

/// The rules of each organization, in the order of their names.
type RuleSets = BTreeMap<Box<str>, Vec<Arc<Rule>>>;

/// Parts the rules by organization, which has roles of its own; their order stays.
fn by_organization(rules: Vec<Arc<Rule>>) -> RuleSets {
    let mut parted = RuleSets::new();
    for rule in rules {
        let organization = organization_of(&rule.name).into();
        parted.entry(organization).or_default().push(rule);
    }
    parted
}

impl Registered {
    fn new(
        server: Server,
        rules: &BTreeMap<Box<str>, RuleIndex>,
        offers: &[Offer],
        quotas: &[Quota],
    ) -> Self {
        let is_named = |name: &str, servers: &[Glob]| {
            organization_of(name) == server.organization()
                && servers.iter().any(|glob| glob.matches(server.id()))
        };
        let rules = rules.get(server.organization());
        let offers = offers
            .iter()
            .map(|offer| is_named(&offer.name, &offer.servers));
        let quotas = quotas
            .iter()
            .map(|quota| is_named(&quota.name, &quota.servers));
        Self {
            rules: rules.map(|rules| rules.naming(&server)).unwrap_or_default(),
            offers: positions(offers),
            quotas: positions(quotas),
            server,
        }
    }
}

/// Where it is so.
fn positions(of: impl Iterator<Item = bool>) -> Vec<usize> {
    let named = of.enumerate().filter(|(_, is_named)| *is_named);
    named.map(|(position, _)| position).collect()
}
