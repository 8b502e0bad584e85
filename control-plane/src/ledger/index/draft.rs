//! Writes the index: a part of the log in one transaction.

use std::collections::{BTreeMap, HashMap};

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::Entry;
use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{IndexError, tables::Progress, token};
use crate::{
    access::Place,
    ledger::{
        Placed,
        card::{Card, Code, Nanos, Text},
        filter,
    },
    store::integer,
};

/// Positions of a block whose times are known together.
pub(super) const BLOCK: u64 = 1_024;

/// Terms whose ids are kept in memory.
const MAX_KNOWN: usize = 50_000;

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) connection: Connection,
    /// The ids of terms, by field and text.
    known: HashMap<(u8, String), i64>,
}

impl Draft {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            known: HashMap::new(),
        }
    }

    /// Adds a part of the log, up to a position.
    pub(super) fn add(&mut self, part: &[Placed], position: u64) -> Result<Progress, IndexError> {
        let added = self.try_add(part, position);
        if added.is_err() {
            // What was rolled back has no ids.
            self.known.clear();
        }
        added
    }

    fn try_add(&mut self, part: &[Placed], position: u64) -> Result<Progress, IndexError> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(immediate)?;
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        let mut terms = Terms {
            transaction: &transaction,
            known: &mut self.known,
        };
        let mut spans = BTreeMap::new();
        for placed in part {
            let record = &placed.found.record;
            let Ok(entry) = Entry::decode(&*record.entry) else {
                // No filter admits what cannot be read.
                continue;
            };
            let card = Card::of(&entry);
            let at = integer(placed.found.position);
            let tokens = terms.tokens(&card, &filter::names(&entry))?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3)")?
                .execute((at, integer(placed.bytes), card.time))?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO tokens (rowid, held) VALUES (?1, ?2)")?
                .execute((at, &tokens))?;
            let span = spans.entry(placed.found.position / BLOCK);
            let span: &mut (Nanos, Nanos) = span.or_insert((card.time, card.time));
            *span = (span.0.min(card.time), span.1.max(card.time));
        }
        put_spans(&transaction, &spans)?;
        let progress = Progress::after(part, position);
        progress.put(&transaction)?;
        transaction.commit()?;
        Ok(progress)
    }

    /// Forgets the ids of terms that may be gone.
    pub(super) fn forget_known(&mut self) {
        self.known.clear();
    }
}

fn put_spans(
    transaction: &Transaction<'_>,
    spans: &BTreeMap<u64, (Nanos, Nanos)>,
) -> Result<(), IndexError> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO spans VALUES (?1, ?2, ?3) ON CONFLICT (block) DO UPDATE SET
         first_time = min(first_time, excluded.first_time),
         last_time = max(last_time, excluded.last_time)",
    )?;
    for (block, (first, last)) in spans {
        put.execute((integer(*block), first, last))?;
    }
    Ok(())
}

/// The terms of a transaction.
pub(super) struct Terms<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    pub(super) known: &'t mut HashMap<(u8, String), i64>,
}

impl Terms<'_> {
    /// All that a record is found by.
    pub(super) fn tokens(&mut self, card: &Card<'_>, names: &[&str]) -> Result<String, IndexError> {
        let mut tokens = token::any();
        let mut add = |token: &str| {
            tokens.push(' ');
            tokens.push_str(token);
        };
        for (field, _) in Code::ALL {
            if let Some(code) = card.code(field) {
                add(&token::code(field, code));
            }
        }
        if card.is_shadowed {
            add(&token::shadowed());
        }
        if !card.decision_id.is_empty() {
            let digits = Hex(card.decision_id).to_string();
            add(&token::decision(&digits).0);
        }
        for (field, _) in Text::ALL {
            match (field, card.text(field)) {
                (_, "") => {}
                (Text::Session, id) => add(&token::session(id)),
                (_, text) => add(&token::term(field, self.id(field.number(), text)?)),
            }
        }
        for name in names {
            add(&token::place(self.id(token::PLACE, &place(name))?));
        }
        card.words().iter().for_each(|word| add(word));
        Ok(tokens)
    }

    /// The id of a term, which it gets where it has none.
    fn id(&mut self, field: u8, text: &str) -> Result<i64, IndexError> {
        let key = (field, text.to_owned());
        if let Some(id) = self.known.get(&key) {
            return Ok(*id);
        }
        let put =
            "INSERT INTO terms (field, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING id";
        let put = self
            .transaction
            .prepare_cached(put)?
            .query_row((field, text), |row| row.get(0));
        let id = match put.optional()? {
            Some(id) => id,
            None => find(self.transaction, field, text)?.unwrap_or_default(),
        };
        self.known.insert(key, id);
        Ok(id)
    }
}

/// The id of a term, if there is one.
pub(super) fn find(
    connection: &Connection,
    field: u8,
    text: &str,
) -> Result<Option<i64>, IndexError> {
    let ask = "SELECT id FROM terms WHERE field = ?1 AND text = ?2";
    let found = connection
        .prepare_cached(ask)?
        .query_row((field, text), |row| row.get(0));
    Ok(found.optional()?)
}

/// The place of a resource, as a name; empty where the name says none.
fn place(name: &str) -> String {
    match Place::of(name) {
        Some(Place {
            organization,
            workspace: Some(workspace),
        }) => format!("organizations/{organization}/workspaces/{workspace}"),
        Some(Place {
            organization,
            workspace: None,
        }) => format!("organizations/{organization}"),
        None => String::new(),
    }
}
