//! Which of many sets a principal is in.

use std::collections::BTreeMap;

use super::{Names, Subjects};
use crate::{
    index::{Bits, GlobIndex, Positions, Posting},
    principal::Principal,
};

/// Sets of principals, found by what is in them. Roles are left out: they are sets themselves.
#[derive(Debug)]
pub(crate) struct SubjectIndex {
    length: usize,
    users: ByName,
    groups: ByName,
    token_roles: ByName,
    teams: ByName,
    workspaces: ByName,
    clients: ByName,
    agents: GlobIndex,
    authenticated: Bits,
    anyone: Bits,
    /// The sets with any group in them.
    with_groups: Bits,
}

/// The sets that a principal is in.
#[derive(Debug)]
pub(crate) struct Memberships {
    /// It surely is.
    pub(crate) certain: Bits,
    /// It may be; some of these may be certain too.
    pub(crate) possible: Bits,
}

impl Memberships {
    /// Whether the principal is, or may be, in the set at a position.
    pub(crate) fn has(&self, position: usize) -> bool {
        self.certain.contains(position) || self.possible.contains(position)
    }
}

#[derive(Debug)]
struct ByName(BTreeMap<Box<str>, Posting>);

impl ByName {
    fn new(sets: &[&Subjects], names: impl Fn(&Subjects) -> &Names) -> Self {
        let mut positions: BTreeMap<&str, Positions> = BTreeMap::new();
        for (position, set) in sets.iter().enumerate() {
            for name in names(set) {
                positions.entry(name).or_default().push(position);
            }
        }
        let finish =
            |(name, positions): (&str, Positions)| (Box::from(name), positions.finish(sets.len()));
        Self(positions.into_iter().map(finish).collect())
    }

    fn find(&self, names: &[Box<str>], found: &mut Bits) {
        if self.0.is_empty() {
            return;
        }
        for name in names {
            if let Some(posting) = self.0.get(name) {
                posting.add_to(found);
            }
        }
    }
}

impl SubjectIndex {
    pub(crate) fn new(sets: &[&Subjects]) -> Self {
        let agents = sets.iter().enumerate().flat_map(|(position, set)| {
            let globs = set.agents.iter();
            globs.map(move |glob| (position, glob))
        });
        Self {
            length: sets.len(),
            users: ByName::new(sets, |set| &set.users),
            groups: ByName::new(sets, |set| &set.groups),
            token_roles: ByName::new(sets, |set| &set.token_roles),
            teams: ByName::new(sets, |set| &set.teams),
            workspaces: ByName::new(sets, |set| &set.workspaces),
            clients: ByName::new(sets, |set| &set.clients),
            agents: GlobIndex::new(sets.len(), agents),
            authenticated: Bits::of(sets, |set| set.authenticated),
            anyone: Bits::of(sets, |set| set.anyone),
            with_groups: Bits::of(sets, |set| !set.groups.is_empty()),
        }
    }

    /// The sets that a principal is in, whose call belongs to `workspace`.
    pub(crate) fn find(&self, principal: &Principal, workspace: &str) -> Memberships {
        let mut certain = self.anyone.clone();
        if principal.is_authenticated() {
            certain.add(&self.authenticated);
        }
        self.users.find(principal.user.as_slice(), &mut certain);
        self.groups.find(&principal.groups, &mut certain);
        self.token_roles.find(&principal.token_roles, &mut certain);
        self.teams.find(principal.team.as_slice(), &mut certain);
        self.clients.find(principal.client.as_slice(), &mut certain);
        if let Some(posting) = self.workspaces.0.get(workspace) {
            posting.add_to(&mut certain);
        }
        if let Some(agent) = &principal.agent {
            self.agents.find(agent, &mut certain);
        }
        let possible = if principal.has_more_groups {
            self.with_groups.clone()
        } else {
            Bits::none(self.length)
        };
        Memberships { certain, possible }
    }
}
