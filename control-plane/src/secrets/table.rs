//! The table of sealed secrets.

use std::collections::BTreeMap;

use chancery_engine::secret::Secret;
use rusqlite::{Connection, Row, Transaction, params};

use super::{Place, Purpose, Sealed};
use crate::store::{Store, StoreError, integer};

/// A sealing key as an earlier control plane kept it: whose, since when, and the key.
pub(super) type PlainKey = (String, u64, Secret);

impl Store {
    /// The sealed secrets of one owner, the newest first.
    pub(super) fn secrets(&self, purpose: Purpose, name: &str) -> Result<Vec<Sealed>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT purpose, name, create_seconds, key_id, data_key, content FROM secrets
             WHERE purpose = ?1 AND name = ?2 ORDER BY create_seconds DESC",
        )?;
        let rows = statement.query_map(params![purpose.as_str(), name], columns)?;
        rows.map(|row| sealed(row?)).collect()
    }

    /// Adds an owner's newest secret, unless one was made after `unless_after_seconds`, and
    /// forgets all but the newest `kept`.
    pub(super) fn add_secret(
        &self,
        sealed: &Sealed,
        unless_after_seconds: u64,
        kept: u32,
    ) -> Result<(), StoreError> {
        let Place { purpose, name, .. } = &sealed.place;
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let newest: Option<i64> = transaction.query_row(
            "SELECT max(create_seconds) FROM secrets WHERE purpose = ?1 AND name = ?2",
            params![purpose.as_str(), name],
            |row| row.get(0),
        )?;
        if newest.is_none_or(|newest| newest.unsigned_abs() <= unless_after_seconds) {
            put_secret(&transaction, sealed)?;
        }
        transaction.execute(
            "DELETE FROM secrets WHERE purpose = ?1 AND name = ?2 AND create_seconds NOT IN (
               SELECT create_seconds FROM secrets WHERE purpose = ?1 AND name = ?2
               ORDER BY create_seconds DESC LIMIT ?3)",
            params![purpose.as_str(), name, kept],
        )?;
        Ok(transaction.commit()?)
    }

    /// How many secrets each store key wraps.
    pub(super) fn secrets_by_key(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT key_id, count(*) FROM secrets GROUP BY key_id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Some of the secrets that another store key wraps.
    pub(super) fn secrets_not_under(
        &self,
        key_id: &str,
        at_most: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT purpose, name, create_seconds, key_id, data_key, content FROM secrets
             WHERE key_id <> ?1 LIMIT ?2",
        )?;
        let rows = statement.query_map(params![key_id, at_most], columns)?;
        rows.map(|row| sealed(row?)).collect()
    }

    /// Puts newly wrapped data keys in place. A secret that was replaced meanwhile stays as it is.
    pub(super) fn rewrap_secrets(&self, rewrapped: &[(String, Sealed)]) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for (earlier, sealed) in rewrapped {
            transaction.execute(
                "UPDATE secrets SET key_id = ?1, data_key = ?2
                 WHERE purpose = ?3 AND name = ?4 AND create_seconds = ?5
                   AND key_id = ?6 AND content = ?7",
                params![
                    sealed.key_id,
                    sealed.data_key,
                    sealed.place.purpose.as_str(),
                    sealed.place.name,
                    integer(sealed.place.create_seconds),
                    earlier,
                    sealed.content,
                ],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// The sealing keys that an earlier control plane kept as they were.
    pub(super) fn plain_sealing_keys(&self) -> Result<Vec<PlainKey>, StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT organization, create_seconds, key FROM sealing_keys")?;
        let rows = statement.query_map([], |row| {
            let key = Secret::new(row.get::<_, Vec<u8>>(2)?);
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), key))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Puts sealed keys in the place of the plain ones, of which nothing is left in any file.
    pub(super) fn replace_plain_sealing_keys(&self, sealed: &[Sealed]) -> Result<(), StoreError> {
        if sealed.is_empty() {
            return Ok(());
        }
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for sealed in sealed {
            put_secret(&transaction, sealed)?;
        }
        transaction.execute("DELETE FROM sealing_keys", [])?;
        transaction.commit()?;
        // Pages that were freed before `secure_delete`, and the log that still has the old ones.
        connection.execute_batch("VACUUM")?;
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(connection.query_row(truncate, [], |_row| Ok(()))?)
    }
}

/// Puts a sealed secret in its place.
pub(crate) fn put_secret(
    transaction: &Transaction<'_>,
    sealed: &Sealed,
) -> Result<(), rusqlite::Error> {
    transaction.execute(
        "INSERT OR REPLACE INTO secrets
           (purpose, name, create_seconds, key_id, data_key, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            sealed.place.purpose.as_str(),
            sealed.place.name,
            integer(sealed.place.create_seconds),
            sealed.key_id,
            sealed.data_key,
            sealed.content,
        ],
    )?;
    Ok(())
}

/// Forgets every secret of an owner.
pub(crate) fn delete_secrets(
    connection: &Connection,
    purpose: Purpose,
    name: &str,
) -> Result<(), rusqlite::Error> {
    connection.execute(
        "DELETE FROM secrets WHERE purpose = ?1 AND name = ?2",
        params![purpose.as_str(), name],
    )?;
    Ok(())
}

type Columns = (String, String, i64, String, Vec<u8>, Vec<u8>);

fn columns(row: &Row<'_>) -> Result<Columns, rusqlite::Error> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn sealed(columns: Columns) -> Result<Sealed, StoreError> {
    let (purpose, name, create_seconds, key_id, data_key, content) = columns;
    let purpose = Purpose::from_word(&purpose);
    let purpose = purpose.ok_or(StoreError::Corrupt { what: "a secret" })?;
    Ok(Sealed {
        place: Place {
            purpose,
            name,
            create_seconds: create_seconds.unsigned_abs(),
        },
        key_id,
        data_key,
        content,
    })
}
