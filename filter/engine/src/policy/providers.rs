//! Who vouches for principals: the identity providers of a policy, and what each organization asks
//! the proxy for.

use std::collections::{BTreeMap, BTreeSet};

use super::PolicyError;
use crate::{
    server::Server,
    token::{IdentityProvider, KeySet, Source},
};

/// Every identity provider.
#[derive(Debug, Default)]
pub(super) struct Providers {
    by_issuer: BTreeMap<Box<str>, IdentityProvider>,
    by_organization: BTreeMap<Box<str>, Vouchers>,
    metadata_keys: BTreeSet<Box<str>>,
    reads_certificates: bool,
}

/// What vouches for the principals of one organization.
#[derive(Debug, Default)]
pub struct Vouchers {
    /// Whose tokens are accepted: issuers, each with whether it has audiences of its own.
    issuers: Vec<(Box<str>, bool)>,
    /// Where `jwt_authn` leaves claims.
    pub metadata_keys: BTreeSet<Box<str>>,
    /// Whose certificates are accepted.
    pub trust_domains: BTreeSet<Box<str>>,
}

impl Vouchers {
    /// The issuers whose tokens are accepted where an endpoint has audiences of its own, or has
    /// none.
    pub fn authorization_servers(&self, has_audiences: bool) -> impl Iterator<Item = &str> {
        self.issuers
            .iter()
            .filter(move |(_, has_own)| has_audiences || *has_own)
            .map(|(issuer, _)| &**issuer)
    }
}

impl Providers {
    /// # Errors
    /// Where two have one issuer, a key set belongs to none, or an audience to two organizations.
    pub(super) fn new(
        mut providers: Vec<IdentityProvider>,
        key_sets: Vec<KeySet>,
        servers: &[Server],
    ) -> Result<Self, PolicyError> {
        add_keys(&mut providers, key_sets)?;
        check_audiences(&providers, servers)?;
        let mut all = Self::default();
        for provider in providers {
            all.add(provider)?;
        }
        Ok(all)
    }

    fn add(&mut self, provider: IdentityProvider) -> Result<(), PolicyError> {
        let vouchers = self
            .by_organization
            .entry(provider.organization().into())
            .or_default();
        let issuer = provider.issuer.clone();
        let accepted = (issuer.clone(), !provider.audiences.is_empty());
        match &provider.source {
            Source::Token => vouchers.issuers.push(accepted),
            Source::Metadata { key } => {
                vouchers.issuers.push(accepted);
                vouchers.metadata_keys.insert(key.clone());
                self.metadata_keys.insert(key.clone());
            }
            Source::Certificate { trust_domain } => {
                vouchers.trust_domains.insert(trust_domain.clone());
                self.reads_certificates = true;
            }
        }
        match self.by_issuer.insert(issuer.clone(), provider) {
            None => Ok(()),
            Some(_) => Err(PolicyError::DuplicateIssuer { issuer }),
        }
    }

    pub(super) fn by_issuer(&self, issuer: &str) -> Option<&IdentityProvider> {
        self.by_issuer.get(issuer)
    }

    pub(super) fn vouchers(&self, organization: &str) -> Option<&Vouchers> {
        self.by_organization.get(organization)
    }

    pub(super) fn metadata_keys(&self) -> &BTreeSet<Box<str>> {
        &self.metadata_keys
    }

    pub(super) fn reads_certificates(&self) -> bool {
        self.reads_certificates
    }
}

/// Keys that a provider has for good come before those that its issuer publishes.
fn add_keys(providers: &mut [IdentityProvider], sets: Vec<KeySet>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for KeySet {
        identity_provider: name,
        keys,
    } in sets
    {
        let provider = providers
            .iter_mut()
            .find(|provider| provider.name == name && provider.has_key_set);
        match provider {
            Some(provider) if seen.insert(name.clone()) => provider.keys.extend(keys),
            Some(_) | None => return Err(PolicyError::StrayKeySet { name }),
        }
    }
    Ok(())
}

/// A token that is meant for one organization must not open another's servers.
fn check_audiences(providers: &[IdentityProvider], servers: &[Server]) -> Result<(), PolicyError> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let own = providers.iter().flat_map(|provider| {
        let audiences = provider.audiences.iter();
        audiences.map(|audience| (&**audience, provider.organization()))
    });
    let of_endpoints = servers.iter().flat_map(|server| {
        let audiences = server.endpoints.iter().flat_map(|e| &e.audiences);
        audiences.map(|audience| (&*audience.value, server.organization()))
    });
    for (audience, organization) in own.chain(of_endpoints) {
        let owner = owners.entry(audience).or_insert(organization);
        if *owner != organization {
            return Err(PolicyError::SharedAudience {
                audience: audience.into(),
                first: (*owner).into(),
                second: organization.into(),
            });
        }
    }
    Ok(())
}
