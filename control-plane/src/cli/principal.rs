//! Who acts, as a simulation assumes.

use chancery_proto::admin::v1::AssumedPrincipal;

use super::exit::Failure;

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
    /// Makes sure that it is said who it is.
    pub(crate) fn is_somebody(&self) -> Result<(), Failure> {
        if self.user.is_some() || self.agent.is_some() {
            return Ok(());
        }
        let message = "it is not said who, expected --user or --agent";
        Err(Failure::Usage(message.to_owned()))
    }

    /// The same, unless nothing is said that only a token could.
    pub(crate) fn is_somebody_or_anonymous(&self) -> Result<(), Failure> {
        let Self {
            user: _,
            groups,
            roles,
            team,
            agent: _,
            client,
            scopes,
            source: _,
            more_groups,
        } = self;
        let several = [groups, roles, scopes];
        let has_claims = several.iter().any(|names| !names.is_empty())
            || team.is_some()
            || client.is_some()
            || *more_groups;
        if has_claims {
            return self.is_somebody();
        }
        Ok(())
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
