//! Publishes what the resources come to: with a change, and anew after a start.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::{Doing, Registry, RegistryError, Resources, now};
use crate::{
    access::NodePolicy,
    snapshot::{BuildError, KeySets, Share, Snapshot},
    store::{Publication, Transaction},
};

/// The author of what the control plane publishes by itself.
pub(super) const ITSELF: &str = "control plane";

/// A version that is not published yet.
#[derive(Debug)]
pub(super) struct Next {
    share: Share,
    snapshot: Snapshot,
    /// What it takes the place of.
    before: Option<Arc<Snapshot>>,
}

impl Registry {
    /// What the resources come to with these keys, as the version after the newest.
    pub(super) fn next(
        &self,
        resources: &Resources,
        key_sets: &KeySets,
    ) -> Result<Next, BuildError> {
        let before = self.published.borrow().clone();
        let version = before.as_ref().map_or(0, |it| it.version);
        let version = (self.store.epoch(), version.saturating_add(1));
        let share = Arc::clone(&self.whole());
        let share = share.advance(resources, key_sets)?;
        let snapshot = share.snapshot(version, now()).signed(&self.signer);
        Ok(Next {
            share,
            snapshot,
            before,
        })
    }

    /// What the store keeps of a version.
    pub(super) fn publication<'n>(next: &'n Next, doing: Doing<'n>) -> Publication<'n> {
        let sections = next.before.as_ref().map(|before| &*before.sections);
        Publication::new(&next.snapshot, sections, doing)
    }

    fn whole(&self) -> MutexGuard<'_, Arc<Share>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, next: Next) -> Arc<Snapshot> {
        let Next {
            share, snapshot, ..
        } = next;
        *self.whole() = Arc::new(share);
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
        let Some(next) = self.rebuilt() else {
            return Ok(());
        };
        if next.snapshot.sections == newest.sections {
            *self.whole() = Arc::new(next.share);
            return Ok(());
        }
        let version = next.snapshot.version;
        tracing::info!(version, "the stored snapshot is renewed");
        self.publish_anew(next, "a newer control plane", Transaction::default())
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
        let Some(next) = self.rebuilt() else {
            return Ok(());
        };
        tracing::info!(
            version = next.snapshot.version,
            "nodes serve something else than before; all get a new snapshot"
        );
        self.publish_anew(next, "what nodes serve", transaction)
    }

    /// What is stored, as the next version; `None`, where it is not right any more.
    fn rebuilt(&self) -> Option<Next> {
        let current = self.current();
        match self.next(&current, &self.key_sets_of(&current)) {
            Ok(next) => Some(next),
            Err(error) => {
                // Whoever repairs it needs a control plane that runs.
                tracing::error!(%error, "the stored resources make no snapshot; the last one stays");
                None
            }
        }
    }

    fn publish_anew(
        &self,
        next: Next,
        cause: &str,
        transaction: Transaction<'_>,
    ) -> Result<(), RegistryError> {
        let doing = Doing {
            author: ITSELF,
            cause,
        };
        self.store.commit(&Transaction {
            publication: Some(Self::publication(&next, doing)),
            ..transaction
        })?;
        self.publish(next);
        Ok(())
    }
}
