//! Keys as their issuer publishes them, kept as those of agents' issuers are.

use std::{fmt, sync::Arc, time::Duration};

use chancery_proto::policy::v1::VerificationKey;
use tokio::sync::watch;

use super::TokenKeysError;
use crate::{
    access::token::{KeysAs, TokenRules, Tokens, TokensError},
    egress::Egress,
    issuer_keys::{IssuerKeys, KeyHolder, KeyMissing, due::MAX_UNCONFIRMED},
    registry::now,
    store::{ADMINISTRATORS, IssuerKeySet, KeySource, Store},
};

/// Rules that are right, and an issuer that may be asked.
#[derive(Debug)]
pub(super) struct IssuerSource {
    rules: TokenRules,
    source: KeySource,
    /// With no keys.
    tokens: Arc<Tokens>,
}

impl IssuerSource {
    /// `jwks_uri` is empty where the issuer's metadata say where its keys are.
    pub(super) fn check(
        rules: TokenRules,
        jwks_uri: String,
        egress: &Egress,
    ) -> Result<Self, TokenKeysError> {
        let tokens = Arc::new(published(&rules, &[])?);
        let asked = if jwks_uri.is_empty() {
            &rules.issuer
        } else {
            &jwks_uri
        };
        egress.url(asked)?;
        let source = KeySource {
            identity_provider: ADMINISTRATORS.to_owned(),
            issuer: rules.issuer.clone(),
            jwks_uri,
        };
        Ok(Self {
            rules,
            source,
            tokens,
        })
    }

    /// Begins to ask, with the keys of before a restart.
    pub(super) fn start(
        self,
        store: Arc<Store>,
        egress: Egress,
    ) -> Result<PublishedKeys, TokenKeysError> {
        let Self {
            rules,
            source,
            tokens,
        } = self;
        let oldest = now()
            .seconds
            .unsigned_abs()
            .saturating_sub(MAX_UNCONFIRMED.as_secs());
        let mut sets = store.key_sets()?.into_iter();
        let set = sets.find(|set| set.source == source && set.read_seconds >= oldest);
        let tokens = match &set {
            Some(set) => Arc::new(published(&rules, &set.keys)?),
            None => tokens,
        };
        let holder = Arc::new(Holder {
            rules,
            source,
            store,
            held: watch::Sender::new(Held { set, tokens }),
        });
        let changes = holder.held.subscribe();
        Ok(PublishedKeys {
            issuer_keys: IssuerKeys::start(Arc::clone(&holder), changes, egress),
            holder,
        })
    }
}

/// What the issuer published last.
pub(super) struct PublishedKeys {
    holder: Arc<Holder>,
    issuer_keys: IssuerKeys,
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedKeys")
            .field("rules", &self.holder.rules)
            .field("source", &self.holder.source)
            .finish_non_exhaustive()
    }
}

impl PublishedKeys {
    pub(super) fn current(&self) -> Arc<Tokens> {
        Arc::clone(&self.holder.held.borrow().tokens)
    }

    /// Makes sure that the issuer publishes a key, which is then among the current ones.
    pub(super) async fn find(&self, key_id: &str, within: Duration) -> Result<(), KeyMissing> {
        self.issuer_keys.find(ADMINISTRATORS, key_id, within).await
    }
}

struct Holder {
    rules: TokenRules,
    source: KeySource,
    store: Arc<Store>,
    held: watch::Sender<Held>,
}

struct Held {
    set: Option<IssuerKeySet>,
    tokens: Arc<Tokens>,
}

impl KeyHolder for Holder {
    type Error = TokenKeysError;

    fn key_sources(&self) -> Vec<KeySource> {
        vec![self.source.clone()]
    }

    fn key_set(&self, source: &KeySource) -> Option<IssuerKeySet> {
        let held = self.held.borrow();
        held.set.clone().filter(|set| set.source == *source)
    }

    fn put_key_set(&self, set: IssuerKeySet) -> Result<bool, TokenKeysError> {
        let tokens = Arc::new(published(&self.rules, &set.keys)?);
        self.store.put_key_set(&set)?;
        let has_changed = self.held.send_if_modified(|held| {
            let before = held.set.replace(set.clone());
            held.tokens = tokens;
            before.is_none_or(|before| before.keys != set.keys)
        });
        Ok(has_changed)
    }

    /// There are none: the one set takes the place of the one before, whose source is looked at.
    fn forget_stray_keys(&self) -> Result<(), TokenKeysError> {
        Ok(())
    }
}

fn published(rules: &TokenRules, keys: &[VerificationKey]) -> Result<Tokens, Box<TokensError>> {
    Tokens::new(rules, KeysAs::Published(keys)).map_err(Box::new)
}
