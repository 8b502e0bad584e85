//! The tables of the index, and how far it is.

use std::path::Path;

use prost_types::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{Horizon, IndexError};
use crate::{ledger::Placed, store::integer};

/// The version of these tables and of the words and tokens in them: of another, the index is begun
/// anew.
const VERSION: i64 = 1;

/// `records` says where in its segment a record begins and when its instance says it happened;
/// `spans` the first and last of those times of each block of positions. `terms` are the texts of
/// fields, by the field's number; what a record has of them, and its words, are tokens in `tokens`,
/// which keeps no text.
const TABLES: &str = "
CREATE TABLE progress (
  only INTEGER PRIMARY KEY CHECK (only = 0),
  position INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  last BLOB NOT NULL,
  seconds INTEGER NOT NULL,
  nanos INTEGER NOT NULL
) STRICT;
CREATE TABLE records (
  position INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL,
  time INTEGER NOT NULL
) STRICT;
CREATE TABLE spans (
  block INTEGER PRIMARY KEY,
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL
) STRICT;
CREATE TABLE terms (
  id INTEGER PRIMARY KEY,
  field INTEGER NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (field, text)
) STRICT;
CREATE VIRTUAL TABLE tokens USING fts5(
  held, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
INSERT INTO tokens (tokens, rank) VALUES ('hashsize', 16777216);
";

/// Memory for pages, in KiB.
const CACHE_KIB: i64 = 16 << 10;

/// Opens an index, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, IndexError> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A transaction that is lost with the power is made again; one that is there is whole.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok(connection);
    }
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(connection)
}

/// Opens an index for questions.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, IndexError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB / 4)?;
    Ok(connection)
}

/// How far the index is, and which record was the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// The position after the last record.
    pub(super) position: u64,
    /// Where in its segment the last record begins.
    pub(super) bytes: u64,
    /// What the last record is known by; empty where it could not be read.
    pub(super) last: Vec<u8>,
    /// When the last record was received.
    pub(super) receive_time: Timestamp,
}

impl Progress {
    /// After a part of the log.
    pub(super) fn after(part: &[Placed], position: u64) -> Self {
        let Some(last) = part.last() else {
            return Self {
                position,
                ..Self::default()
            };
        };
        // What could not be read after it is not the last that is known.
        let is_last = last.found.position.saturating_add(1) == position;
        let known = is_last.then(|| super::places::known_by(&last.found.record));
        Self {
            position,
            bytes: last.bytes,
            last: known.unwrap_or_default(),
            receive_time: last.found.record.receive_time.unwrap_or_default(),
        }
    }

    pub(super) fn read(connection: &Connection) -> Result<Self, IndexError> {
        let ask = "SELECT position, bytes, last, seconds, nanos FROM progress";
        let read = connection.query_row(ask, [], |row| {
            Ok(Self {
                position: row.get::<_, i64>(0)?.unsigned_abs(),
                bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                last: row.get(2)?,
                receive_time: Timestamp {
                    seconds: row.get(3)?,
                    nanos: row.get(4)?,
                },
            })
        });
        Ok(read.optional()?.unwrap_or_default())
    }

    pub(super) fn put(&self, connection: &Connection) -> Result<(), IndexError> {
        connection
            .prepare_cached("INSERT OR REPLACE INTO progress VALUES (0, ?1, ?2, ?3, ?4, ?5)")?
            .execute((
                integer(self.position),
                integer(self.bytes),
                &self.last,
                self.receive_time.seconds,
                self.receive_time.nanos,
            ))?;
        Ok(())
    }

    pub(super) fn horizon(&self) -> Horizon {
        Horizon {
            position: self.position,
            time: (self.position > 0).then_some(self.receive_time),
        }
    }
}
