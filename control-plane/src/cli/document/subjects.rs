//! Sets of principals, as rules, roles and quotas name them.

use chancery_proto::policy::v1 as policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_false;

/// Whom it is about.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub(super) struct Subjects {
    /// Exact user ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    users: Vec<String>,
    /// Exact group names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    /// Ids of `kind: Role` documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// Exact roles as tokens name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token_roles: Vec<String>,
    /// Exact teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    teams: Vec<String>,
    /// Ids of workspaces: whoever's call belongs to one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    workspaces: Vec<String>,
    /// Globs (`*`, `?`) over agent ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    agents: Vec<String>,
    /// Exact ids of OAuth clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clients: Vec<String>,
    /// Everyone with a valid token.
    #[serde(default, skip_serializing_if = "is_false")]
    authenticated: bool,
    /// Everyone, with a token or without.
    #[serde(default, skip_serializing_if = "is_false")]
    anyone: bool,
}

impl Subjects {
    pub(super) fn into_message(self) -> policy::Subjects {
        let Self {
            users,
            groups,
            roles,
            token_roles,
            teams,
            workspaces,
            agents,
            clients,
            authenticated,
            anyone,
        } = self;
        policy::Subjects {
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
        }
    }
}

impl From<policy::Subjects> for Subjects {
    fn from(message: policy::Subjects) -> Self {
        let policy::Subjects {
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
        Self {
            users,
            groups,
            roles,
            token_roles,
            teams,
            workspaces,
            agents,
            clients,
            authenticated,
            anyone,
        }
    }
}
