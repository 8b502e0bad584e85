//! The index of the record: what finds records without reading the log.
//!
//! It follows the log and is made of it alone, so that it may be deleted. Each part of the log is
//! one transaction, with how far the index then is. What is found is read in the log and asked again,
//! so the index can name too much and never gives too much; what it does not have yet is read in the
//! log, so nothing is missing that is durable.

mod draft;
mod find;
mod forget;
mod narrow;
mod places;
mod tables;
mod token;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prost_types::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::watch;

pub use self::find::{Found, Order};
use self::{draft::Draft, tables::Progress};
use super::{Follower, Ledger, LedgerError};

/// How long to wait for more records before they are indexed.
const GATHERED_FOR: Duration = Duration::from_millis(100);

/// How long to wait before a disk is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Most connections that are kept for readers.
const MAX_IDLE: usize = 4;

/// Why the index did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// SQLite.
    #[error("the index of the record: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Readers keep it from forgetting.
    #[error(
        "the index of the record is being read: what is forgotten is still in its file; try again"
    )]
    Busy,
    /// The log.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file of the index.
    #[error("the index of the record at {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl IndexError {
    /// Whether what is in the file is no index.
    fn is_corrupt(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        let code = error.sqlite_error_code();
        matches!(
            code,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
    }
}

/// How far the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Horizon {
    /// What is before this position is in it.
    pub position: u64,
    /// When the control plane took in the last of that.
    pub time: Option<Timestamp>,
}

/// The index of a log.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    ledger: Arc<Ledger>,
    /// The one that writes.
    draft: Mutex<Draft>,
    /// Reads the log from what is committed on.
    committed: Mutex<Follower>,
    idle: Mutex<Vec<Connection>>,
    horizon: watch::Sender<Horizon>,
}

impl Index {
    /// Opens the index at a path, or begins it: also where it is of another log, of a log that was
    /// longer, or cannot be read.
    ///
    /// # Errors
    /// Where it can neither be opened nor begun.
    pub fn open(path: &Path, ledger: Arc<Ledger>) -> Result<Self, IndexError> {
        let opened = tables::open(path).and_then(|connection| {
            let progress = Progress::read(&connection)?;
            Ok((connection, progress))
        });
        let (connection, progress) = match opened {
            Ok((connection, progress)) if places::agrees(&progress, &ledger)? => {
                (connection, progress)
            }
            not_of_it => {
                if let Err(error) = not_of_it {
                    tracing::warn!(%error, "the index of the record is begun anew");
                } else {
                    tracing::warn!("the index is not of this record, and is begun anew");
                }
                remove(path)?;
                (tables::open(path)?, Progress::default())
            }
        };
        let follower = Follower::new(progress.position);
        let (horizon, _) = watch::channel(progress.horizon());
        Ok(Self {
            path: path.to_owned(),
            ledger,
            draft: Mutex::new(Draft::new(connection)),
            committed: Mutex::new(follower),
            idle: Mutex::default(),
            horizon,
        })
    }

    /// How far it is, and every later horizon.
    pub fn horizon(&self) -> watch::Receiver<Horizon> {
        self.horizon.subscribe()
    }

    /// The log that it follows.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Indexes the next part of the log; false where there is none by now. Blocks on the disk.
    ///
    /// # Errors
    /// Where the log cannot be read or the part not be written; nothing of it is indexed then.
    pub fn advance(&self) -> Result<bool, IndexError> {
        let mut draft = lock(&self.draft);
        let advanced = self.advance_with(&mut draft);
        if let Err(error) = &advanced
            && error.is_corrupt()
        {
            tracing::error!(%error, "the index of the record is begun anew");
            self.begin_anew(&mut draft)?;
            return Ok(true);
        }
        advanced
    }

    /// Puts an empty index in the place of one that cannot be read.
    fn begin_anew(&self, draft: &mut Draft) -> Result<(), IndexError> {
        // Readers that are at it go on with the file that they have.
        lock(&self.idle).clear();
        remove(&self.path)?;
        *draft = Draft::new(tables::open(&self.path)?);
        *lock(&self.committed) = Follower::new(0);
        self.horizon.send_replace(Horizon::default());
        Ok(())
    }

    fn advance_with(&self, draft: &mut Draft) -> Result<bool, IndexError> {
        let mut follower = lock(&self.committed).clone();
        let before = follower.position();
        let part = follower.read_placed(&self.ledger)?;
        if follower.position() == before {
            return Ok(false);
        }
        let progress = draft.add(&part, follower.position())?;
        *lock(&self.committed) = follower;
        self.horizon.send_replace(progress.horizon());
        Ok(true)
    }

    /// Follows the log until told to stop, or the log ends.
    pub async fn run(self: Arc<Self>, mut draining: watch::Receiver<bool>) {
        let mut length = self.ledger.length();
        while !*draining.borrow() {
            length.mark_unchanged();
            let index = Arc::clone(&self);
            let advanced = tokio::task::spawn_blocking(move || index.advance()).await;
            match advanced {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => {
                    tokio::select! {
                        changed = length.changed() => if changed.is_err() { return },
                        _ = draining.wait_for(|draining| *draining) => return,
                    }
                    tokio::time::sleep(GATHERED_FOR).await;
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "the record is not indexed for now");
                    pause(&mut draining).await;
                }
                Err(error) => {
                    tracing::error!(%error, "a part of the record could not be indexed");
                    pause(&mut draining).await;
                }
            }
        }
    }

    /// Runs a question on a connection of its own.
    fn reading<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let kept = lock(&self.idle).pop();
        let connection = kept.map_or_else(|| tables::open_to_read(&self.path), Ok)?;
        let answer = {
            let transaction = connection.unchecked_transaction()?;
            let answer = ask(&transaction)?;
            transaction.commit()?;
            answer
        };
        let mut idle = lock(&self.idle);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        Ok(answer)
    }
}

/// Waits before a disk is tried again, or until told to stop.
async fn pause(draining: &mut watch::Receiver<bool>) {
    let told = draining.wait_for(|draining| *draining);
    drop(tokio::time::timeout(AGAIN_AFTER, told).await);
}

/// What is behind these locks is whole even where somebody panicked: transactions are rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes an index with what SQLite keeps beside it.
fn remove(path: &Path) -> Result<(), IndexError> {
    for beside in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        let path = PathBuf::from(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(IndexError::Io { path, error }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
