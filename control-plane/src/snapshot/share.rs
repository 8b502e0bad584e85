//! What one kind of node gets, from version to version: a change costs what it changes.
//!
//! A snapshot has a section for each server, and a few for what an organization has beside them. Each
//! is made of some resources, so it is known which to make anew. The engine compiles those, with what
//! they could contradict; the others it compiled when they were made.

mod beside;
mod claims;
#[cfg(test)]
mod tests;
mod touched;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_engine::{
    name::organization_of,
    snapshot::{Compiler, compile},
};
use chancery_proto::policy::v1 as policy;

use self::{beside::Side, claims::Claims, touched::Touched};
use super::{BuildError, KeySets, Sections, Snapshot, builder::Builder, encode_manifest};
use crate::{
    access::NodeScope,
    resource::{Kind, PolicyPart, Resources, Stored},
};

/// What nodes get that serve the same, and whose filters can honour the same.
#[derive(Clone, Debug)]
pub struct Share {
    features: Option<BTreeSet<String>>,
    scope: NodeScope,
    /// What it is made of.
    resources: Resources,
    key_sets: KeySets,
    /// Sections of servers, by their names.
    servers: Arc<BTreeMap<Arc<str>, Arc<Made>>>,
    /// Those of organizations that something of is served, by their names.
    beside: BTreeMap<(String, Side), Arc<Made>>,
    /// All of them.
    sections: Arc<Sections>,
    /// Has the rules that were last compiled, for every version. `None`: none are kept.
    compiler: Option<Arc<Mutex<Compiler>>>,
}

/// What some resources come to.
#[derive(Debug, Default)]
struct Made {
    sections: Sections,
    warnings: Vec<String>,
}

/// As whom the servers of organizations are called, by the organization and the server's id.
type Upstreams = BTreeMap<String, BTreeMap<String, policy::Upstream>>;

impl Share {
    /// What nodes of this kind get of nothing.
    pub fn new(features: Option<BTreeSet<String>>, scope: NodeScope) -> Self {
        Self {
            features,
            scope,
            resources: Resources::new(),
            key_sets: KeySets::new(),
            servers: Arc::default(),
            beside: BTreeMap::new(),
            sections: Arc::default(),
            compiler: None,
        }
    }

    /// The same, with the compiled rules of the organization kept whose rules were last changed: the
    /// next change of one compiles that one. For the share that changes wait for, as compiled rules
    /// are large.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self {
            compiler: Some(Arc::default()),
            ..self
        }
    }

    /// What they get of these resources, with the keys that issuers publish.
    ///
    /// # Errors
    /// Where it does not compile: such a share is never published.
    pub fn advance(&self, resources: &Resources, key_sets: &KeySets) -> Result<Self, BuildError> {
        let before = (&self.resources, &self.key_sets);
        let mut touched = Touched::between(before, (resources, key_sets))?;
        let mut next = Self {
            resources: resources.clone(),
            key_sets: key_sets.clone(),
            ..self.clone()
        };
        let mut upstreams = Upstreams::new();
        for name in &touched.servers {
            next.remake_server(name, &mut upstreams)?;
        }
        let organizations: BTreeSet<_> = touched
            .servers
            .iter()
            .map(|it| organization_of(it))
            .collect();
        for organization in organizations {
            let is_made = next
                .beside
                .contains_key(&(organization.to_owned(), Side::Rules));
            if is_made != next.is_served(organization) {
                let sides = Side::ALL.map(|side| (organization.to_owned(), side));
                touched.beside.extend(sides);
            }
        }
        for (organization, side) in &touched.beside {
            next.remake_beside(organization, *side)?;
        }
        next.compile(&touched, self)?;
        Ok(next)
    }

    /// All of it, as a version. Nobody has signed it.
    pub fn snapshot(
        &self,
        (epoch, version): (u64, u64),
        create_time: prost_types::Timestamp,
    ) -> Snapshot {
        let mut warnings = self.builder().lacks();
        // Nothing is left out for a filter that can honour everything.
        if self.features.is_some() {
            let made = self.servers.values().chain(self.beside.values());
            warnings.extend(made.flat_map(|made| &made.warnings).cloned());
        }
        Snapshot {
            epoch,
            version,
            manifest: encode_manifest((epoch, version), Some(create_time), &self.sections),
            signatures: Vec::new(),
            sections: Arc::clone(&self.sections),
            warnings,
        }
    }

    fn builder(&self) -> Builder<'_> {
        Builder::new(self.features.as_ref(), &self.key_sets)
    }

    /// A server, where nodes get it.
    fn sent(&self, name: &str) -> Option<&Stored> {
        let made = self.servers.get(name)?;
        let is_sent = !made.sections.is_empty();
        self.resources
            .stored(Kind::Server, name)
            .map(|it| &**it)
            .filter(|_| is_sent)
    }

    /// Whether nodes get what an organization has beside its servers.
    fn is_served(&self, organization: &str) -> bool {
        let prefix = format!("{organization}/");
        let has_server = || {
            let mut rest = self
                .servers
                .range::<str, _>((Bound::Included(&*prefix), Bound::Unbounded));
            rest.next()
                .is_some_and(|(name, _)| name.starts_with(&prefix))
        };
        self.scope.serves_all_beside(organization)
            || self.scope.covers(organization) && has_server()
    }

    fn remake_server(&mut self, name: &str, upstreams: &mut Upstreams) -> Result<(), BuildError> {
        let stored = self.resources.stored(Kind::Server, name);
        let is_served = |stored: &&Arc<Stored>| {
            let server = stored.as_server();
            server.is_some_and(|server| self.scope.serves(server))
        };
        let made = stored
            .filter(is_served)
            .map(|stored| self.server(stored, upstreams))
            .transpose()?;
        let servers = Arc::make_mut(&mut self.servers);
        let (made, before) = match made {
            Some(made) => {
                let made = Arc::new(made);
                let before = servers.insert(name.into(), Arc::clone(&made));
                (Some(made), before)
            }
            None => (None, servers.remove(name)),
        };
        replace(&mut self.sections, before.as_deref(), made.as_deref());
        Ok(())
    }

    fn server(&self, stored: &Stored, upstreams: &mut Upstreams) -> Result<Made, BuildError> {
        let organization = stored.organization();
        if !upstreams.contains_key(organization) {
            let of_organization = self.upstreams(organization)?;
            upstreams.insert(organization.to_owned(), of_organization);
        }
        let upstream = upstreams
            .get(organization)
            .and_then(|them| them.get(stored.id()));
        let mut builder = self.builder();
        if let Some(upstream) = upstream {
            let ids = vec![stored.id().to_owned()];
            builder.add(organization, PolicyPart::Credential(ids, upstream.clone()));
        }
        if let Some(part) = part(stored)? {
            builder.add(organization, part.clone());
        }
        Ok(builder.into())
    }

    /// As whom the servers of an organization are called, by their ids.
    fn upstreams(
        &self,
        organization: &str,
    ) -> Result<BTreeMap<String, policy::Upstream>, BuildError> {
        let mut upstreams = BTreeMap::new();
        for stored in self.resources.within(Kind::Credential, organization) {
            if let Some(PolicyPart::Credential(servers, upstream)) = part(stored)? {
                let each = servers
                    .iter()
                    .map(|server| (server.clone(), upstream.clone()));
                upstreams.extend(each);
            }
        }
        Ok(upstreams)
    }

    fn remake_beside(&mut self, organization: &str, side: Side) -> Result<(), BuildError> {
        let key = (organization.to_owned(), side);
        let made = if self.is_served(organization) {
            let mut builder = self.builder();
            for kind in side.kinds() {
                for stored in self.resources.within(kind, organization) {
                    if let Some(part) = part(stored)? {
                        builder.add(organization, part.clone());
                    }
                }
            }
            Some(Arc::new(builder.into()))
        } else {
            None
        };
        let before = match &made {
            Some(made) => self.beside.insert(key, Arc::clone(made)),
            None => self.beside.remove(&key),
        };
        replace(&mut self.sections, before.as_deref(), made.as_deref());
        Ok(())
    }

    /// Compiles what was touched, with everything that it could contradict.
    fn compile(&self, touched: &Touched, before: &Self) -> Result<(), BuildError> {
        let claims = Claims::of(touched, before, self)?;
        let servers = touched.servers.iter().map(String::as_str);
        let servers = servers.chain(claims.rivals(touched, &self.resources));
        let of_servers = servers.filter_map(|name| self.servers.get(name));
        let with_providers = claims.may_be_providers(touched);
        let beside = self.beside.iter().filter(|(key, _)| {
            with_providers && key.1 == Side::Providers || touched.beside.contains(key)
        });
        let made = of_servers.chain(beside.map(|(_, made)| made));
        let sections: Sections = made.flat_map(|made| made.sections.clone()).collect();
        let manifest = encode_manifest((0, 0), None, &sections);
        match self.compiler.as_ref().filter(|_| touched.is_rules_of_one()) {
            Some(compiler) => {
                let mut compiler = compiler.lock().unwrap_or_else(PoisonError::into_inner);
                compiler.compile(&manifest, sections.values())?;
            }
            None => drop(compile(&manifest, sections.values())?),
        }
        Ok(())
    }
}

impl From<Builder<'_>> for Made {
    fn from(builder: Builder<'_>) -> Self {
        let (sections, warnings) = builder.finish();
        Self { sections, warnings }
    }
}

/// What filters get of a resource.
fn part(stored: &Stored) -> Result<Option<&PolicyPart>, BuildError> {
    stored
        .part()
        .map_err(|error| BuildError::of(stored.name(), error.clone()))
}

/// Puts sections in the place of those before. No two things have the same: each names what it is of.
fn replace(all: &mut Arc<Sections>, before: Option<&Made>, made: Option<&Made>) {
    if before.map(|it| &it.sections) == made.map(|it| &it.sections) {
        return;
    }
    let all = Arc::make_mut(all);
    for digest in before.iter().flat_map(|made| made.sections.keys()) {
        all.remove(digest);
    }
    for (digest, bytes) in made.iter().flat_map(|made| &made.sections) {
        all.insert(*digest, Arc::clone(bytes));
    }
}
