//! Where a principal's fields are in claims.

use chancery_proto::policy::v1 as policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::unless_empty;

/// Where a principal's fields are, each a JSONPath (RFC 9535).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Claims {
    /// To the user id.
    user: ClaimPath,
    /// To the groups.
    groups: ClaimPath,
    /// To the roles; principals have none where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<ClaimPath>,
    /// To the team; principals have none where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<ClaimPath>,
    /// To the agent that acts; the `sub` of the outermost `act` (RFC 8693) where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<ClaimPath>,
    /// To the OAuth client; `client_id` (RFC 9068), else `azp`, where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClaimPath>,
    /// Cut from the beginning of every group that begins with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_prefix: Option<String>,
}

/// A JSONPath.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, title = "a JSONPath that begins with $", extend("pattern" = r"^\$"))]
pub(super) struct ClaimPath(pub(super) String);

impl Claims {
    const USER: &'static str = "$.sub";
    const GROUPS: &'static str = "$.groups";

    pub(super) fn into_message(self) -> policy::ClaimMapping {
        let Self {
            user,
            groups,
            roles,
            team,
            agent,
            client,
            group_prefix,
        } = self;
        let text = |path: Option<ClaimPath>| path.map(|path| path.0).unwrap_or_default();
        policy::ClaimMapping {
            user: user.0,
            groups: groups.0,
            roles: text(roles),
            team: text(team),
            agent: text(agent),
            client: text(client),
            group_prefix: group_prefix.unwrap_or_default(),
        }
    }
}

impl From<policy::ClaimMapping> for Claims {
    fn from(message: policy::ClaimMapping) -> Self {
        let policy::ClaimMapping {
            user,
            groups,
            roles,
            team,
            agent,
            client,
            group_prefix,
        } = message;
        let given = |path: String, otherwise: &str| {
            ClaimPath(unless_empty(path).unwrap_or_else(|| otherwise.to_owned()))
        };
        Self {
            user: given(user, Self::USER),
            groups: given(groups, Self::GROUPS),
            roles: unless_empty(roles).map(ClaimPath),
            team: unless_empty(team).map(ClaimPath),
            agent: unless_empty(agent).map(ClaimPath),
            client: unless_empty(client).map(ClaimPath),
            group_prefix: unless_empty(group_prefix),
        }
    }
}

impl Default for Claims {
    fn default() -> Self {
        policy::ClaimMapping::default().into()
    }
}
