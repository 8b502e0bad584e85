//! Credentials: their secrets go their own way to where they are sealed, and what was had with one
//! ends when it changes.

use std::{collections::BTreeSet, sync::Arc};

use chancery_engine::secret::Secret;
use chancery_proto::admin::v1 as admin;
use tokio::sync::broadcast;

use super::{By, Done, Registry, RegistryError, Resources, check, check_etag, now};
use crate::{
    credential::assertion,
    resource::{Kind, Resource, Stored, credential::check_secret, invalid},
    secrets::{Place, Purpose, Sealed, Secrets, SecretsError},
    store::Transaction,
};

/// How many expiries may wait to be heard; who misses one is told so.
const EXPIRIES_KEPT: usize = 256;

/// What was had with a credential until now may be used no longer than this.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expiry {
    /// The credential's resource name.
    pub credential: String,
    /// The resource names of its servers.
    pub servers: Vec<String>,
    /// In seconds since the Unix epoch.
    pub until_seconds: u64,
}

/// A channel that nobody listens to yet.
pub(super) fn expiries() -> broadcast::Sender<Expiry> {
    broadcast::Sender::new(EXPIRIES_KEPT)
}

impl Registry {
    /// Every expiry to come.
    pub fn expiries(&self) -> broadcast::Receiver<Expiry> {
        self.expiries.subscribe()
    }

    /// What is kept sealed.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The credential that a server is called with. None where the servers of two workspaces have the
    /// id that it names: which of them it is for, nobody can tell.
    pub fn credential_of(&self, server: &str) -> Option<admin::Credential> {
        let resources = self.current();
        let server = resources.get(&(Kind::Server, server.to_owned()))?;
        let servers = resources.within(Kind::Server, server.organization());
        if servers.filter(|it| it.id() == server.id()).count() != 1 {
            return None;
        }
        let credentials = resources.within(Kind::Credential, server.organization());
        let mut credentials = credentials.filter_map(|it| it.as_credential());
        let found = credentials.find(|it| it.servers.iter().any(|id| id == server.id()));
        found.cloned()
    }

    /// Replaces a credential's secret, or for an assertion its key. What was had with the one before
    /// may be used for `overlap_seconds` longer. Blocks on the store.
    ///
    /// # Errors
    /// Where there is no such credential, or its kind of secret was not given.
    pub fn rotate(
        &self,
        name: &str,
        secret: Option<Secret>,
        (etag, overlap_seconds): (&str, u64),
        by: &By,
    ) -> Result<admin::Credential, RegistryError> {
        let _turn = self.changing();
        let resources = self.current();
        let key = (Kind::Credential, name.to_owned());
        let not_found = || RegistryError::NotFound {
            name: name.to_owned(),
        };
        let stored = resources.get(&key).ok_or_else(not_found)?;
        check_etag(name, stored, etag)?;
        let credential = stored.as_credential();
        let mut credential = credential.cloned().ok_or_else(not_found)?;
        let time = now();
        credential.rotate_time = Some(time);
        let now_seconds = time.seconds.unsigned_abs();
        let sealed = match (&credential.kind, secret) {
            (Some(admin::credential::Kind::Assertion(_)), None) => {
                assertion::rotated(&self.secrets, name, (now_seconds, overlap_seconds))?
            }
            (Some(admin::credential::Kind::Assertion(_)), Some(_)) => {
                let expected = "nothing: a new key is made here";
                let problem = invalid("secret", "a secret", expected);
                return Err(RegistryError::Invalid(vec![(0, problem)]));
            }
            (_, Some(secret)) => {
                let checked = check_secret(&credential, "secret", &secret);
                checked.map_err(|problem| RegistryError::Invalid(vec![(0, problem)]))?;
                vec![seal(&self.secrets, name, now_seconds, &secret)?]
            }
            (_, None) => {
                let problem = invalid("secret", "nothing", "the new secret");
                return Err(RegistryError::Invalid(vec![(0, problem)]));
            }
        };
        let mut changed = Resource::Credential(credential);
        let create_time = stored.create_time().unwrap_or(time);
        changed.stamp(changed.content_etag(), create_time, time);
        let mut candidate = Resources::clone(&resources);
        candidate.put(changed.clone());
        check(&candidate, std::slice::from_ref(&key))?;
        self.store.commit(&Transaction {
            put: vec![&changed],
            secrets: sealed.iter().collect(),
            entries: by.entries(&resources, &[key], &[Done::Updated(changed.clone())]),
            ..Transaction::default()
        })?;
        let until_seconds = now_seconds.saturating_add(overlap_seconds);
        let candidate = Arc::new(candidate);
        *self.lock() = Arc::clone(&candidate);
        self.expire(&resources, &candidate, name, until_seconds);
        changed.as_credential().cloned().ok_or_else(not_found)
    }

    /// Says that what was had with a credential ends. Nobody listening is no failure.
    fn expire(&self, before: &Resources, after: &Resources, name: &str, until_seconds: u64) {
        let mut servers = BTreeSet::new();
        for resources in [before, after] {
            servers.extend(servers_of(resources, name));
        }
        let heard = self.expiries.send(Expiry {
            credential: name.to_owned(),
            servers: servers.into_iter().collect(),
            until_seconds,
        });
        drop(heard);
    }

    /// What was had with credentials that changed ends now.
    pub(super) fn expire_changed<'d>(
        &self,
        before: &Resources,
        after: &Resources,
        changes: impl Iterator<Item = (&'d Done, &'d (Kind, String))>,
    ) {
        for (done, (kind, name)) in changes {
            let has_changed = matches!(done, Done::Updated(_) | Done::Deleted);
            if *kind == Kind::Credential && has_changed {
                self.expire(before, after, name, now().seconds.unsigned_abs());
            }
        }
    }
}

fn seal(
    secrets: &Secrets,
    name: &str,
    create_seconds: u64,
    secret: &Secret,
) -> Result<Sealed, SecretsError> {
    let place = Place {
        purpose: Purpose::Credential,
        name: name.to_owned(),
        create_seconds,
    };
    secrets.seal(place, secret)
}

/// Owners of secrets that a change leaves without a use for them.
pub(super) fn useless<'d>(done: &'d Done, key: &'d (Kind, String)) -> Vec<(Purpose, &'d str)> {
    let (kind, name) = key;
    if *kind != Kind::Credential {
        return Vec::new();
    }
    match done {
        Done::Unchanged(_) => Vec::new(),
        Done::Deleted => vec![(Purpose::Credential, name), (Purpose::Assertion, name)],
        Done::Created(resource) | Done::Updated(resource) => {
            let is_assertion = matches!(
                resource,
                Resource::Credential(admin::Credential {
                    kind: Some(admin::credential::Kind::Assertion(_)),
                    ..
                })
            );
            if is_assertion {
                vec![(Purpose::Credential, name)]
            } else {
                vec![(Purpose::Assertion, name)]
            }
        }
    }
}

/// The servers of a credential, by their resource names.
fn servers_of(resources: &Resources, name: &str) -> Vec<String> {
    let key = (Kind::Credential, name.to_owned());
    let Some(resource @ Resource::Credential(credential)) = resources.get(&key) else {
        return Vec::new();
    };
    let servers = resources.within(Kind::Server, resource.organization());
    let is_its_own = |server: &&Arc<Stored>| credential.servers.iter().any(|id| id == server.id());
    let own = servers.filter(is_its_own);
    own.map(|server| server.name().to_owned()).collect()
}
