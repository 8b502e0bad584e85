//! What a caller may do: the roles that bindings give, and where.

use std::collections::BTreeSet;

use chancery_proto::admin::v1::{AdminRole, Binding};

use super::{
    caller::{Caller, Member},
    place::Place,
};

/// What an administrator may do. None includes another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Read resources, snapshots and instances, and simulate.
    Viewer,
    /// Propose and change resources.
    Author,
    /// Publish what somebody else proposed.
    Reviewer,
    /// Approve calls.
    Approver,
    /// Read the record.
    Auditor,
    /// Roll back, rotate keys, and change who may do what.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Author,
        Self::Reviewer,
        Self::Approver,
        Self::Auditor,
        Self::Operator,
    ];

    /// The word in documents and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Author => "author",
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    /// From the wire; absent where it names none.
    pub fn read(value: i32) -> Option<Self> {
        match AdminRole::try_from(value) {
            Ok(AdminRole::Viewer) => Some(Self::Viewer),
            Ok(AdminRole::Author) => Some(Self::Author),
            Ok(AdminRole::Reviewer) => Some(Self::Reviewer),
            Ok(AdminRole::Approver) => Some(Self::Approver),
            Ok(AdminRole::Auditor) => Some(Self::Auditor),
            Ok(AdminRole::Operator) => Some(Self::Operator),
            Ok(AdminRole::Unspecified) | Err(_) => None,
        }
    }
}

/// What an administrator that the configuration names may do everywhere: enough to make the first
/// binding, to see what is there, and, two of them together, to mend an organization whose
/// reviewers are gone.
const ADMINISTRATORS_ROLES: [Role; 3] = [Role::Viewer, Role::Reviewer, Role::Operator];

/// What one caller may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Roles in every organization, stored or not.
    everywhere: BTreeSet<Role>,
    held: Vec<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    role: Role,
    organization: String,
    workspace: Option<String>,
}

impl Grants {
    /// What the bindings, and the configuration's `administrators`, give a caller.
    pub fn of(caller: &Caller, administrators: &[Member], bindings: &[Binding]) -> Self {
        if caller.is_development {
            return Self {
                everywhere: Role::ALL.into(),
                held: Vec::new(),
            };
        }
        let everywhere = if administrators.iter().any(|member| caller.is(member)) {
            ADMINISTRATORS_ROLES.into()
        } else {
            BTreeSet::new()
        };
        let mut held = Vec::new();
        for binding in bindings {
            let Some(place) = Place::of(&binding.name) else {
                continue;
            };
            let is_member = |text: &String| text.parse().is_ok_and(|member| caller.is(&member));
            if !binding.members.iter().any(is_member) {
                continue;
            }
            let workspace = (!binding.workspace.is_empty()).then(|| binding.workspace.clone());
            for role in binding.roles.iter().filter_map(|role| Role::read(*role)) {
                held.push(Held {
                    role,
                    organization: place.organization.to_owned(),
                    workspace: workspace.clone(),
                });
            }
        }
        Self { everywhere, held }
    }

    /// Whether the caller has a role at a place: in the whole organization, or in that workspace.
    pub fn allow(&self, role: Role, place: Place<'_>) -> bool {
        let covers = |held: &Held| {
            let workspace = held.workspace.as_deref();
            held.role == role
                && held.organization == place.organization
                && (workspace.is_none() || workspace == place.workspace)
        };
        self.everywhere.contains(&role) || self.held.iter().any(covers)
    }

    /// Whether the caller has a role where the named resource is.
    pub fn allow_at(&self, role: Role, name: &str) -> bool {
        self.everywhere.contains(&role)
            || Place::of(name).is_some_and(|place| self.allow(role, place))
    }

    /// Whether the caller has a role at a place or somewhere in it.
    pub fn allow_within(&self, role: Role, place: Place<'_>) -> bool {
        let inside = |held: &Held| {
            held.role == role
                && held.organization == place.organization
                && (place.workspace.is_none() || held.workspace.as_deref() == place.workspace)
        };
        self.allow(role, place) || self.held.iter().any(inside)
    }

    /// Where the caller has a role, by resource name; `organizations/-` is everywhere.
    pub fn places(&self, role: Role) -> Vec<String> {
        if self.everywhere.contains(&role) {
            return vec!["organizations/-".to_owned()];
        }
        let held = self.held.iter().filter(|held| held.role == role);
        let names = held.map(|held| match &held.workspace {
            Some(workspace) => {
                format!("organizations/{}/workspaces/{workspace}", held.organization)
            }
            None => format!("organizations/{}", held.organization),
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether the caller has a role anywhere.
    pub fn allow_somewhere(&self, role: Role) -> bool {
        self.everywhere.contains(&role) || self.held.iter().any(|held| held.role == role)
    }

    /// Whether the caller has a role in each of these organizations, of which there is one, or in
    /// every one there could be.
    pub fn allow_in_all(&self, role: Role, organizations: &BTreeSet<String>) -> bool {
        let has = |organization: &String| self.allow(role, Place::whole(organization));
        self.everywhere.contains(&role)
            || (!organizations.is_empty() && organizations.iter().all(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(organization: &str, workspace: &str, roles: &[AdminRole], member: &str) -> Binding {
        Binding {
            name: format!("organizations/{organization}/bindings/b"),
            members: vec![member.to_owned()],
            roles: roles.iter().map(|role| (*role).into()).collect(),
            workspace: workspace.to_owned(),
            ..Binding::default()
        }
    }

    fn caller(subject: &str) -> Caller {
        Caller {
            certificate: vec![subject.to_owned()],
            ..Caller::default()
        }
    }

    #[test]
    fn a_binding_gives_its_roles_in_its_place_to_its_members() {
        let bindings = [
            binding("a", "", &[AdminRole::Author], "certificate:x"),
            binding(
                "b",
                "w",
                &[AdminRole::Author, AdminRole::Viewer],
                "certificate:x",
            ),
        ];
        let grants = Grants::of(&caller("x"), &[], &bindings);
        for (role, name, allowed) in [
            (Role::Author, "organizations/a/rules/r", true),
            (
                Role::Author,
                "organizations/a/workspaces/any/servers/s",
                true,
            ),
            (Role::Author, "organizations/b/workspaces/w/rules/r", true),
            (Role::Author, "organizations/b/workspaces/v/rules/r", false),
            (Role::Author, "organizations/b/rules/r", false),
            (Role::Author, "organizations/b/workspaces", false),
            (Role::Author, "organizations/c/rules/r", false),
            (Role::Author, "rules/r", false),
            (Role::Operator, "organizations/a/rules/r", false),
            (Role::Viewer, "organizations/a/rules/r", false),
            (Role::Viewer, "organizations/b/workspaces/w", true),
        ] {
            assert_eq!(grants.allow_at(role, name), allowed, "{role:?} {name}");
        }
        let within = |name| grants.allow_within(Role::Viewer, Place::of(name).unwrap());
        assert!(within("organizations/b") && within("organizations/b/workspaces/w"));
        assert!(!within("organizations/b/workspaces/v") && !within("organizations/a"));
        let in_all = |organizations: &[&str]| {
            let organizations = organizations.iter().map(|id| (*id).to_owned()).collect();
            grants.allow_in_all(Role::Author, &organizations)
        };
        assert!(in_all(&["a"]) && !in_all(&["a", "b"]) && !in_all(&[]));
        assert_eq!(Grants::of(&caller("y"), &[], &bindings), Grants::default());
    }

    #[test]
    fn the_configurations_administrators_operate_everything_and_read_no_record() {
        let member = "certificate:root".parse().unwrap();
        let grants = Grants::of(&caller("root"), &[member], &[]);
        assert!(grants.allow_at(Role::Operator, "organizations/any/bindings/b"));
        assert!(grants.allow_in_all(Role::Operator, &BTreeSet::new()));
        assert!(!grants.allow_somewhere(Role::Auditor) && !grants.allow_somewhere(Role::Author));
    }
}
