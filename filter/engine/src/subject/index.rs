//! Which of many sets a principal is in.

use std::borrow::Cow;

use super::{Names, Subjects};
use crate::{
    index::{Bits, GlobIndex, NameIndex},
    principal::Principal,
};

/// Sets of principals, found by what is in them. Roles are left out: they are sets themselves.
#[derive(Debug, Default)]
pub(crate) struct SubjectIndex {
    users: NameIndex,
    groups: NameIndex,
    token_roles: NameIndex,
    teams: NameIndex,
    workspaces: NameIndex,
    clients: NameIndex,
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
    /// It may be; some of these may be certain too. `None`: nothing is left open.
    pub(crate) possible: Option<Bits>,
}

impl Memberships {
    /// Keeps the sets that are in another set of sets.
    pub(crate) fn keep(&mut self, kept: &Bits) {
        self.certain.keep(kept);
        if let Some(possible) = &mut self.possible {
            possible.keep(kept);
        }
    }

    /// The sets that the principal is, or may be, in.
    pub(crate) fn all(&self) -> Cow<'_, Bits> {
        match &self.possible {
            None => Cow::Borrowed(&self.certain),
            Some(possible) => {
                let mut all = self.certain.clone();
                all.add(possible);
                Cow::Owned(all)
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
        let named = |names: fn(&Subjects) -> &Names| {
            let pairs = sets.iter().enumerate().flat_map(move |(position, set)| {
                let names = names(set).iter();
                names.map(move |name| (position, &**name))
            });
            NameIndex::new(sets.len(), pairs)
        };
        Self {
            users: named(|set| &set.users),
            groups: named(|set| &set.groups),
            token_roles: named(|set| &set.token_roles),
            teams: named(|set| &set.teams),
            workspaces: named(|set| &set.workspaces),
            clients: named(|set| &set.clients),
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
        for (index, names) in [
            (&self.users, principal.user.as_slice()),
            (&self.groups, &principal.groups),
            (&self.token_roles, &principal.token_roles),
            (&self.teams, principal.team.as_slice()),
            (&self.clients, principal.client.as_slice()),
        ] {
            for name in names {
                index.find(name, &mut certain);
            }
        }
        self.workspaces.find(workspace, &mut certain);
        if let Some(agent) = &principal.agent {
            self.agents.find(agent, &mut certain);
        }
        let possible = principal.has_more_groups.then(|| self.with_groups.clone());
        Memberships { certain, possible }
    }
}
