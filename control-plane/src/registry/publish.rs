//! Publishes what the resources come to: with a change, and anew after a start.

use std::sync::Arc;

use super::{Doing, Registry, RegistryError, Resources, now};
use crate::{
    access::NodePolicy,
    snapshot::{self, BuildError, KeySets, Snapshot},
    store::{Publication, Transaction},
};

/// The author of what the control plane publishes by itself.
pub(super) const ITSELF: &str = "control plane";

impl Registry {
    /// What the resources come to with these keys, as the version after the newest.
    pub(super) fn next_snapshot(
        &self,
        resources: &Resources,
        key_sets: &KeySets,
    ) -> Result<Snapshot, BuildError> {
        let version = self.published.borrow().as_ref().map_or(0, |it| it.version);
        let version = (self.store.epoch(), version.saturating_add(1));
        let all: Vec<_> = resources.values().cloned().collect();
        let snapshot = snapshot::build(&all, key_sets, version, now(), None)?;
        Ok(snapshot.signed(&self.signer))
    }

    pub(super) fn publish(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        self.published.send_replace(Some(Arc::clone(&snapshot)));
        snapshot
    }

    /// Publishes anew what an older control plane published in another form.
    pub(super) fn renew(&self) -> Result<(), RegistryError> {
        let Some(newest) = self.published.borrow().clone() else {
            return Ok(());
        };
        let _turn = self.changing();
        let Some(snapshot) = self.rebuilt() else {
            return Ok(());
        };
        if snapshot.sections == newest.sections {
            return Ok(());
        }
        tracing::info!(version = snapshot.version, "the stored snapshot is renewed");
        self.publish_anew(snapshot, "a newer control plane", Transaction::default())
    }

    /// Publishes anew where nodes serve something else than when this was last asked: what a node
    /// gets has the version of the snapshot it is of, and a filter that enforces that version takes
    /// no other. Blocks on the store.
    ///
    /// # Errors
    /// Where the store does not keep it.
    pub fn renew_for(&self, nodes: &NodePolicy) -> Result<(), RegistryError> {
        let fingerprint = nodes.fingerprint();
        if self.store.node_policy()?.as_ref() == Some(&fingerprint) {
            return Ok(());
        }
        let transaction = Transaction {
            node_policy: Some(&fingerprint),
            ..Transaction::default()
        };
        if self.published.borrow().is_none() {
            return Ok(self.store.commit(&transaction)?);
        }
        let _turn = self.changing();
        let Some(snapshot) = self.rebuilt() else {
            return Ok(());
        };
        tracing::info!(
            version = snapshot.version,
            "nodes serve something else than before; all get a new snapshot"
        );
        self.publish_anew(snapshot, "what nodes serve", transaction)
    }

    /// What is stored, as the next version; `None`, where it is not right any more.
    fn rebuilt(&self) -> Option<Snapshot> {
        let current = self.current();
        match self.next_snapshot(&current, &self.key_sets_of(&current)) {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                // Whoever repairs it needs a control plane that runs.
                tracing::error!(%error, "the stored resources make no snapshot; the last one stays");
                None
            }
        }
    }

    fn publish_anew(
        &self,
        snapshot: Snapshot,
        cause: &str,
        transaction: Transaction<'_>,
    ) -> Result<(), RegistryError> {
        let doing = Doing {
            author: ITSELF,
            cause,
        };
        self.store.commit(&Transaction {
            publication: Some(Publication::new(&snapshot, doing)),
            ..transaction
        })?;
        self.publish(snapshot);
        Ok(())
    }
}
