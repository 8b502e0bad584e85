//! The embedded store: SQLite in WAL mode, synchronous in full.

mod drifts;
mod history;
mod key_sets;
mod node_policy;
mod outbox;
mod proposal;
mod shadows;
mod webhooks;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_proto::admin::v1::{DriftId, Proposal, Rejection};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

pub use self::{
    history::{Publication, Published},
    key_sets::{ADMINISTRATORS, IssuerKeySet, KeySource},
    webhooks::{Told, WebhookState},
};
use crate::{
    resource::{Kind, Resource},
    secrets::{self, Purpose, Sealed},
    snapshot::{Sections, Snapshot},
};

/// What makes each version of the schema of the one before. The version, kept in `user_version`, is
/// how many of them were run.
const SCHEMA: [&str; 13] = [
    "
CREATE TABLE store (epoch INTEGER NOT NULL) STRICT;
CREATE TABLE resources (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT;
CREATE TABLE snapshots (
  version INTEGER PRIMARY KEY,
  manifest BLOB NOT NULL
) STRICT;
CREATE TABLE sections (
  digest BLOB PRIMARY KEY,
  content BLOB NOT NULL
) STRICT;
CREATE TABLE snapshot_sections (
  version INTEGER NOT NULL REFERENCES snapshots,
  digest BLOB NOT NULL REFERENCES sections,
  PRIMARY KEY (version, digest)
) STRICT;
",
    "
CREATE TABLE sealing_keys (
  organization TEXT NOT NULL,
  create_seconds INTEGER NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY (organization, create_seconds)
) STRICT;
",
    // `sealing_keys` held them as they were; it stays, and stays empty.
    "
CREATE TABLE secrets (
  purpose TEXT NOT NULL,
  name TEXT NOT NULL,
  create_seconds INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  data_key BLOB NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (purpose, name, create_seconds)
) STRICT;
CREATE INDEX secrets_by_key ON secrets (key_id);
",
    history::TABLES,
    key_sets::TABLES,
    outbox::TABLES,
    proposal::TABLES,
    node_policy::TABLES,
    // Who has seen what; it made place for `drifts`.
    "
CREATE TABLE sightings (
  server TEXT NOT NULL,
  what TEXT NOT NULL,
  pin BLOB NOT NULL,
  principal TEXT NOT NULL,
  PRIMARY KEY (server, what, pin, principal)
) STRICT;
",
    history::SECTIONS_OF_NEWEST,
    drifts::TABLES,
    webhooks::TABLES,
    shadows::TABLES,
];

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A store of a newer control plane.
    #[error(
        "the store has schema version {found}, this control plane knows up to {}; start the newer one",
        SCHEMA.len()
    )]
    Newer {
        /// What it has.
        found: i64,
    },
    /// A row that cannot be read.
    #[error("the store holds {what} that cannot be read")]
    Corrupt {
        /// What.
        what: &'static str,
    },
}

/// A change to the resources, made whole or not at all.
#[derive(Debug, Default)]
pub struct Transaction<'t> {
    /// Written as they are.
    pub put: Vec<&'t Resource>,
    /// Removed.
    pub delete: Vec<(Kind, &'t str)>,
    /// Sealed secrets, each in the place of all that its owner had before.
    pub secrets: Vec<&'t Sealed>,
    /// Owners whose secrets are forgotten.
    pub forget: Vec<(Purpose, &'t str)>,
    /// Published with the change.
    pub publication: Option<Publication<'t>>,
    /// An issuer's keys, in the place of those before.
    pub key_set: Option<&'t IssuerKeySet>,
    /// The fingerprint of the policy that nodes are offered snapshots by from now on.
    pub node_policy: Option<&'t str>,
    /// A proposal as it is from now on.
    pub proposal: Option<&'t Proposal>,
    /// Versions of what servers define that are not to be approved, each by its server's name.
    pub rejections: Vec<(&'t str, DriftId, Rejection)>,
    /// Entries for the record, which say what was changed and by whom.
    pub entries: Vec<Vec<u8>>,
}

/// The store.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    epoch: u64,
}

impl Store {
    /// Opens a store, or makes one with this epoch.
    ///
    /// # Errors
    /// Where SQLite does not, or the store is newer than this control plane.
    pub fn open(path: &Path, new_epoch: u64) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        // What is deleted is gone: it may be a secret.
        connection.pragma_update(None, "secure_delete", "ON")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let done = usize::try_from(found).unwrap_or(0);
        let Some(steps) = SCHEMA.get(done..) else {
            return Err(StoreError::Newer { found });
        };
        for step in steps {
            transaction.execute_batch(step)?;
        }
        if done == 0 {
            transaction.execute("INSERT INTO store VALUES (?1)", [integer(new_epoch)])?;
        }
        if !steps.is_empty() {
            let version = i64::try_from(SCHEMA.len()).unwrap_or(i64::MAX);
            transaction.pragma_update(None, "user_version", version)?;
        }
        transaction.commit()?;
        let epoch: i64 = connection.query_row("SELECT epoch FROM store", [], |row| row.get(0))?;
        Ok(Self {
            connection: Mutex::new(connection),
            epoch: epoch.unsigned_abs(),
        })
    }

    /// Begins another epoch, so that every version from now on is above all before it: for a store from a
    /// backup, whose nodes have seen more than it has.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn begin_epoch(path: &Path, now_seconds: u64) -> Result<u64, StoreError> {
        let store = Self::open(path, now_seconds)?;
        let epoch = now_seconds.max(store.epoch.saturating_add(1));
        let connection = store.connection();
        connection.execute("UPDATE store SET epoch = ?1", [integer(epoch)])?;
        drop(connection);
        Ok(epoch)
    }

    /// Copies a store, also while a control plane works with it.
    ///
    /// # Errors
    /// Where SQLite does not, or there is something at `to`.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(from, flags)?;
        connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    }

    /// When the store was made, in seconds since the Unix epoch: the first half of a version.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction has rolled it back; the connection is as good as before.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Every resource.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn resources(&self) -> Result<Vec<Resource>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT kind, content FROM resources")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut resources = Vec::new();
        for row in rows {
            let (collection, content) = row?;
            resources.push(stored_resource(&collection, &content)?);
        }
        Ok(resources)
    }

    /// The newest published snapshot.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn newest_snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let connection = self.connection();
        let newest = connection
            .query_row(
                "SELECT version, manifest FROM snapshots ORDER BY version DESC LIMIT 1",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )
            .optional()?;
        let Some((version, manifest)) = newest else {
            return Ok(None);
        };
        let mut statement = connection.prepare("SELECT digest, content FROM sections")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut sections = Sections::new();
        for row in rows {
            let (digest, content) = row?;
            let digest = digest.try_into();
            let digest = digest.map_err(|_length| StoreError::Corrupt { what: "a section" })?;
            sections.insert(digest, content.into());
        }
        Ok(Some(Snapshot {
            epoch: self.epoch,
            version: version.unsigned_abs(),
            manifest,
            signatures: Vec::new(),
            sections: Arc::new(sections),
            warnings: Vec::new(),
        }))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// Where SQLite does not; nothing is changed then.
    pub fn commit(&self, change: &Transaction<'_>) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for resource in &change.put {
            transaction.execute(
                "INSERT OR REPLACE INTO resources (kind, name, content) VALUES (?1, ?2, ?3)",
                params![
                    resource.kind().collection(),
                    resource.name(),
                    resource.encode()
                ],
            )?;
        }
        for (kind, name) in &change.delete {
            transaction.execute(
                "DELETE FROM resources WHERE kind = ?1 AND name = ?2",
                params![kind.collection(), name],
            )?;
        }
        for Sealed { place, .. } in &change.secrets {
            secrets::delete_secrets(&transaction, place.purpose, &place.name)?;
        }
        for sealed in &change.secrets {
            secrets::put_secret(&transaction, sealed)?;
        }
        for (purpose, name) in &change.forget {
            secrets::delete_secrets(&transaction, *purpose, name)?;
        }
        if let Some(publication) = change.publication {
            history::publish(&transaction, change, publication)?;
        }
        if let Some(set) = change.key_set {
            key_sets::put(&transaction, set)?;
        }
        if let Some(fingerprint) = change.node_policy {
            node_policy::put(&transaction, fingerprint)?;
        }
        if let Some(proposal) = change.proposal {
            proposal::put(&transaction, proposal)?;
        }
        for rejection in &change.rejections {
            drifts::reject(&transaction, rejection)?;
        }
        for entry in &change.entries {
            transaction.execute("INSERT INTO outbox (entry) VALUES (?1)", [entry])?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// A resource of a row.
fn stored_resource(collection: &str, content: &[u8]) -> Result<Resource, StoreError> {
    let kind = Kind::ALL
        .iter()
        .find(|kind| kind.collection() == collection);
    let resource = kind.and_then(|kind| Resource::decode(*kind, content).ok());
    resource.ok_or(StoreError::Corrupt { what: "a resource" })
}

/// SQLite's integers are signed; no version or epoch comes near their end.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_the_first_schema_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(SCHEMA[0]).unwrap();
        old.execute("INSERT INTO store VALUES (7)", []).unwrap();
        for version in [1, 2] {
            let row = "INSERT INTO snapshots VALUES (?1, x'')";
            old.execute(row, [version]).unwrap();
        }
        let rule = Resource::Rule(chancery_proto::admin::v1::Rule {
            name: "organizations/o/rules/r".to_owned(),
            ..chancery_proto::admin::v1::Rule::default()
        });
        let row = "INSERT INTO resources VALUES ('rules', ?1, ?2)";
        old.execute(row, params![rule.name(), rule.encode()])
            .unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let store = Store::open(&path, 9).unwrap();
        assert_eq!(store.epoch(), 7);
        // Of what the newest was built is known, of those before it is not.
        assert_eq!(store.resources_of(2).unwrap(), Some(vec![rule.clone()]));
        assert_eq!(store.resources_of(1).unwrap(), None);
        assert_eq!(store.published_before(9, 9).unwrap().len(), 2);
        assert_eq!(store.resources().unwrap(), [rule]);

        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        drop(newer);
        let refused = Store::open(&path, 9);
        assert!(matches!(refused, Err(StoreError::Newer { found: 99 })));
    }
}
