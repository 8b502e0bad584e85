//! Kinds of resources and their names.

use std::fmt;

use clap::{ValueEnum, builder::PossibleValue};

/// A kind of resource, in the order in which references point: a rule names servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Server,
    IdentityProvider,
    Rule,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::IdentityProvider, Self::Rule];

    /// As documents call it.
    pub(crate) fn document_kind(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::IdentityProvider => "IdentityProvider",
            Self::Rule => "Rule",
        }
    }

    /// As it is said in `server/notes`.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::IdentityProvider => "identityprovider",
            Self::Rule => "rule",
        }
    }

    /// As the command line calls them all.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Server => "servers",
            Self::IdentityProvider => "identityproviders",
            Self::Rule => "rules",
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Server => "servers",
            Self::IdentityProvider => "identityProviders",
            Self::Rule => "rules",
        }
    }

    fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["server", "srv"],
            Self::IdentityProvider => &["identityprovider", "identity-provider", "idp", "idps"],
            Self::Rule => &["rule"],
        }
    }
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.plural()).aliases(self.aliases()))
    }
}

/// Where names are looked up that do not say it themselves.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) organization: String,
    pub(crate) workspace: String,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            organization: Self::DEFAULT.to_owned(),
            workspace: Self::DEFAULT.to_owned(),
        }
    }
}

impl Scope {
    /// What a document means that leaves both out.
    pub(crate) const DEFAULT: &'static str = "default";

    /// What a list of this kind is asked of.
    pub(crate) fn parent(&self, kind: Kind) -> String {
        let Self {
            organization,
            workspace,
        } = self;
        match kind {
            Kind::Server => format!("organizations/{organization}/workspaces/{workspace}"),
            Kind::IdentityProvider | Kind::Rule => format!("organizations/{organization}"),
        }
    }

    pub(crate) fn name(&self, kind: Kind, id: &str) -> Name {
        Name {
            kind,
            organization: self.organization.clone(),
            workspace: (kind == Kind::Server).then(|| self.workspace.clone()),
            id: id.to_owned(),
        }
    }
}

/// A resource's whole name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) kind: Kind,
    pub(crate) organization: String,
    pub(crate) workspace: Option<String>,
    pub(crate) id: String,
}

impl Name {
    /// Reads `organizations/o/workspaces/w/servers/s` and the like.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let segments: Vec<&str> = text.split('/').collect();
        let (organization, workspace, collection, id) = match segments.as_slice() {
            [
                "organizations",
                organization,
                "workspaces",
                workspace,
                collection,
                id,
            ] => (
                *organization,
                Some((*workspace).to_owned()),
                *collection,
                *id,
            ),
            ["organizations", organization, collection, id] => {
                (*organization, None, *collection, *id)
            }
            _ => return None,
        };
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.collection() == collection)?;
        ((kind == Kind::Server) == workspace.is_some()).then(|| Self {
            kind,
            organization: organization.to_owned(),
            workspace,
            id: id.to_owned(),
        })
    }

    /// `server/notes`, with what is not in the usual place said before it.
    pub(crate) fn short(&self) -> String {
        let mut short = self.kind.singular().to_owned();
        let workspace = self.workspace.as_deref().unwrap_or(Scope::DEFAULT);
        if self.organization != Scope::DEFAULT || workspace != Scope::DEFAULT {
            short = format!("{short}/{}", self.organization);
            if let Some(workspace) = &self.workspace {
                short = format!("{short}/{workspace}");
            }
        }
        format!("{short}/{}", self.id)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "organizations/{}/", self.organization)?;
        if let Some(workspace) = &self.workspace {
            write!(f, "workspaces/{workspace}/")?;
        }
        write!(f, "{}/{}", self.kind.collection(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_reading_and_writing() {
        for (text, short) in [
            (
                "organizations/default/workspaces/default/servers/notes",
                "server/notes",
            ),
            (
                "organizations/acme/workspaces/default/servers/n",
                "server/acme/default/n",
            ),
            ("organizations/default/rules/dev", "rule/dev"),
            (
                "organizations/acme/identityProviders/corp",
                "identityprovider/acme/corp",
            ),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.short(), short);
        }
        for text in [
            "",
            "rules/dev",
            "organizations/o/servers/s",
            "organizations/o/things/t",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
