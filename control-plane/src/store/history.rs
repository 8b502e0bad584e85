//! Every published snapshot: its manifest, who signed and caused it, and what it was built from.
//!
//! A resource's content is a row for the versions in which it was so, not one for each version: a
//! change costs what changed. Sections are made of resources, so only the newest ones are kept.

use std::{cmp::Ordering, collections::BTreeSet};

use chancery_proto::policy::v1::Signature;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError, Transaction, integer, stored_resource};
use crate::{
    access::Place,
    registry::Doing,
    resource::{Kind, Resource},
    snapshot::{Sections, Snapshot},
};

/// What the store got when it began to keep versions.
pub(super) const TABLES: &str = "
CREATE TABLE resource_versions (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  first_version INTEGER NOT NULL,
  end_version INTEGER,
  content BLOB NOT NULL,
  PRIMARY KEY (kind, name, first_version)
) STRICT;
CREATE UNIQUE INDEX resource_versions_in_force
  ON resource_versions (kind, name) WHERE end_version IS NULL;
CREATE TABLE publications (
  version INTEGER PRIMARY KEY REFERENCES snapshots,
  author TEXT NOT NULL,
  cause TEXT NOT NULL
) STRICT;
CREATE TABLE snapshot_signatures (
  version INTEGER NOT NULL REFERENCES snapshots,
  key_id TEXT NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (version, key_id)
) STRICT;
INSERT INTO resource_versions
  SELECT kind, name, (SELECT coalesce(max(version), 0) FROM snapshots), NULL, content FROM resources;
INSERT INTO publications
  SELECT max(version), '', 'before versions were kept' FROM snapshots HAVING max(version) IS NOT NULL;
";

/// What changed when sections were no longer listed for each version: all that are kept are those of
/// the newest.
pub(super) const SECTIONS_OF_NEWEST: &str = "
DELETE FROM sections WHERE digest NOT IN
  (SELECT digest FROM snapshot_sections WHERE version = (SELECT max(version) FROM snapshots));
DROP TABLE snapshot_sections;
";

/// A snapshot and whose doing it is.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'p> {
    /// The snapshot.
    pub snapshot: &'p Snapshot,
    /// The sections of the one before it, which are those that are kept. `None`: there was none.
    pub before: Option<&'p Sections>,
    /// Whose doing.
    pub author: &'p str,
    /// What led to it.
    pub cause: &'p str,
}

impl<'p> Publication<'p> {
    /// A snapshot that is somebody's doing.
    pub fn new(snapshot: &'p Snapshot, before: Option<&'p Sections>, doing: Doing<'p>) -> Self {
        let Doing { author, cause } = doing;
        Self {
            snapshot,
            before,
            author,
            cause,
        }
    }
}

/// A snapshot that was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Its version in the store's epoch.
    pub version: u64,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Signatures over them.
    pub signatures: Vec<Signature>,
    /// Whose doing.
    pub author: String,
    /// What led to it.
    pub cause: String,
}

/// Writes a publication, and what its resources are from now on.
pub(super) fn publish(
    transaction: &Connection,
    change: &Transaction<'_>,
    publication: Publication<'_>,
) -> Result<(), StoreError> {
    let Publication {
        snapshot,
        before,
        author,
        cause,
    } = publication;
    let version = integer(snapshot.version);
    transaction.execute(
        "INSERT INTO snapshots (version, manifest) VALUES (?1, ?2)",
        params![version, snapshot.manifest],
    )?;
    transaction.execute(
        "INSERT INTO publications (version, author, cause) VALUES (?1, ?2, ?3)",
        params![version, author, cause],
    )?;
    for Signature { key_id, signature } in &snapshot.signatures {
        transaction.execute(
            "INSERT INTO snapshot_signatures (version, key_id, signature) VALUES (?1, ?2, ?3)",
            params![version, key_id, signature],
        )?;
    }
    replace_sections(transaction, before, &snapshot.sections)?;
    let put = change.put.iter();
    let keys = put.map(|resource| (resource.kind(), resource.name()));
    for (kind, name) in keys.chain(change.delete.iter().copied()) {
        transaction.execute(
            "UPDATE resource_versions SET end_version = ?3
             WHERE kind = ?1 AND name = ?2 AND end_version IS NULL",
            params![kind.collection(), name, version],
        )?;
    }
    for resource in &change.put {
        transaction.execute(
            "INSERT INTO resource_versions (kind, name, first_version, content) VALUES (?1, ?2, ?3, ?4)",
            params![
                resource.kind().collection(),
                resource.name(),
                version,
                resource.encode()
            ],
        )?;
    }
    Ok(())
}

/// What was in the snapshot before is there; only what differs is written.
fn replace_sections(
    transaction: &Connection,
    before: Option<&Sections>,
    sections: &Sections,
) -> Result<(), StoreError> {
    let mut delete = transaction.prepare_cached("DELETE FROM sections WHERE digest = ?1")?;
    let insert = "INSERT OR IGNORE INTO sections (digest, content) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(insert)?;
    let (mut old, mut new) = (
        before.into_iter().flatten().peekable(),
        sections.iter().peekable(),
    );
    // Both are in the order of their digests.
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = old.next_if(|_| order.is_le());
        let here = new.next_if(|_| order.is_ge());
        match (gone, here) {
            (Some((digest, _)), None) => {
                delete.execute([digest.as_slice()])?;
            }
            (None, Some((digest, content))) => {
                insert.execute(params![digest.as_slice(), &**content])?;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

impl Store {
    /// At most `count` published snapshots before a version, the newest first.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn published_before(
        &self,
        version: u64,
        count: usize,
    ) -> Result<Vec<Published>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT version, manifest, coalesce(author, ''), coalesce(cause, '')
             FROM snapshots LEFT JOIN publications USING (version)
             WHERE version < ?1 ORDER BY version DESC LIMIT ?2",
        )?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![integer(version), count], |row| {
            Ok(Published {
                version: row.get::<_, i64>(0)?.unsigned_abs(),
                manifest: row.get(1)?,
                signatures: Vec::new(),
                author: row.get(2)?,
                cause: row.get(3)?,
            })
        })?;
        let mut published = rows.collect::<Result<Vec<_>, _>>()?;
        let mut statement = connection.prepare(
            "SELECT key_id, signature FROM snapshot_signatures WHERE version = ?1 ORDER BY key_id",
        )?;
        for one in &mut published {
            let rows = statement.query_map([integer(one.version)], |row| {
                Ok(Signature {
                    key_id: row.get(0)?,
                    signature: row.get(1)?,
                })
            })?;
            one.signatures = rows.collect::<Result<_, _>>()?;
        }
        Ok(published)
    }

    /// The ids of all organizations that ever had a resource.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn organizations(&self) -> Result<BTreeSet<String>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT DISTINCT name FROM resource_versions")?;
        let mut rows = statement.query([])?;
        let mut organizations = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let place = Place::of(&name);
            organizations.extend(place.map(|place| place.organization.to_owned()));
        }
        Ok(organizations)
    }

    /// A resource as it was last, whether or not it is there now; `None` where it never was.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn last_version_of(&self, kind: Kind, name: &str) -> Result<Option<Resource>, StoreError> {
        let content = self.connection().query_row(
            "SELECT content FROM resource_versions WHERE kind = ?1 AND name = ?2
             ORDER BY first_version DESC LIMIT 1",
            params![kind.collection(), name],
            |row| row.get::<_, Vec<u8>>(0),
        );
        let content = content.optional()?;
        content
            .map(|content| stored_resource(kind.collection(), &content))
            .transpose()
    }

    /// What a version was built from; `None` where it is not known.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn resources_of(&self, version: u64) -> Result<Option<Vec<Resource>>, StoreError> {
        let connection = self.connection();
        let version = integer(version);
        let is_kept = connection
            .query_row(
                "SELECT 1 FROM publications WHERE version = ?1",
                [version],
                |_| Ok(()),
            )
            .optional()?;
        if is_kept.is_none() {
            return Ok(None);
        }
        let mut statement = connection.prepare(
            "SELECT kind, content FROM resource_versions
             WHERE first_version <= ?1 AND (end_version IS NULL OR end_version > ?1)",
        )?;
        let rows = statement.query_map([version], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut resources = Vec::new();
        for row in rows {
            let (collection, content) = row?;
            resources.push(stored_resource(&collection, &content)?);
        }
        Ok(Some(resources))
    }
}
