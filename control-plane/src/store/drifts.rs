//! What was seen that nobody has approved, and who has seen it, for as long as that is not decided about.

use chancery_proto::{
    admin::v1::{DriftId, DriftWitness, Rejection, SeenDrift},
    audit::v1::{Content, Drift, DriftSighting},
};
use prost::Message as _;
use prost_types::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError};
use crate::review::called::id_of;

/// What the store got when reviews began to be kept in it. Who has seen what began with it anew: the
/// table before did not say where or when.
pub(super) const TABLES: &str = "
DROP TABLE sightings;
CREATE TABLE drifts (
  id INTEGER PRIMARY KEY,
  server TEXT NOT NULL,
  kind INTEGER NOT NULL,
  capability TEXT NOT NULL,
  seen BLOB NOT NULL,
  text BLOB NOT NULL,
  drift INTEGER NOT NULL,
  definition BLOB NOT NULL,
  hidden INTEGER NOT NULL,
  source INTEGER NOT NULL,
  times INTEGER NOT NULL,
  first_time BLOB NOT NULL,
  last_time BLOB NOT NULL,
  last_seconds INTEGER NOT NULL,
  rejection BLOB,
  UNIQUE (server, kind, capability, seen, text)
) STRICT;
CREATE TABLE witnesses (
  drift INTEGER NOT NULL REFERENCES drifts ON DELETE CASCADE,
  principal TEXT NOT NULL,
  node_id TEXT NOT NULL,
  time BLOB NOT NULL,
  PRIMARY KEY (drift, principal)
) STRICT;
";

/// The most versions that are kept of one server, which decides how many it makes up. Rejected ones
/// count as well, and the oldest go first that nobody has decided about.
const MAX_OF_SERVER: i64 = 512;

/// The most that are kept of who has seen one version.
const MAX_WITNESSES: i64 = 16;

/// The most that are read at once: each brings its definition.
const MAX_LISTED: i64 = 5_000;

const COLUMNS: &str = "id, server, kind, capability, seen, text, drift, definition, hidden, source, \
                       times, first_time, last_time, rejection";

/// One version of something, by the parameters 1 to 5.
const IS_IT: &str = "server = ?1 AND kind = ?2 AND capability = ?3 AND seen = ?4 AND text = ?5";

impl Store {
    /// Notes that a version of something was seen, and by whom. Gives all that is known of it. Its text stays
    /// as it was seen first, which is what reviewers look at.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn sighted(
        &self,
        sighting: &DriftSighting,
        witness: &DriftWitness,
    ) -> Result<SeenDrift, StoreError> {
        let now = witness.time.unwrap_or_default();
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let id = id_of(sighting);
        let definition = sighting.definition.as_ref().map(Content::encode_to_vec);
        transaction.execute(
            "INSERT INTO drifts (server, kind, capability, seen, text, drift, definition, hidden,
                                 source, times, first_time, last_time, last_seconds)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10, ?11)
             ON CONFLICT DO UPDATE SET drift = ?6, hidden = ?8, source = ?9,
               times = times + 1, last_time = ?10, last_seconds = ?11",
            params![
                sighting.server,
                id.definition_kind,
                id.capability,
                id.seen,
                id.text,
                sighting.drift,
                definition.unwrap_or_default(),
                sighting.hidden,
                sighting.source,
                now.encode_to_vec(),
                now.seconds,
            ],
        )?;
        let (row, mut drift) = find(&transaction, &sighting.server, &id)?
            .ok_or(StoreError::Corrupt { what: "a drift" })?;
        transaction.execute(
            "INSERT OR IGNORE INTO witnesses (drift, principal, node_id, time)
             SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM witnesses WHERE drift = ?1) < ?5",
            params![
                row,
                witness.principal,
                witness.node_id,
                now.encode_to_vec(),
                MAX_WITNESSES
            ],
        )?;
        // The one that was just seen stays; new names, which cost a server nothing to make up, go first.
        transaction.execute(
            "DELETE FROM drifts WHERE id IN (
               SELECT id FROM drifts WHERE server = ?1 AND id != ?2
               ORDER BY rejection IS NOT NULL DESC, drift = ?4, last_seconds DESC, id DESC
               LIMIT -1 OFFSET ?3)",
            params![
                sighting.server,
                row,
                MAX_OF_SERVER - 1,
                i32::from(Drift::New)
            ],
        )?;
        drift.witnesses = witnesses(&transaction, row)?;
        transaction.commit()?;
        Ok(drift)
    }

    /// What was seen at servers whose names begin so, the newest first, at most 5,000.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn drifts(&self, server_prefix: &str) -> Result<Vec<SeenDrift>, StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM drifts WHERE substr(server, 1, length(?1)) = ?1
             ORDER BY last_seconds DESC, id DESC LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![server_prefix, MAX_LISTED], seen_drift)?;
        let mut drifts = Vec::new();
        for row in rows {
            let (row, mut drift) = row?;
            drift.witnesses = witnesses(&transaction, row)?;
            drifts.push(drift);
        }
        Ok(drifts)
    }

    /// One version of something at a server.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn drift(&self, server: &str, id: &DriftId) -> Result<Option<SeenDrift>, StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let Some((row, mut drift)) = find(&transaction, server, id)? else {
            return Ok(None);
        };
        drift.witnesses = witnesses(&transaction, row)?;
        Ok(Some(drift))
    }

    /// Forgets versions of a server's of which this is true.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn forget_drifts(
        &self,
        server: &str,
        is_decided: impl Fn(&SeenDrift) -> bool,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let mut decided = Vec::new();
        {
            let select = format!("SELECT {COLUMNS} FROM drifts WHERE server = ?1");
            let mut statement = transaction.prepare_cached(&select)?;
            for row in statement.query_map([server], seen_drift)? {
                let (row, drift) = row?;
                if is_decided(&drift) {
                    decided.push(row);
                }
            }
        }
        for row in decided {
            transaction.execute("DELETE FROM drifts WHERE id = ?1", [row])?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Writes down, with a change, that a version is not to be approved.
pub(super) fn reject(
    transaction: &Transaction<'_>,
    (server, id, rejection): &(&str, DriftId, Rejection),
) -> rusqlite::Result<()> {
    transaction.execute(
        &format!("UPDATE drifts SET rejection = ?6 WHERE {IS_IT}"),
        params![
            server,
            id.definition_kind,
            id.capability,
            id.seen,
            id.text,
            rejection.encode_to_vec()
        ],
    )?;
    Ok(())
}

fn find(
    transaction: &Transaction<'_>,
    server: &str,
    id: &DriftId,
) -> rusqlite::Result<Option<(i64, SeenDrift)>> {
    let select = format!("SELECT {COLUMNS} FROM drifts WHERE {IS_IT}");
    let mut statement = transaction.prepare_cached(&select)?;
    let key = params![server, id.definition_kind, id.capability, id.seen, id.text];
    statement.query_row(key, seen_drift).optional()
}

fn witnesses(transaction: &Transaction<'_>, drift: i64) -> rusqlite::Result<Vec<DriftWitness>> {
    let mut statement = transaction.prepare_cached(
        "SELECT principal, node_id, time FROM witnesses WHERE drift = ?1 ORDER BY rowid",
    )?;
    let rows = statement.query_map([drift], |row| {
        Ok(DriftWitness {
            principal: row.get(0)?,
            node_id: row.get(1)?,
            time: Some(message::<Timestamp>(row, 2)?),
        })
    })?;
    rows.collect()
}

/// A row, by [`COLUMNS`], without who has seen it.
fn seen_drift(row: &Row<'_>) -> rusqlite::Result<(i64, SeenDrift)> {
    let rejection: Option<Vec<u8>> = row.get(13)?;
    let rejection = rejection.map(|_| message::<Rejection>(row, 13));
    let drift = SeenDrift {
        server: row.get(1)?,
        id: Some(DriftId {
            definition_kind: row.get(2)?,
            capability: row.get(3)?,
            seen: row.get(4)?,
            text: row.get(5)?,
        }),
        drift: row.get(6)?,
        definition: Some(message::<Content>(row, 7)?),
        hidden: row.get(8)?,
        source: row.get(9)?,
        times: row.get(10)?,
        first_time: Some(message::<Timestamp>(row, 11)?),
        last_time: Some(message::<Timestamp>(row, 12)?),
        witnesses: Vec::new(),
        rejection: rejection.transpose()?,
    };
    Ok((row.get(0)?, drift))
}

/// A message in a column.
fn message<M: prost::Message + Default>(row: &Row<'_>, column: usize) -> rusqlite::Result<M> {
    let bytes: Vec<u8> = row.get(column)?;
    M::decode(&*bytes).map_err(|error| {
        let kind = rusqlite::types::Type::Blob;
        rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
    })
}
