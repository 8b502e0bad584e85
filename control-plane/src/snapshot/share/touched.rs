//! Which sections a change touches.

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::name::organization_of;

use super::{
    super::{BuildError, KeySets},
    beside::{Side, Use},
    part,
};
use crate::resource::{Kind, PolicyPart, Resources};

/// What differs between two versions, as far as sections do.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Servers, by their names.
    pub(super) servers: BTreeSet<String>,
    /// What organizations have beside their servers.
    pub(super) beside: BTreeSet<(String, Side)>,
}

impl Touched {
    pub(super) fn between(
        (before, keys_before): (&Resources, &KeySets),
        (after, keys_after): (&Resources, &KeySets),
    ) -> Result<Self, BuildError> {
        let mut touched = Self::default();
        // The ids of servers that a credential is for, or was, by organization.
        let mut called: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (kind, name) in before.differences(after) {
            let organization = organization_of(name);
            match Use::of(kind) {
                Use::Server => {
                    touched.servers.insert(name.to_owned());
                }
                Use::Upstream => {
                    let stored = [before, after].map(|all| all.stored(kind, name));
                    for stored in stored.into_iter().flatten() {
                        if let Some(PolicyPart::Credential(servers, _)) = part(stored)? {
                            let ids = called.entry(organization).or_default();
                            ids.extend(servers.iter().map(String::as_str));
                        }
                    }
                }
                Use::Beside(side) => touched.add(organization, side),
                Use::None => {}
            }
        }
        for (organization, ids) in called {
            let servers = after.within(Kind::Server, organization);
            let servers = servers.filter(|server| ids.contains(server.id()));
            let names = servers.map(|server| server.name().to_owned());
            touched.servers.extend(names);
        }
        for provider in keys_before.keys().chain(keys_after.keys()) {
            if keys_before.get(provider) != keys_after.get(provider) {
                touched.add(organization_of(provider), Side::Providers);
            }
        }
        Ok(touched)
    }

    /// Whether it is what rules of one organization are about, and nothing else.
    pub(super) fn is_rules_of_one(&self) -> bool {
        let mut beside = self.beside.iter();
        let first = beside.next().map(|(_, side)| *side);
        self.servers.is_empty() && first == Some(Side::Rules) && beside.next().is_none()
    }

    fn add(&mut self, organization: &str, side: Side) {
        self.beside.insert((organization.to_owned(), side));
    }
}
