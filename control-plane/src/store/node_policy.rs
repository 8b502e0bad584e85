//! Which nodes served what, when a snapshot was last published because of it.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Store, StoreError};

/// What the store got when it began to notice that nodes serve something else: one row at most.
pub(super) const TABLES: &str = "
CREATE TABLE node_policy (fingerprint TEXT NOT NULL) STRICT;
";

/// Takes the place of the one before.
pub(super) fn put(connection: &Connection, fingerprint: &str) -> Result<(), StoreError> {
    connection.execute("DELETE FROM node_policy", [])?;
    connection.execute("INSERT INTO node_policy VALUES (?1)", [fingerprint])?;
    Ok(())
}

impl Store {
    /// The fingerprint of the policy that nodes were last offered snapshots by.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn node_policy(&self) -> Result<Option<String>, StoreError> {
        let connection = self.connection();
        let select = "SELECT fingerprint FROM node_policy";
        let found = connection.query_row(select, [], |row| row.get(0));
        Ok(found.optional()?)
    }
}
