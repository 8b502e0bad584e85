//! What an organization has beside its servers, in sections that are made by themselves.

use crate::resource::Kind;

/// Some of what an organization has beside its servers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Side {
    /// Rules, and all that they name or are bounded by.
    Rules,
    /// Who vouches for principals.
    Providers,
}

/// What sections have of a kind of resources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// A section of its own.
    Server,
    /// A part of the sections of the servers that it names.
    Upstream,
    /// A part of what is beside servers.
    Beside(Side),
    /// Nothing.
    None,
}

impl Side {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Rules, Self::Providers];

    /// The kinds of resources that it is made of.
    pub(super) fn kinds(self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.iter().copied();
        all.filter(move |kind| Use::of(*kind) == Use::Beside(self))
    }
}

impl Use {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Credential => Self::Upstream,
            Kind::IdentityProvider => Self::Beside(Side::Providers),
            Kind::Allowlist
            | Kind::Block
            | Kind::Detector
            | Kind::Offer
            | Kind::Quota
            | Kind::RedactionProfile
            | Kind::Role
            | Kind::Rule => Self::Beside(Side::Rules),
            Kind::Binding | Kind::Organization => Self::None,
        }
    }
}
