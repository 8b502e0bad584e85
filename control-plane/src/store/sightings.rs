//! Who has seen what that nobody has approved, for as long as that is not decided about.

use rusqlite::params;

use super::{Store, StoreError};

/// What the store got when it began to count.
pub(super) const TABLES: &str = "
CREATE TABLE sightings (
  server TEXT NOT NULL,
  what TEXT NOT NULL,
  pin BLOB NOT NULL,
  principal TEXT NOT NULL,
  PRIMARY KEY (server, what, pin, principal)
) STRICT;
";

/// The most that are kept of one server: it decides how much it makes up.
const MAX_OF_SERVER: i64 = 4_096;

impl Store {
    /// Notes who has seen a version of something, and gives everybody who has by now.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn sighted(
        &self,
        (server, what, pin): (&str, &str, &[u8]),
        principal: &str,
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT OR IGNORE INTO sightings (server, what, pin, principal)
             SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM sightings WHERE server = ?1) < ?5",
            params![server, what, pin, principal, MAX_OF_SERVER],
        )?;
        let mut seen = Vec::new();
        {
            let mut statement = transaction.prepare_cached(
                "SELECT principal FROM sightings WHERE server = ?1 AND what = ?2 AND pin = ?3
                 ORDER BY rowid",
            )?;
            let mut rows = statement.query(params![server, what, pin])?;
            while let Some(row) = rows.next()? {
                seen.push(row.get(0)?);
            }
        }
        transaction.commit()?;
        Ok(seen)
    }

    /// Forgets what was seen of a server.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn forget_sightings(&self, server: &str) -> Result<(), StoreError> {
        let forget = "DELETE FROM sightings WHERE server = ?1";
        self.connection().execute(forget, [server])?;
        Ok(())
    }
}
