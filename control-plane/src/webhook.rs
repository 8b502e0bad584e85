//! Tells the webhooks of organizations what happened: whoever answers for a server learns of drift, of a
//! quarantine and its end without asking for it.
//!
//! They follow the record. Each has its own courier and its own position in the record, which is moved on
//! only once the receiver has taken what is before it, so a notification arrives at least once, in order,
//! and a receiver that is slow or down holds up nobody else.

mod backoff;
mod command;
mod courier;
pub mod event;
mod known;
pub mod notification;
pub mod sending;
pub mod signature;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_proto::admin::v1 as admin;
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::{AbortHandle, JoinSet},
};

use self::courier::Courier;
use crate::{
    access::NodePolicy,
    egress::Egress,
    ledger::{Ledger, LedgerError},
    registry::Registry,
    resource::{Kind, Resource},
    store::{Store, StoreError, WebhookState},
};

/// Why a webhook is not told for now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// How far it has been told is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is removed, or the store lost it.
    #[error("how far it has been told is not in the store")]
    NotKept,
    /// The record cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A task of ours.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// A webhook: its organization, `organizations/{o}`, and its id.
type Key = (String, String);

/// How a webhook fares.
#[derive(Clone, Debug)]
pub struct Status {
    /// As its organization says.
    pub webhook: admin::Webhook,
    /// As the store keeps it; its `position` as its courier knows it.
    pub state: WebhookState,
    /// How many records there are.
    pub length: u64,
    /// It is told nothing until its organization changes.
    pub is_stopped: bool,
}

/// The webhooks of all organizations.
#[derive(Debug)]
pub struct Webhooks {
    registry: Arc<Registry>,
    ledger: Arc<Ledger>,
    store: Arc<Store>,
    nodes: Arc<NodePolicy>,
    egress: Egress,
    /// Those whose state is in the store; `None` before that was looked at.
    kept: AsyncMutex<Option<BTreeSet<Key>>>,
    /// How far couriers have read, which the store learns now and then.
    positions: Mutex<BTreeMap<Key, u64>>,
}

impl Webhooks {
    /// Those of a registry, told what is in a record.
    pub fn new(
        (registry, nodes): (Arc<Registry>, Arc<NodePolicy>),
        (ledger, store): (Arc<Ledger>, Arc<Store>),
        egress: Egress,
    ) -> Self {
        Self {
            registry,
            ledger,
            store,
            nodes,
            egress,
            kept: AsyncMutex::default(),
            positions: Mutex::default(),
        }
    }

    /// Has a courier for each webhook until told to stop. What is not delivered by then is delivered by the
    /// next control plane.
    pub async fn run(self: Arc<Self>, mut draining: watch::Receiver<bool>) {
        let mut published = self.registry.published();
        let mut running = JoinSet::new();
        let mut couriers: BTreeMap<Key, AbortHandle> = BTreeMap::new();
        loop {
            published.mark_unchanged();
            if let Err(error) = self.keep().await {
                tracing::error!(%error, "how far webhooks have been told is not kept");
            }
            let wanted = self.wanted();
            couriers.retain(|key, courier| {
                let stays = wanted.contains(key);
                if !stays {
                    courier.abort();
                }
                stays
            });
            self.positions().retain(|key, _| wanted.contains(key));
            for key in wanted {
                let courier = || Courier::new(Arc::clone(&self), key.clone()).run();
                couriers
                    .entry(key.clone())
                    .or_insert_with(|| running.spawn(courier()));
            }
            tokio::select! {
                Some(_) = running.join_next() => {
                    // One that ended by itself is begun again, unless its webhook is gone.
                    couriers.retain(|_, courier| !courier.is_finished());
                }
                changed = published.changed() => if changed.is_err() { return },
                _ = draining.wait_for(|draining| *draining) => return,
            }
        }
    }

    /// Makes sure that each webhook has a place in the record: a new one begins at its end.
    ///
    /// # Errors
    /// Where the store does not keep it.
    pub async fn keep(&self) -> Result<(), WebhookError> {
        let mut kept = self.kept.lock().await;
        let wanted = self.wanted();
        if kept.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let keys: Vec<_> = wanted.iter().cloned().collect();
        let (store, end) = (Arc::clone(&self.store), *self.ledger.length().borrow());
        tokio::task::spawn_blocking(move || store.keep_webhooks(&keys, end)).await??;
        *kept = Some(wanted);
        Ok(())
    }

    /// How the webhooks of an organization fare, in its order. Blocks on the store.
    ///
    /// # Errors
    /// Where the store does not say.
    pub fn status(&self, organization: &str) -> Result<Vec<Status>, StoreError> {
        let Some(resource) = self.organization(organization) else {
            return Ok(Vec::new());
        };
        let length = *self.ledger.length().borrow();
        let of = |webhook: admin::Webhook| {
            let state = self.store.webhook((organization, &webhook.id))?;
            let mut state = state.unwrap_or_default();
            let key = (organization.to_owned(), webhook.id.clone());
            let read = self.positions().get(&key).copied();
            state.position = state.position.max(read.unwrap_or_default());
            Ok(Status {
                webhook,
                is_stopped: !state.stopped_etag.is_empty() && state.stopped_etag == resource.etag,
                state,
                length,
            })
        };
        resource.webhooks.iter().cloned().map(of).collect()
    }

    /// An organization, if it is stored.
    fn organization(&self, name: &str) -> Option<admin::Organization> {
        match self.registry.find(Kind::Organization, name) {
            Ok(Resource::Organization(organization)) => Some(organization),
            Ok(_) | Err(_) => None,
        }
    }

    /// A webhook as it is now, and the etag of its organization.
    fn find(&self, organization: &str, id: &str) -> Option<(admin::Webhook, String)> {
        let organization = self.organization(organization)?;
        let mut webhooks = organization.webhooks.into_iter();
        let webhook = webhooks.find(|webhook| webhook.id == id)?;
        Some((webhook, organization.etag))
    }

    /// Every webhook there is.
    fn wanted(&self) -> BTreeSet<Key> {
        let organizations = self.registry.list(Kind::Organization).into_iter();
        let mut keys = BTreeSet::new();
        for resource in organizations {
            if let Resource::Organization(it) = resource {
                let ids = it.webhooks.into_iter().map(|webhook| webhook.id);
                keys.extend(ids.map(|id| (it.name.clone(), id)));
            }
        }
        keys
    }

    fn positions(&self) -> MutexGuard<'_, BTreeMap<Key, u64>> {
        // Numbers are put in whole, so a panic leaves them as they were.
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
