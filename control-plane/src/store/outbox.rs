//! Entries for the record that wait in the store.

use rusqlite::OptionalExtension as _;

use super::{Store, StoreError, integer};

/// What the store got when changes began to be recorded with themselves. An id is never given
/// twice: the log knows by it what it has.
pub(super) const TABLES: &str = "
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  entry BLOB NOT NULL
) STRICT;
";

impl Store {
    /// Entries that are not known to be in the log yet, oldest first, with their ids.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn outbox(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT id, entry FROM outbox ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets entries up to an id: the log has them.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn clear_outbox(&self, up_to: u64) -> Result<(), StoreError> {
        let connection = self.connection();
        connection.execute("DELETE FROM outbox WHERE id <= ?1", [integer(up_to)])?;
        Ok(())
    }

    /// Makes sure that no id up to this one is given again, as a store from a backup would.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn raise_outbox(&self, up_to: u64) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let newest: Option<i64> = transaction
            .query_row(
                "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'",
                [],
                |row| row.get(0),
            )
            .optional()?;
        if newest.unwrap_or(0).unsigned_abs() < up_to {
            // Entries that wait have ids that the log would take for others'.
            // By way of negative ids, which are in nobody's place.
            transaction.execute("UPDATE outbox SET id = -id", [])?;
            transaction.execute("UPDATE outbox SET id = ?1 - id", [integer(up_to)])?;
            transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'outbox'", [])?;
            let waiting: i64 =
                transaction.query_row("SELECT COALESCE(MAX(id), 0) FROM outbox", [], |row| {
                    row.get(0)
                })?;
            transaction.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?1)",
                [waiting.max(integer(up_to))],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}
