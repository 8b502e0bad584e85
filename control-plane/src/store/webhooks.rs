//! How far each webhook has been told what is on the record, and of what it was told lately.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, integer};

/// What the store got with webhooks.
pub(super) const TABLES: &str = "
CREATE TABLE webhooks (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  position INTEGER NOT NULL,
  deliver_seconds INTEGER NOT NULL,
  error TEXT NOT NULL,
  error_seconds INTEGER NOT NULL,
  given_up INTEGER NOT NULL,
  stopped_etag TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
CREATE TABLE webhooks_told (
  organization TEXT NOT NULL,
  id TEXT NOT NULL,
  subject BLOB NOT NULL,
  told_seconds INTEGER NOT NULL,
  PRIMARY KEY (organization, id, subject),
  FOREIGN KEY (organization, id) REFERENCES webhooks ON DELETE CASCADE
) STRICT;
";

/// For how long a webhook is not told the same again.
const TOLD_FOR_SECONDS: u64 = 24 * 60 * 60;

/// Of how much a webhook is told in that time: a server decides how much drift it makes up.
const MAX_TOLD: i64 = 4_096;

/// A webhook's organization, `organizations/{o}`, and its id.
type Key<'k> = (&'k str, &'k str);

/// How a webhook fares.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WebhookState {
    /// Up to which position of the record it has been told, not counting that.
    pub position: u64,
    /// When it last took a notification, in seconds since the Unix epoch. 0: never.
    pub deliver_seconds: u64,
    /// Why it did not take the last one that was tried. Empty: it did.
    pub error: String,
    /// When that was.
    pub error_seconds: u64,
    /// How many notifications it was never told.
    pub given_up: u64,
    /// The etag of its organization when it answered that it is gone. Empty: it did not.
    pub stopped_etag: String,
}

/// Whether a webhook was told of something in the last 24 hours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It was.
    Already,
    /// It was not.
    NotYet,
    /// It was not, and has been told of as much as it is in that time.
    TooMuch,
}

impl Store {
    /// Keeps the state of exactly these webhooks: the others' is forgotten, and a new one has been told up
    /// to a position.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn keep_webhooks(
        &self,
        keys: &[(String, String)],
        position: u64,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for (organization, id) in kept(&transaction)? {
            let is_wanted = keys
                .iter()
                .any(|key| *key == (organization.clone(), id.clone()));
            if !is_wanted {
                transaction.execute(
                    "DELETE FROM webhooks WHERE organization = ?1 AND id = ?2",
                    params![organization, id],
                )?;
            }
        }
        for (organization, id) in keys {
            transaction.execute(
                "INSERT OR IGNORE INTO webhooks VALUES (?1, ?2, ?3, 0, '', 0, 0, '')",
                params![organization, id, integer(position)],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// How a webhook fares; `None` where it is not kept.
    ///
    /// # Errors
    /// Where SQLite does not say.
    pub fn webhook(&self, (organization, id): Key<'_>) -> Result<Option<WebhookState>, StoreError> {
        let connection = self.connection();
        let found = connection.query_row(
            "SELECT position, deliver_seconds, error, error_seconds, given_up, stopped_etag
             FROM webhooks WHERE organization = ?1 AND id = ?2",
            params![organization, id],
            state,
        );
        Ok(found.optional()?)
    }

    /// Whether a webhook was told of something lately.
    ///
    /// # Errors
    /// Where SQLite does not say.
    pub fn told(
        &self,
        (organization, id): Key<'_>,
        subject: &[u8; 32],
        now_seconds: u64,
    ) -> Result<Told, StoreError> {
        let after = integer(now_seconds.saturating_sub(TOLD_FOR_SECONDS));
        let connection = self.connection();
        let (count, is_among): (i64, bool) = connection.query_row(
            "SELECT count(*), COALESCE(max(subject = ?3), 0) FROM webhooks_told
             WHERE organization = ?1 AND id = ?2 AND told_seconds > ?4",
            params![organization, id, subject, after],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(match (is_among, count < MAX_TOLD) {
            (true, _) => Told::Already,
            (false, true) => Told::NotYet,
            (false, false) => Told::TooMuch,
        })
    }

    /// Keeps how a webhook fares now, if it is still there, and of what it was told just now.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn put_webhook(
        &self,
        (organization, id): Key<'_>,
        state: &WebhookState,
        told: Option<(&[u8; 32], u64)>,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE webhooks SET position = ?3, deliver_seconds = ?4, error = ?5,
               error_seconds = ?6, given_up = ?7, stopped_etag = ?8
             WHERE organization = ?1 AND id = ?2",
            params![
                organization,
                id,
                integer(state.position),
                integer(state.deliver_seconds),
                state.error,
                integer(state.error_seconds),
                integer(state.given_up),
                state.stopped_etag
            ],
        )?;
        if let (Some((subject, now_seconds)), 1) = (told, changed) {
            let before = integer(now_seconds.saturating_sub(TOLD_FOR_SECONDS));
            transaction.execute(
                "DELETE FROM webhooks_told
                 WHERE organization = ?1 AND id = ?2 AND told_seconds <= ?3",
                params![organization, id, before],
            )?;
            transaction.execute(
                "INSERT OR REPLACE INTO webhooks_told VALUES (?1, ?2, ?3, ?4)",
                params![organization, id, subject, integer(now_seconds)],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn kept(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = transaction.prepare("SELECT organization, id FROM webhooks")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn state(row: &Row<'_>) -> rusqlite::Result<WebhookState> {
    let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(WebhookState {
        position: number(0)?,
        deliver_seconds: number(1)?,
        error: row.get(2)?,
        error_seconds: number(3)?,
        given_up: number(4)?,
        stopped_etag: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = ("organizations/o", "chat");
    const DAY: u64 = TOLD_FOR_SECONDS;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite"), 1).unwrap();
        (folder, store)
    }

    fn keep(store: &Store, ids: &[&str], position: u64) {
        let keys = ids.iter().map(|id| (KEY.0.to_owned(), (*id).to_owned()));
        store
            .keep_webhooks(&keys.collect::<Vec<_>>(), position)
            .unwrap();
    }

    #[test]
    fn a_new_webhook_begins_where_the_record_ends_and_one_that_stays_goes_on() {
        let (_folder, store) = store();
        keep(&store, &["chat"], 7);
        keep(&store, &["chat", "mail"], 9);
        let position = |id| store.webhook((KEY.0, id)).unwrap().map(|it| it.position);
        assert_eq!((position("chat"), position("mail")), (Some(7), Some(9)));
        keep(&store, &["mail"], 11);
        keep(&store, &["chat", "mail"], 12);
        assert_eq!((position("chat"), position("mail")), (Some(12), Some(9)));
    }

    #[test]
    fn the_same_is_told_once_in_a_day_and_so_much_at_most() {
        let (_folder, store) = store();
        keep(&store, &["chat", "mail"], 0);
        let state = WebhookState::default();
        let tell = |subject: [u8; 32], now| store.put_webhook(KEY, &state, Some((&subject, now)));
        tell([1; 32], 1_000).unwrap();
        let told = |key, subject: [u8; 32], now| store.told(key, &subject, now).unwrap();
        assert_eq!(told(KEY, [1; 32], 1_000 + DAY - 1), Told::Already);
        assert_eq!(told(KEY, [2; 32], 1_000), Told::NotYet);
        assert_eq!(told((KEY.0, "mail"), [1; 32], 1_000), Told::NotYet);
        assert_eq!(told(KEY, [1; 32], 1_000 + DAY), Told::NotYet);
        let many = "WITH RECURSIVE numbers (n) AS
              (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4096)
            INSERT INTO webhooks_told SELECT ?1, ?2, CAST(n AS BLOB), 2000 FROM numbers";
        store.connection().execute(many, [KEY.0, KEY.1]).unwrap();
        assert_eq!(told(KEY, [2; 32], 2_000), Told::TooMuch);
        assert_eq!(told(KEY, [2; 32], 2_000 + DAY), Told::NotYet);
    }

    #[test]
    fn what_is_removed_is_not_kept_again() {
        let (_folder, store) = store();
        keep(&store, &["chat"], 0);
        keep(&store, &[], 0);
        let told = Some((&[1; 32], 1));
        store
            .put_webhook(KEY, &WebhookState::default(), told)
            .unwrap();
        assert_eq!(store.webhook(KEY).unwrap(), None);
        assert_eq!(store.told(KEY, &[1; 32], 1).unwrap(), Told::NotYet);
    }
}
