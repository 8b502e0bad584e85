//! MCP to hosts that nobody registered, one row for each place that organizations' nodes saw it at.

use chancery_proto::admin::v1::ShadowServer;
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError};

/// What the store got when nodes began to observe.
pub(super) const TABLES: &str = "
CREATE TABLE shadows (
  organization TEXT NOT NULL,
  kind INTEGER NOT NULL,
  host TEXT NOT NULL,
  path TEXT NOT NULL,
  last_seconds INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (organization, kind, host, path)
) STRICT;
";

/// The most that are kept of one organization's nodes, and of one host among them: clients make up
/// both.
const MAX: i64 = 4_096;
const MAX_OF_HOST: i64 = 64;

impl Store {
    /// Takes in what nodes have seen, each joined with what is known of its place.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn shadowed(
        &self,
        seen: &[ShadowServer],
        join: impl Fn(ShadowServer, &ShadowServer) -> ShadowServer,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for shadow in seen {
            let joined = if let Some(known) = known(&transaction, shadow)? {
                join(known, shadow)
            } else {
                make_room(&transaction, shadow)?;
                shadow.clone()
            };
            transaction
                .prepare_cached("INSERT OR REPLACE INTO shadows VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    joined.organization,
                    joined.kind,
                    joined.host,
                    joined.path,
                    joined.last_time.map_or(0, |time| time.seconds),
                    joined.encode_to_vec(),
                ])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Everything that is kept, in the order of organizations, hosts and paths.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn shadows(&self) -> Result<Vec<ShadowServer>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT content FROM shadows ORDER BY organization, host, path, kind",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|content| read(&content?)).collect()
    }
}

fn known(
    transaction: &Transaction<'_>,
    shadow: &ShadowServer,
) -> Result<Option<ShadowServer>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT content FROM shadows
         WHERE organization = ?1 AND kind = ?2 AND host = ?3 AND path = ?4",
    )?;
    let key = params![shadow.organization, shadow.kind, shadow.host, shadow.path];
    let content: Option<Vec<u8>> = statement.query_row(key, |row| row.get(0)).optional()?;
    content.map(|content| read(&content)).transpose()
}

/// Makes room for another place where need be: the one that was not seen for the longest goes, of the
/// host where that has too many.
fn make_room(transaction: &Transaction<'_>, shadow: &ShadowServer) -> Result<(), StoreError> {
    let key = params![shadow.organization, shadow.host];
    let (all, of_host): (i64, i64) = transaction
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE host = ?2) FROM shadows WHERE organization = ?1",
        )?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_host_full = of_host >= MAX_OF_HOST;
    if is_host_full || all >= MAX {
        transaction
            .prepare_cached(
                "DELETE FROM shadows WHERE rowid IN (
                   SELECT rowid FROM shadows WHERE organization = ?1 AND (NOT ?3 OR host = ?2)
                   ORDER BY last_seconds LIMIT 1)",
            )?
            .execute(params![shadow.organization, shadow.host, is_host_full])?;
    }
    Ok(())
}

fn read(content: &[u8]) -> Result<ShadowServer, StoreError> {
    let unreadable = |_: prost::DecodeError| StoreError::Corrupt {
        what: "a shadow server",
    };
    ShadowServer::decode(content).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store"), 1).unwrap();
        let seen = |host: String, path: i64| ShadowServer {
            organization: "organizations/o".to_owned(),
            host,
            path: path.to_string(),
            last_time: Some(prost_types::Timestamp {
                seconds: path,
                nanos: 0,
            }),
            count: 1,
            ..ShadowServer::default()
        };
        let count = |known: ShadowServer, more: &ShadowServer| ShadowServer {
            last_time: more.last_time,
            count: known.count + more.count,
            ..known
        };
        let paths: Vec<_> = (0..MAX_OF_HOST)
            .map(|path| seen("a".to_owned(), path))
            .collect();
        store.shadowed(&paths, count).unwrap();
        store.shadowed(&paths, count).unwrap();
        let kept = store.shadows().unwrap();
        assert_eq!(kept.len(), paths.len());
        assert!(kept.iter().all(|it| it.count == 2));
        let late = seen("a".to_owned(), MAX_OF_HOST);
        store.shadowed(std::slice::from_ref(&late), count).unwrap();
        let kept = store.shadows().unwrap();
        assert_eq!(kept.len(), paths.len());
        assert!(
            kept.contains(&late) && kept.iter().all(|it| it.path != "0"),
            "the host's oldest went"
        );
        let hosts: Vec<_> = (0..MAX)
            .map(|host| seen(format!("h{host}"), 1_000))
            .collect();
        store.shadowed(&hosts, count).unwrap();
        let kept = store.shadows().unwrap();
        assert_eq!(kept.len(), usize::try_from(MAX).unwrap());
        assert!(
            kept.iter().all(|it| it.host != "a"),
            "the oldest went first"
        );
    }
}
