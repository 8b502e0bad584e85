//! Who acts, as a simulation assumes.

use chancery_proto::admin::v1::AssumedPrincipal;

/// Who acts. Nobody is logged in where nothing is said.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Who acts")]
pub(crate) struct PrincipalArgs {
    /// The user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A group of the user; repeatable
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// A role, as tokens name it; repeatable
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// The team
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// The agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The OAuth client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// A scope of the token; repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The peer's IP address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// The token is known to leave groups out
    #[arg(long)]
    more_groups: bool,
}

impl PrincipalArgs {
    /// Whether nothing is said of who it is.
    pub(crate) fn is_nobody(&self) -> bool {
        self.user.is_none() && self.agent.is_none()
    }

    pub(crate) fn message(&self) -> AssumedPrincipal {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        AssumedPrincipal {
            user: given(&self.user),
            groups: self.groups.clone(),
            token_roles: self.roles.clone(),
            team: given(&self.team),
            agent: given(&self.agent),
            client: given(&self.client),
            scopes: self.scopes.clone(),
            source: given(&self.source),
            has_more_groups: self.more_groups,
        }
    }
}
