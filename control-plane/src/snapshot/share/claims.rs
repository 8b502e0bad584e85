//! What servers of one policy may not both have, however far apart they are.
//!
//! Two servers are at two places, and an audience is one organization's: that is all that the engine
//! holds against each other of what is in different sections, but for what one organization's rules
//! name, which one side of it has, and issuers, which providers have.

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as policy;

use super::{super::BuildError, Share, beside::Side, part, touched::Touched};
use crate::resource::{Kind, PolicyPart, Resources, Stored};

/// What touched servers and providers have for themselves, and touched servers did not have before:
/// that contradicted nothing.
#[derive(Debug, Default)]
pub(super) struct Claims<'r> {
    /// Hosts and paths.
    places: BTreeSet<(&'r str, &'r str)>,
    audiences: BTreeSet<&'r str>,
}

impl<'r> Claims<'r> {
    pub(super) fn of(
        touched: &Touched,
        before: &Share,
        share: &'r Share,
    ) -> Result<Self, BuildError> {
        let mut claims = Self::default();
        for name in &touched.servers {
            let known = before.sent(name).map(endpoints);
            let new = share
                .sent(name)
                .map(endpoints)
                .filter(|it| known != Some(*it));
            for endpoint in new.unwrap_or_default() {
                claims.places.insert((&endpoint.host, &endpoint.path));
                claims.audiences.extend(audiences(endpoint));
            }
        }
        for (organization, side) in &touched.beside {
            if *side == Side::Rules {
                continue;
            }
            for stored in share.resources.within(Kind::IdentityProvider, organization) {
                if let Some(PolicyPart::IdentityProvider(provider)) = part(stored)? {
                    let audiences = provider.audiences.iter();
                    claims.audiences.extend(audiences.map(String::as_str));
                }
            }
        }
        Ok(claims)
    }

    /// The names of the servers, beside the touched ones, that have any of it too.
    pub(super) fn rivals(&self, touched: &Touched, resources: &'r Resources) -> Vec<&'r str> {
        if self.places.is_empty() && self.audiences.is_empty() {
            return Vec::new();
        }
        let has_any = |endpoint: &policy::Endpoint| {
            self.places.contains(&(&*endpoint.host, &*endpoint.path))
                || audiences(endpoint).any(|audience| self.audiences.contains(audience))
        };
        let servers = resources.of_kind(Kind::Server);
        let rivals = servers.filter(|stored| {
            endpoints(stored).iter().any(has_any) && !touched.servers.contains(stored.name())
        });
        rivals.map(|stored| stored.name()).collect()
    }

    /// Whether other organizations' providers may have any of it too.
    pub(super) fn may_be_providers(&self, touched: &Touched) -> bool {
        let mut beside = touched.beside.iter();
        !self.audiences.is_empty() || beside.any(|(_, side)| *side == Side::Providers)
    }
}

fn endpoints(stored: &Stored) -> &[policy::Endpoint] {
    stored.as_server().map_or(&[], |server| &server.endpoints)
}

fn audiences(endpoint: &policy::Endpoint) -> impl Iterator<Item = &str> {
    endpoint.audiences.iter().map(|audience| &*audience.value)
}
