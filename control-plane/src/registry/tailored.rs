//! The newest snapshot as a node gets it: what it serves, as its filter can honour it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use super::{Registry, RegistryError, Resources, keys::wanted, now};
use crate::{
    access::NodeScope,
    snapshot::{self, Snapshot},
};

/// The most kinds of nodes whose snapshots are kept at once; those of more are made for each stream.
const MAX_KEPT: usize = 256;

/// Snapshots of one version, by what their nodes can honour (absent: everything) and serve.
#[derive(Debug, Default)]
pub(super) struct Tailored {
    version: (u64, u64),
    made: BTreeMap<(Option<BTreeSet<String>>, NodeScope), Arc<Snapshot>>,
}

impl Registry {
    /// The newest snapshot for filters with these features, of which `None` are all, with what their
    /// node serves and nothing else. Made once for all streams that get the same.
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
        if tailored.version != version {
            tailored.version = version;
            tailored.made.clear();
        }
        let key = (features, scope);
        if let Some(made) = tailored.made.get(&key) {
            return Ok(Some(Arc::clone(made)));
        }
        let (features, scope) = &key;
        let served = current.iter().filter(|((_, name), _)| scope.covers(name));
        let served: Resources = served.map(|(key, it)| (key.clone(), it.clone())).collect();
        let key_sets = wanted(&served, &sets);
        let resources: Vec<_> = served.into_values().collect();
        let built = snapshot::build(&resources, &key_sets, version, now(), features.as_ref())?;
        let built = Arc::new(built.signed(&self.signer));
        if tailored.made.len() < MAX_KEPT {
            tailored.made.insert(key, Arc::clone(&built));
        }
        Ok(Some(built))
    }
}
