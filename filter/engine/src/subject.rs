//! Sets of principals.

mod index;

use std::collections::BTreeSet;

pub(crate) use index::{Memberships, SubjectIndex};

use crate::{glob::Glob, principal::Principal, truth::Truth};

/// Exact names.
pub type Names = BTreeSet<Box<str>>;

/// A set of principals: the union of its members.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subjects {
    /// Exact user ids.
    pub users: Names,
    /// Exact group names.
    pub groups: Names,
    /// Exact roles as tokens name them.
    pub token_roles: Names,
    /// Ids of roles of the organization.
    pub roles: Names,
    /// Exact teams.
    pub teams: Names,
    /// Ids of workspaces: whoever's call belongs to one.
    pub workspaces: Names,
    /// Globs over agent ids.
    pub agents: Vec<Glob>,
    /// Exact client ids.
    pub clients: Names,
    /// Everyone with a valid token.
    pub authenticated: bool,
    /// Everyone.
    pub anyone: bool,
}

/// A named set of principals, which rules refer to by its id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// Its resource name, `organizations/{o}/roles/{r}`.
    pub name: Box<str>,
    /// Its members; no roles among them.
    pub subjects: Subjects,
}

impl Role {
    /// The last segment of its name, which subjects name it by.
    pub fn id(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }
}

impl Subjects {
    /// Whether nobody could be in the set.
    pub fn is_empty(&self) -> bool {
        let names = [
            &self.users,
            &self.groups,
            &self.token_roles,
            &self.roles,
            &self.teams,
            &self.workspaces,
            &self.clients,
        ];
        names.iter().all(|names| names.is_empty())
            && self.agents.is_empty()
            && !self.authenticated
            && !self.anyone
    }

    /// Whether a principal, whose call belongs to `workspace`, is in the set.
    ///
    /// Unknown where a group would make it so and the token leaves groups out. `in_role` says
    /// whether the principal is in a role, by its id.
    pub fn contain(
        &self,
        principal: &Principal,
        workspace: &str,
        in_role: impl Fn(&str) -> Truth,
    ) -> Truth {
        let one = |names: &Names, name: &Option<Box<str>>| {
            name.as_ref().is_some_and(|name| names.contains(name))
        };
        let any = |names: &Names, of: &[Box<str>]| of.iter().any(|name| names.contains(name));
        let is_member = self.anyone
            || (self.authenticated && principal.is_authenticated())
            || one(&self.users, &principal.user)
            || any(&self.groups, &principal.groups)
            || any(&self.token_roles, &principal.token_roles)
            || one(&self.teams, &principal.team)
            || one(&self.clients, &principal.client)
            || self.workspaces.contains(workspace)
            || principal.agent.as_ref().is_some_and(|agent| {
                let mut globs = self.agents.iter();
                globs.any(|glob| glob.matches(agent))
            });
        if is_member {
            return Truth::Holds;
        }
        let groups = if principal.has_more_groups && !self.groups.is_empty() {
            Truth::Unknown
        } else {
            Truth::Fails
        };
        groups.or(Truth::any(self.roles.iter().map(|role| in_role(role))))
    }
}
