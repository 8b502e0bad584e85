//! The newest snapshot as a node gets it: what it serves, as its filter can honour it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use super::{Registry, RegistryError, keys::wanted, now};
use crate::{
    access::NodeScope,
    resource::{Kind, Resources},
    snapshot::{Share, Snapshot},
};

/// The most kinds of nodes whose snapshots are kept at once; those of more are made for each stream.
const MAX_KEPT: usize = 256;

/// For how many versions a kind of nodes may be away before it is made anew.
const KEPT_VERSIONS: u64 = 100;

/// Snapshots by what their nodes can honour (absent: everything) and serve.
#[derive(Debug, Default)]
pub(super) struct Tailored {
    made: BTreeMap<(Option<BTreeSet<String>>, NodeScope), Made>,
}

/// What a kind of nodes was last given.
#[derive(Clone, Debug)]
struct Made {
    share: Share,
    snapshot: Arc<Snapshot>,
}

impl Registry {
    /// The newest snapshot for filters with these features, of which `None` are all, with what their
    /// node serves and nothing else. Made once for all streams that get the same, of what they were
    /// given before and what has changed since.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn snapshot_for(
        &self,
        features: Option<BTreeSet<String>>,
        scope: NodeScope,
    ) -> Result<Option<Arc<Snapshot>>, RegistryError> {
        // Held to the end: who comes next finds it made.
        let mut tailored = self.tailored.lock().unwrap_or_else(PoisonError::into_inner);
        // What is published and what it is of, as one.
        let resources = self.lock();
        let (current, sets) = (Arc::clone(&resources), self.issuer_keys().clone());
        let newest = self.published.borrow().clone();
        drop(resources);
        let Some(newest) = newest else {
            return Ok(None);
        };
        let version = (newest.epoch, newest.version);
        let key = (features, scope);
        let before = tailored.made.get(&key);
        if let Some(made) = before.filter(|it| it.snapshot.version == newest.version) {
            return Ok(Some(Arc::clone(&made.snapshot)));
        }
        let before = before.map(|made| made.share.clone());
        let before = before.unwrap_or_else(|| Share::new(key.0.clone(), key.1.clone()));
        let share = before.advance(&current, &wanted(&current, &sets))?;
        let snapshot = Arc::new(share.snapshot(version, now()).signed(&self.signer));
        let made = Made {
            share,
            snapshot: Arc::clone(&snapshot),
        };
        let oldest = newest.version.saturating_sub(KEPT_VERSIONS);
        tailored
            .made
            .retain(|_, made| made.snapshot.version >= oldest);
        if tailored.made.len() < MAX_KEPT || tailored.made.contains_key(&key) {
            tailored.made.insert(key, made);
        }
        Ok(Some(snapshot))
    }

    /// Whether a node serves the named resource: a server that there is, or something of the
    /// organization that anything else is in.
    pub fn serves(&self, scope: &NodeScope, name: &str) -> bool {
        if scope.serves_all_beside(name) {
            return true;
        }
        let resources = self.current();
        match resources
            .stored(Kind::Server, name)
            .and_then(|it| it.as_server())
        {
            Some(server) => scope.serves(server),
            None => serves_some(&resources, scope, name),
        }
    }
}

/// Whether a node serves something of the organization in a name.
pub(super) fn serves_some(resources: &Resources, scope: &NodeScope, name: &str) -> bool {
    let is_served = || {
        let organization = chancery_engine::name::organization_of(name);
        let servers = resources.within(Kind::Server, organization);
        let mut servers = servers.filter_map(|stored| stored.as_server());
        servers.any(|server| scope.serves(server))
    };
    scope.serves_all_beside(name) || scope.covers(name) && is_served()
}
