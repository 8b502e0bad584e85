//! A whole compiled snapshot: immutable, swapped as one.

mod assembly;
mod parts;
mod places;
mod providers;
mod redaction;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use assembly::Assembly;
pub use parts::{Parts, PolicyError};
use parts::{RuleSets, by_name, by_organization, check_roles, in_order};
pub use places::Arrival;
use places::Places;
use providers::Providers;
pub use providers::Vouchers;
use redaction::Redaction;

use crate::{
    block::{Block, Blocks, BlocksFor},
    circumstances::Circumstances,
    glob::Glob,
    id::{SnapshotVersion, Time},
    index::Bits,
    name::organization_of,
    offer::Offer,
    principal::Principal,
    quota::Quota,
    reason::Reason,
    redact::Plan,
    rule::{Rule, RuleIndex, RuleIndexDraft},
    server::{Endpoint, Server, Upstream},
    subject::{Role, Subjects},
    token::IdentityProvider,
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
    redaction: Redaction,
    blocks: Blocks,
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
            redaction_profiles,
            identity_providers,
            key_sets,
            blocks,
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
        let redaction = Redaction::new(redaction_profiles)?;
        redaction.check(&rules)?;
        let policy = Self {
            version,
            servers: Vec::with_capacity(servers.len()),
            rules: BTreeMap::new(),
            roles: roles_by_name,
            offers,
            quotas,
            redaction,
            blocks: Blocks::new(blocks),
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

    /// The blocks that a principal meets at a server.
    pub(crate) fn blocks_for(
        &self,
        server: ServerIndex,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
    ) -> BlocksFor<'_> {
        let at = self.server(server);
        at.map_or_else(BlocksFor::default, |server| {
            self.blocks
                .for_principal(server, principal, circumstances.now)
        })
    }

    /// The block in the way of an `:authority` that nobody registered.
    pub(crate) fn block_on_host(&self, authority: &str, now: Time) -> Option<&Block> {
        self.blocks.on_host(authority, now)
    }

    /// The redaction profiles of an organization, `organizations/{o}`, that have these ids.
    /// `None`: one of them is none.
    pub fn plan(&self, organization: &str, ids: &[&str]) -> Option<Plan> {
        let mut plan = Plan::default();
        for id in ids {
            plan.add(self.redaction.profile(organization, id)?);
        }
        Some(plan)
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
