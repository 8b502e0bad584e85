//! Forgets a person: nothing that the index has leads from them to a record, or from a record to what
//! they said.

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::Entry;
use prost::Message as _;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Index, IndexError,
    draft::{Draft, Terms, find},
    lock,
    places::{Place, Reader},
    token,
};
use crate::{
    ledger::{
        card::{Card, Text},
        filter,
    },
    store::integer,
};

impl Index {
    /// Forgets a user: records of theirs are found by no user, agent, session or word any more, and
    /// nor is what came of their decisions; no byte of those stays in the file. To be called once the
    /// log gives these records erased: what is indexed later is indexed as it is given. Blocks on the
    /// disk, and holds up the index.
    ///
    /// # Errors
    /// Where the index or a segment cannot be read or written; it is to be called again then.
    pub fn forget(&self, user: &str) -> Result<(), IndexError> {
        let mut draft = lock(&self.draft);
        draft.forget_known();
        let Draft { connection, .. } = &mut *draft;
        let immediate = TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(immediate)?;
        // Who is forgotten already may have left traces where readers were in the way.
        if let Some(id) = find(&transaction, Text::User.number(), user)? {
            let mut reader = Reader::new(&self.ledger);
            let mut decisions = Vec::new();
            for place in found_by(&transaction, &token::term(Text::User, id))? {
                decisions.extend(strip(&transaction, &mut reader, place)?);
            }
            for decision in decisions {
                for place in found_by(&transaction, &decision)? {
                    strip(&transaction, &mut reader, place)?;
                }
            }
            transaction.execute("DELETE FROM terms WHERE id = ?1", [id])?;
        }
        transaction.commit()?;
        draft.forget_known();
        drop_traces(&draft.connection)
    }
}

/// Indexes a record without what is personal; the token of its decision.
fn strip(
    transaction: &Transaction<'_>,
    reader: &mut Reader,
    place: Place,
) -> Result<Option<String>, IndexError> {
    let found = reader.read(place)?;
    let entry = found.and_then(|found| Entry::decode(&*found.record.entry).ok());
    let Some(entry) = entry else {
        // No filter admits what cannot be read, so nothing need find it.
        let forget = "DELETE FROM tokens WHERE rowid = ?1";
        transaction.execute(forget, [integer(place.position)])?;
        return Ok(None);
    };
    let mut card = Card::of(&entry);
    card.forget_person();
    let mut terms = Terms {
        transaction,
        known: &mut std::collections::HashMap::new(),
    };
    let tokens = terms.tokens(&card, &filter::names(&entry))?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO tokens (rowid, held) VALUES (?1, ?2)")?
        .execute((integer(place.position), tokens))?;
    let digits = Hex(card.decision_id).to_string();
    Ok((!digits.is_empty()).then(|| token::decision(&digits).0))
}

fn found_by(transaction: &Transaction<'_>, token: &str) -> Result<Vec<Place>, IndexError> {
    let ask = "SELECT r.position, r.bytes FROM tokens CROSS JOIN records r
               ON r.position = tokens.rowid WHERE tokens MATCH ?1";
    let mut ask = transaction.prepare_cached(ask)?;
    let rows = ask.query_map([format!("\"{token}\"")], |row| {
        Ok(Place {
            position: row.get::<_, i64>(0)?.unsigned_abs(),
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes what is deleted out of the file, too: tokens go when what holds them is merged, pages when
/// the file is written anew.
fn drop_traces(connection: &Connection) -> Result<(), IndexError> {
    connection.execute("INSERT INTO tokens (tokens) VALUES ('optimize')", [])?;
    connection.execute_batch("VACUUM")?;
    let is_read: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_read {
        return Err(IndexError::Busy);
    }
    Ok(())
}
