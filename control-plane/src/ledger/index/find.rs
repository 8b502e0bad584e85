//! Finds records: by the index as far as it goes, from there on by reading the log.

use rusqlite::Connection;

use super::{
    Horizon, Index, IndexError,
    draft::BLOCK,
    lock,
    narrow::{Narrow, Rows},
    places::{Place, Reader},
    tables::Progress,
    token,
};
use crate::{
    ledger::{
        Filter, Follower, Page, Positioned,
        card::{Code, Nanos},
    },
    store::integer,
};

/// Most records that are read in the log for one page, whether they are in it or not.
const MAX_READ: usize = 20_000;

/// Most records that the index is asked for at once.
const MAX_ASKED: usize = 512;

/// Records behind the index that are held at once; where there are more, segments are read one by one.
const MAX_HELD: u64 = 100_000;

/// Which records come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The records.
    pub page: Page,
    /// How far the index was.
    pub horizon: Horizon,
}

/// A question of the index.
struct Question<'q> {
    filter: &'q Filter,
    narrow: Narrow,
    order: Order,
    limit: usize,
}

impl Index {
    /// Finds up to `limit` records before a position, newest first. A page may have fewer and more
    /// to follow. Where the index fails the log is read in its place. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn search(&self, filter: &Filter, before: u64, limit: usize) -> Result<Found, IndexError> {
        self.finding(|connection, committed, horizon| {
            let mut page = Page::default();
            if before > horizon.position {
                let tail = (committed, horizon.position, before);
                self.search_tail(filter, tail, limit, &mut page)?;
            }
            if page.next.is_none()
                && let Some(connection) = connection
            {
                let question = Question {
                    filter,
                    narrow: Narrow::new(filter, connection)?,
                    order: Order::Newest,
                    limit,
                };
                let range = (0, before.min(horizon.position));
                self.ask(&question, range, connection, &mut page)?;
            }
            Ok(Found { page, horizon })
        })
    }

    /// Finds up to `limit` records of a range of positions, oldest first. A page may have fewer and
    /// more to follow. Where the index fails the log is read in its place. Blocks on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read.
    pub fn range(
        &self,
        filter: &Filter,
        (from, to): (u64, u64),
        limit: usize,
    ) -> Result<Found, IndexError> {
        self.finding(|connection, committed, horizon| {
            let mut page = Page::default();
            if let Some(connection) = connection {
                let question = Question {
                    filter,
                    narrow: Narrow::new(filter, connection)?,
                    order: Order::Oldest,
                    limit,
                };
                let range = (from, to.min(horizon.position));
                self.ask(&question, range, connection, &mut page)?;
            }
            if page.next.is_none() {
                let tail = (committed, from.max(horizon.position), to);
                self.range_tail(filter, tail, limit, &mut page)?;
            }
            Ok(Found { page, horizon })
        })
    }

    /// Finds with the index, or without it where it fails.
    fn finding(
        &self,
        find: impl Fn(Option<&Connection>, Follower, Horizon) -> Result<Found, IndexError>,
    ) -> Result<Found, IndexError> {
        let committed = lock(&self.committed).clone();
        let found = self.reading(|connection| {
            let horizon = Progress::read(connection)?.horizon();
            find(Some(connection), committed.clone(), horizon)
        });
        match found {
            Err(IndexError::Sqlite(error)) => {
                tracing::error!(%error, "the index of the record fails, and the log is read in its place");
                find(None, committed, Horizon::default())
            }
            found => found,
        }
    }

    /// What of the log the index does not have yet, oldest first.
    fn range_tail(
        &self,
        filter: &Filter,
        (committed, from, to): (Follower, u64, u64),
        limit: usize,
        page: &mut Page,
    ) -> Result<(), IndexError> {
        let mut follower = follower(committed, from);
        loop {
            let part = follower.read(&self.ledger)?;
            let is_last = part.is_empty() || follower.position() >= to;
            for found in part {
                let position = found.position;
                let is_wanted = (from..to).contains(&position) && filter.admits(&found.record);
                if is_wanted && !page.add(found, limit) {
                    page.next = Some(position);
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// How many records it has that say that entries are missing. Blocks on the disk.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn gaps(&self) -> Result<u64, IndexError> {
        let gap = Code::Kind.words().iter().position(|word| *word == "gap");
        let gap = gap
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or_default();
        let token = format!("\"{}\"", token::code(Code::Kind, gap));
        self.reading(|connection| {
            let ask = "SELECT count(*) FROM tokens WHERE tokens MATCH ?1";
            let count: i64 = connection.query_row(ask, [token], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// What of the log the index does not have yet, newest first.
    fn search_tail(
        &self,
        filter: &Filter,
        (committed, from, before): (Follower, u64, u64),
        limit: usize,
        page: &mut Page,
    ) -> Result<(), IndexError> {
        let length = *self.ledger.length().borrow();
        if length.saturating_sub(from) > MAX_HELD {
            self.ledger.scan(filter, from..before, limit, page)?;
            return Ok(());
        }
        let mut follower = follower(committed, from);
        let mut tail = Vec::new();
        loop {
            let part = follower.read(&self.ledger)?;
            if part.is_empty() {
                break;
            }
            tail.extend(part.into_iter().filter(|found| {
                (from..before).contains(&found.position) && filter.admits(&found.record)
            }));
        }
        for found in tail.into_iter().rev() {
            if !page.add(found, limit) {
                page.next = page.records.last().map(|last| last.position);
                break;
            }
        }
        Ok(())
    }

    /// Adds what the index finds in a range of positions.
    fn ask(
        &self,
        question: &Question<'_>,
        range: (u64, u64),
        connection: &Connection,
        page: &mut Page,
    ) -> Result<(), IndexError> {
        let Some((mut from, mut to)) = question.narrow.positions(range, connection)? else {
            return Ok(());
        };
        let mut reader = Reader::new(&self.ledger);
        let mut read = 0_usize;
        while from < to {
            let asked = question.limit.saturating_add(1).min(MAX_ASKED);
            let places = places(question, (from, to), asked, connection)?;
            for place in &places {
                let found = reader.read(*place)?;
                let found = found.filter(|it| question.filter.admits(&it.record));
                if let Some(found) = found
                    && !page.add(found, question.limit)
                {
                    page.next = question.next(page, place.position);
                    return Ok(());
                }
            }
            let Some(last) = places.last().filter(|_| places.len() == asked) else {
                return Ok(());
            };
            match question.order {
                Order::Newest => to = last.position,
                Order::Oldest => from = last.position.saturating_add(1),
            }
            read = read.saturating_add(places.len());
            if read >= MAX_READ && from < to {
                page.next = Some(match question.order {
                    Order::Newest => to,
                    Order::Oldest => from,
                });
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Question<'_> {
    /// Where a page goes on that this position did not fit into.
    fn next(&self, page: &Page, position: u64) -> Option<u64> {
        match self.order {
            Order::Newest => page.records.last().map(|last: &Positioned| last.position),
            Order::Oldest => Some(position),
        }
    }
}

impl Narrow {
    /// What of a range of positions can have the times that are asked for.
    fn positions(
        &self,
        (from, to): (u64, u64),
        connection: &Connection,
    ) -> Result<Option<(u64, u64)>, IndexError> {
        if self.rows == Rows::None || from >= to {
            return Ok(None);
        }
        if self.from == Nanos::MIN && self.before.is_none() {
            return Ok(Some((from, to)));
        }
        let ask = "SELECT min(block), max(block) FROM spans
                   WHERE last_time >= ?1 AND (?2 IS NULL OR first_time < ?2)";
        let blocks: (Option<i64>, Option<i64>) = connection
            .prepare_cached(ask)?
            .query_row((self.from, self.before), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let (Some(first), Some(last)) = blocks else {
            return Ok(None);
        };
        let start = first.unsigned_abs().saturating_mul(BLOCK);
        let end = last.unsigned_abs().saturating_add(1).saturating_mul(BLOCK);
        Ok(Some((from.max(start), to.min(end))))
    }
}

/// A follower that begins at a position, or at the one that is there already.
fn follower(committed: Follower, from: u64) -> Follower {
    if committed.position() > from {
        Follower::new(from)
    } else {
        committed
    }
}

/// Where the next records are that the index finds.
fn places(
    question: &Question<'_>,
    (from, to): (u64, u64),
    most: usize,
    connection: &Connection,
) -> Result<Vec<Place>, IndexError> {
    let Narrow {
        rows,
        from: since,
        before,
    } = &question.narrow;
    let order = match question.order {
        Order::Newest => "DESC",
        Order::Oldest => "ASC",
    };
    let (source, text) = match rows {
        Rows::None => return Ok(Vec::new()),
        Rows::All => ("records r WHERE ?1 = '' AND r.position", ""),
        Rows::Of(text) => (
            "tokens CROSS JOIN records r ON r.position = tokens.rowid
             WHERE tokens MATCH ?1 AND tokens.rowid",
            text.as_str(),
        ),
    };
    let key = if text.is_empty() {
        "r.position"
    } else {
        "tokens.rowid"
    };
    let ask = format!(
        "SELECT r.position, r.bytes FROM {source} >= ?2 AND {key} < ?3
         AND r.time >= ?4 AND (?5 IS NULL OR r.time < ?5) ORDER BY {key} {order} LIMIT ?6"
    );
    let mut ask = connection.prepare_cached(&ask)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = ask.query_map(
        (text, integer(from), integer(to), since, before, most),
        |row| {
            Ok(Place {
                position: row.get::<_, i64>(0)?.unsigned_abs(),
                bytes: row.get::<_, i64>(1)?.unsigned_abs(),
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}
