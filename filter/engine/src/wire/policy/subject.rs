//! Sets of principals.

use chancery_proto::policy::v1 as pb;

use super::{super::Invalid, each, globs, named, set_of};
use crate::subject::{Names, Role, Subjects};

pub(super) const SUBJECTS: &str = "at least one of `users`, `groups`, `token_roles`, `roles`, \
                                   `teams`, `workspaces`, `agents`, `clients`, \
                                   `authenticated: true`, `anyone: true`";

impl TryFrom<pb::Subjects> for Subjects {
    type Error = Invalid;

    fn try_from(message: pb::Subjects) -> Result<Self, Invalid> {
        let pb::Subjects {
            users,
            groups,
            authenticated,
            anyone,
            token_roles,
            roles,
            teams,
            workspaces,
            agents,
            clients,
        } = message;
        let subjects = Self {
            users: names("users", users)?,
            groups: names("groups", groups)?,
            token_roles: names("token_roles", token_roles)?,
            roles: names("roles", roles)?,
            teams: names("teams", teams)?,
            workspaces: names("workspaces", workspaces)?,
            agents: globs("agents", agents)?,
            clients: names("clients", clients)?,
            authenticated,
            anyone,
        };
        if subjects.is_empty() {
            return Err(Invalid::new("users", "no subject", SUBJECTS));
        }
        Ok(subjects)
    }
}

fn names(field: &str, names: Vec<String>) -> Result<Names, Invalid> {
    let name = |name: String| match &*name {
        "" => Err(Invalid::new("", "nothing", "an exact name")),
        _ => Ok(Box::from(name)),
    };
    Ok(set_of(each(field, names, name)?))
}

impl TryFrom<pb::Role> for Role {
    type Error = Invalid;

    fn try_from(message: pb::Role) -> Result<Self, Invalid> {
        let pb::Role { name, subjects } = message;
        let name = named(name, ["organizations", "roles"])?;
        let subjects = subjects.ok_or_else(|| Invalid::new("subjects", "nothing", SUBJECTS))?;
        let subjects = Subjects::try_from(subjects).map_err(|error| error.within("subjects"))?;
        if subjects.roles.is_empty() {
            return Ok(Self { name, subjects });
        }
        let expected = "no roles within a role";
        Err(Invalid::new("subjects.roles", "a role", expected))
    }
}
