//! Takes what changes leave in the store's outbox to the log.
//!
//! An entry is written in the transaction of the change that it is about, so neither is without the
//! other. It is forgotten when the log says that it is durable; sent again after a crash in between,
//! it is known to the log by its id.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{
    ledger::{Batch, Ledger, LedgerError},
    store::{Store, StoreError},
};

/// Why entries wait.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Ledger(#[from] Arc<LedgerError>),
    /// A task of ours.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// The way from the store to the log.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<Store>,
    ledger: Arc<Ledger>,
    /// One at a time: the log takes ids in their order alone.
    turn: Mutex<()>,
}

impl Outbox {
    /// Makes sure that what is written from now on is new to the log.
    ///
    /// # Errors
    /// Where the store cannot be.
    pub fn open(store: Arc<Store>, ledger: Arc<Ledger>) -> Result<Self, StoreError> {
        store.raise_outbox(ledger.own_height(&instance(store.epoch())))?;
        Ok(Self {
            store,
            ledger,
            turn: Mutex::new(()),
        })
    }

    /// Sends all that waits, and returns once the log has it.
    ///
    /// # Errors
    /// Where it does not. What waits stays then, for the next time.
    pub async fn drain(&self) -> Result<(), OutboxError> {
        let _turn = self.turn.lock().await;
        let store = Arc::clone(&self.store);
        let entries = tokio::task::spawn_blocking(move || store.outbox()).await??;
        let Some((last, _)) = entries.last() else {
            return Ok(());
        };
        let last = *last;
        let source = (String::new(), instance(self.store.epoch()));
        self.ledger.append(Batch { source, entries }).await?;
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.clear_outbox(last)).await??;
        Ok(())
    }
}

/// Under which instance id the log keeps the entries of a store: another store counts anew.
fn instance(epoch: u64) -> Vec<u8> {
    epoch.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chancery_proto::audit::v1::RecordFilter;

    use super::*;
    use crate::{ledger::Filter, store::Transaction};

    fn open(folder: &Path) -> (Outbox, Arc<Store>, Arc<Ledger>) {
        let store = Arc::new(Store::open(&folder.join("store.sqlite"), 7).unwrap());
        let ledger = Arc::new(Ledger::open(&folder.join("ledger")).unwrap());
        let outbox = Outbox::open(Arc::clone(&store), Arc::clone(&ledger)).unwrap();
        (outbox, store, ledger)
    }

    fn commit(store: &Store, entry: &str) {
        let change = Transaction {
            entries: vec![entry.as_bytes().to_vec()],
            ..Transaction::default()
        };
        store.commit(&change).unwrap();
    }

    fn recorded(ledger: &Ledger) -> Vec<String> {
        let length = *ledger.length().borrow();
        let all = Filter::new(RecordFilter::default()).unwrap();
        let records = ledger.range(&all, 0, length).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        records.into_iter().map(|r| text(r.record.entry)).collect()
    }

    // Each is an `Entry` of one field, `decision_id`.
    const FIRST: &str = "\u{1a}\u{1}a";
    const SECOND: &str = "\u{1a}\u{1}b";

    #[tokio::test]
    async fn a_crash_between_commit_and_append_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, store, ledger) = open(folder.path());
        commit(&store, FIRST);
        // It dies here, before anything was sent.
        drop((outbox, store, ledger));
        let (outbox, store, ledger) = open(folder.path());
        outbox.drain().await.unwrap();
        assert_eq!(recorded(&ledger), [FIRST]);
        assert_eq!(store.outbox().unwrap(), []);
    }

    #[tokio::test]
    async fn a_crash_between_append_and_forgetting_records_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, store, ledger) = open(folder.path());
        commit(&store, FIRST);
        let source = (String::new(), instance(7));
        let entries = store.outbox().unwrap();
        ledger.append(Batch { source, entries }).await.unwrap();
        // It dies here: the log has it, the store does not know.
        drop((outbox, store, ledger));
        let (outbox, store, ledger) = open(folder.path());
        outbox.drain().await.unwrap();
        assert_eq!(recorded(&ledger), [FIRST]);
        commit(&store, SECOND);
        outbox.drain().await.unwrap();
        assert_eq!(recorded(&ledger), [FIRST, SECOND]);
    }

    #[tokio::test]
    async fn a_store_from_a_backup_records_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, store, ledger) = open(folder.path());
        commit(&store, FIRST);
        outbox.drain().await.unwrap();
        drop((outbox, store, ledger));
        for file in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
            drop(std::fs::remove_file(folder.path().join(file)));
        }
        let (outbox, store, ledger) = open(folder.path());
        commit(&store, SECOND);
        outbox.drain().await.unwrap();
        assert_eq!(recorded(&ledger), [FIRST, SECOND]);
    }
}
