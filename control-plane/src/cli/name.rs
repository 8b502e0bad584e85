//! Kinds of resources and their names.

use std::fmt;

use clap::{ValueEnum, builder::PossibleValue};

use super::exit::Failure;

/// A kind of resource, in the order in which references point: a rule names servers and roles, and
/// who may change anything is said first and taken away last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Organization,
    Binding,
    Server,
    IdentityProvider,
    Role,
    Detector,
    Allowlist,
    RedactionProfile,
    Rule,
    Offer,
    Quota,
    Credential,
    Block,
}

/// Where the resources of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// It is an organization.
    Nowhere,
    Organization,
    Workspace,
    /// In an organization, or in a workspace of it.
    Either,
}

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Organization,
        Self::Binding,
        Self::Server,
        Self::IdentityProvider,
        Self::Role,
        Self::Detector,
        Self::Allowlist,
        Self::RedactionProfile,
        Self::Rule,
        Self::Offer,
        Self::Quota,
        Self::Credential,
        Self::Block,
    ];

    /// As documents call it.
    pub(crate) fn document_kind(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Binding => "Binding",
            Self::Server => "Server",
            Self::IdentityProvider => "IdentityProvider",
            Self::Role => "Role",
            Self::Detector => "Detector",
            Self::Allowlist => "Allowlist",
            Self::RedactionProfile => "RedactionProfile",
            Self::Rule => "Rule",
            Self::Offer => "Offer",
            Self::Quota => "Quota",
            Self::Credential => "Credential",
            Self::Block => "Block",
        }
    }

    /// As it is said in `server/notes`.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Binding => "binding",
            Self::Server => "server",
            Self::IdentityProvider => "identityprovider",
            Self::Role => "role",
            Self::Detector => "detector",
            Self::Allowlist => "allowlist",
            Self::RedactionProfile => "redactionprofile",
            Self::Rule => "rule",
            Self::Offer => "offer",
            Self::Quota => "quota",
            Self::Credential => "credential",
            Self::Block => "block",
        }
    }

    /// As the command line calls them all.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Organization => "organizations",
            Self::Binding => "bindings",
            Self::Server => "servers",
            Self::IdentityProvider => "identityproviders",
            Self::Role => "roles",
            Self::Detector => "detectors",
            Self::Allowlist => "allowlists",
            Self::RedactionProfile => "redactionprofiles",
            Self::Rule => "rules",
            Self::Offer => "offers",
            Self::Quota => "quotas",
            Self::Credential => "credentials",
            Self::Block => "blocks",
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Organization => "organizations",
            Self::Binding => "bindings",
            Self::Server => "servers",
            Self::IdentityProvider => "identityProviders",
            Self::Role => "roles",
            Self::Detector => "detectors",
            Self::Allowlist => "allowlists",
            Self::RedactionProfile => "redactionProfiles",
            Self::Rule => "rules",
            Self::Offer => "offers",
            Self::Quota => "quotas",
            Self::Credential => "credentials",
            Self::Block => "blocks",
        }
    }

    fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Organization => &["organization", "org", "orgs"],
            Self::Binding => &["binding"],
            Self::Server => &["server", "srv"],
            Self::IdentityProvider => &["identityprovider", "identity-provider", "idp", "idps"],
            Self::Role => &["role"],
            Self::Detector => &["detector"],
            Self::Allowlist => &["allowlist"],
            Self::RedactionProfile => &[
                "redactionprofile",
                "redaction-profile",
                "profile",
                "profiles",
            ],
            Self::Rule => &["rule"],
            Self::Offer => &["offer"],
            Self::Quota => &["quota"],
            Self::Credential => &["credential", "cred", "creds"],
            Self::Block => &["block"],
        }
    }

    fn home(self) -> Home {
        match self {
            Self::Organization => Home::Nowhere,
            Self::Server => Home::Workspace,
            Self::Rule => Home::Either,
            Self::Binding
            | Self::IdentityProvider
            | Self::Role
            | Self::Detector
            | Self::Allowlist
            | Self::RedactionProfile
            | Self::Offer
            | Self::Quota
            | Self::Credential
            | Self::Block => Home::Organization,
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
    /// Whether the organization was asked for, so that no name may say another.
    pub(crate) is_chosen: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            organization: Self::DEFAULT.to_owned(),
            workspace: Self::DEFAULT.to_owned(),
            is_chosen: false,
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
            is_chosen: _,
        } = self;
        match kind.home() {
            Home::Nowhere => String::new(),
            Home::Workspace => format!("organizations/{organization}/workspaces/{workspace}"),
            Home::Organization | Home::Either => format!("organizations/{organization}"),
        }
    }

    /// The name that somebody gave for a resource of a kind: a whole one, or one that is looked up
    /// here, with its kind before it or without.
    pub(crate) fn read(&self, kind: Kind, text: &str) -> Result<Name, Failure> {
        if let Some(name) = Name::parse(text).filter(|name| name.kind == kind) {
            return Ok(name);
        }
        let singular = text.split_once('/');
        let said = match singular {
            Some((before, said)) if before == kind.singular() => said,
            Some(_) | None => text,
        };
        let name = self.name(kind, said);
        let is_elsewhere = kind.home() != Home::Nowhere && name.organization != self.organization;
        if self.is_chosen && is_elsewhere {
            let id = &name.id;
            let organization = &self.organization;
            let expected = match kind.home() {
                Home::Organization => format!("`{id}`"),
                Home::Nowhere | Home::Workspace | Home::Either => {
                    format!("`{id}` or `{organization}/{}/{id}`", name.organization)
                }
            };
            return Err(Failure::Usage(format!(
                "`{text}` is of the organization `{}`, and --organization is `{organization}`: \
                 expected {expected} there, or the other organization",
                name.organization
            )));
        }
        Ok(name)
    }

    /// The name that an id has here, or that a short name says: `notes`, `acme/default/notes`.
    pub(crate) fn name(&self, kind: Kind, id: &str) -> Name {
        let segments: Vec<&str> = id.split('/').collect();
        let (organization, workspace, id) = match (kind.home(), segments.as_slice()) {
            (Home::Nowhere, _) => (id, None, id),
            (Home::Workspace | Home::Either, [organization, workspace, id]) => {
                (*organization, Some(*workspace), *id)
            }
            (Home::Organization | Home::Either, [organization, id]) => (*organization, None, *id),
            (Home::Workspace, _) => (&*self.organization, Some(&*self.workspace), id),
            (Home::Organization | Home::Either, _) => (&*self.organization, None, id),
        };
        Name {
            kind,
            organization: organization.to_owned(),
            workspace: workspace.map(str::to_owned),
            id: id.to_owned(),
        }
    }
}

/// The last segment of a resource's name.
pub(crate) fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
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
            ["organizations", id] => (*id, None, "organizations", *id),
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
        let is_home = match kind.home() {
            Home::Nowhere => segments.len() == 2,
            Home::Organization => segments.len() == 4 && workspace.is_none(),
            Home::Workspace => workspace.is_some(),
            Home::Either => segments.len() > 2,
        };
        is_home.then(|| Self {
            kind,
            organization: organization.to_owned(),
            workspace,
            id: id.to_owned(),
        })
    }

    /// `server/notes`, with what is not in the usual place said before it.
    pub(crate) fn short(&self) -> String {
        let Self {
            kind,
            organization,
            workspace,
            id,
        } = self;
        let usual_workspace = match kind.home() {
            Home::Workspace => Some(Scope::DEFAULT),
            Home::Nowhere | Home::Organization | Home::Either => None,
        };
        let is_usual = organization == Scope::DEFAULT && workspace.as_deref() == usual_workspace;
        let kind = kind.singular();
        match workspace {
            _ if is_usual || kind == Kind::Organization.singular() => format!("{kind}/{id}"),
            Some(workspace) => format!("{kind}/{organization}/{workspace}/{id}"),
            None => format!("{kind}/{organization}/{id}"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.home() == Home::Nowhere {
            return write!(f, "{}/{}", self.kind.collection(), self.id);
        }
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
            (
                "organizations/default/workspaces/default/rules/dev",
                "rule/default/default/dev",
            ),
            ("organizations/acme", "organization/acme"),
            ("organizations/default", "organization/default"),
            ("organizations/default/quotas/q", "quota/q"),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.short(), short);
            let (_, said) = short.split_once('/').unwrap();
            assert_eq!(Scope::default().name(name.kind, said), name);
        }
        for text in [
            "",
            "rules/dev",
            "organizations/o/servers/s",
            "organizations/o/workspaces/w/roles/r",
            "organizations/o/organizations/p",
            "organizations/o/things/t",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_given_back_is_the_same() {
        let scope = Scope {
            organization: "b".to_owned(),
            is_chosen: true,
            ..Scope::default()
        };
        for (kind, text, whole) in [
            (Kind::Rule, "rm", "organizations/b/rules/rm"),
            (Kind::Rule, "b/rm", "organizations/b/rules/rm"),
            (Kind::Rule, "rule/rm", "organizations/b/rules/rm"),
            (
                Kind::Rule,
                "rule/b/default/rm",
                "organizations/b/workspaces/default/rules/rm",
            ),
            (
                Kind::Rule,
                "organizations/c/rules/rm",
                "organizations/c/rules/rm",
            ),
            (
                Kind::Server,
                "notes",
                "organizations/b/workspaces/default/servers/notes",
            ),
            (Kind::Organization, "c", "organizations/c"),
        ] {
            let name = scope.read(kind, text).unwrap();
            assert_eq!(name.to_string(), whole, "{text}");
        }
        // A workspace is not taken for another organization.
        let refused = scope.read(Kind::Rule, "default/rm").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`default/rm` is of the organization `default`, and --organization is `b`: expected \
             `rm` or `b/default/rm` there, or the other organization"
        );
        assert!(scope.read(Kind::Role, "c/x").is_err());
        let anywhere = Scope::default().read(Kind::Rule, "b/rm").unwrap();
        assert_eq!(anywhere.to_string(), "organizations/b/rules/rm");
    }
}
