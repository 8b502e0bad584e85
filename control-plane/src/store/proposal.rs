//! Proposals, pending and decided.

use chancery_proto::admin::v1::{Proposal, ProposalState};
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError};

/// What the store got when changes began to wait for a second person.
pub(super) const TABLES: &str = "
CREATE TABLE proposals (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  is_pending INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;
";

/// Decided proposals that are kept, over all organizations.
const DECIDED_KEPT: i64 = 10_000;

impl Store {
    /// Every proposal whose name begins so, the newest first.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn proposals(&self, prefix: &str) -> Result<Vec<Proposal>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT content FROM proposals WHERE substr(name, 1, length(?1)) = ?1 ORDER BY id DESC",
        )?;
        let rows = statement.query_map([prefix], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|row| read(&row?)).collect()
    }

    /// One proposal.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn proposal(&self, name: &str) -> Result<Option<Proposal>, StoreError> {
        let connection = self.connection();
        let content = connection
            .query_row(
                "SELECT content FROM proposals WHERE name = ?1",
                [name],
                |row| row.get::<_, Vec<u8>>(0),
            )
            .optional()?;
        content.map(|content| read(&content)).transpose()
    }
}

fn read(content: &[u8]) -> Result<Proposal, StoreError> {
    let corrupt = |_error| StoreError::Corrupt { what: "a proposal" };
    Proposal::decode(content).map_err(corrupt)
}

/// Stores a proposal in the place of what was stored of it.
pub(super) fn put(transaction: &Transaction<'_>, proposal: &Proposal) -> Result<(), StoreError> {
    let is_pending = proposal.state() == ProposalState::Pending;
    transaction.execute(
        "INSERT INTO proposals (name, is_pending, content) VALUES (?1, ?2, ?3)
           ON CONFLICT (name) DO UPDATE SET is_pending = ?2, content = ?3",
        params![proposal.name, is_pending, proposal.encode_to_vec()],
    )?;
    transaction.execute(
        "DELETE FROM proposals WHERE NOT is_pending AND id NOT IN (
           SELECT id FROM proposals WHERE NOT is_pending ORDER BY id DESC LIMIT ?1)",
        [DECIDED_KEPT],
    )?;
    Ok(())
}
