//! The keys that issuers publish, as they were last read.

use chancery_proto::policy::v1::{KeySet, VerificationKey};
use prost::Message as _;
use rusqlite::{Connection, params};

use super::{Store, StoreError, integer};

/// What the store got when it began to keep issuers' keys.
pub(super) const TABLES: &str = "
CREATE TABLE issuer_keys (
  identity_provider TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  jwks_uri TEXT NOT NULL,
  key_set BLOB NOT NULL,
  read_seconds INTEGER NOT NULL,
  due_seconds INTEGER NOT NULL
) STRICT;
";

/// Stands for the provider of administrators, which is no resource: it is in the configuration.
pub const ADMINISTRATORS: &str = "administrators";

/// Where an identity provider's keys come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySource {
    /// `organizations/{organization}/identityProviders/{identity_provider}`, or [`ADMINISTRATORS`].
    pub identity_provider: String,
    /// The issuer, whose metadata says where its keys are.
    pub issuer: String,
    /// Where its keys are. Empty: where its metadata says.
    pub jwks_uri: String,
}

/// The keys that an issuer published.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerKeySet {
    /// Whose, and from where.
    pub source: KeySource,
    /// The keys.
    pub keys: Vec<VerificationKey>,
    /// When they were read, in seconds since the Unix epoch.
    pub read_seconds: u64,
    /// When they are to be read again, in seconds since the Unix epoch.
    pub due_seconds: u64,
}

/// Keeps keys in the place of those before.
pub(super) fn put(connection: &Connection, set: &IssuerKeySet) -> Result<(), StoreError> {
    let IssuerKeySet {
        source,
        keys,
        read_seconds,
        due_seconds,
    } = set;
    let message = KeySet {
        identity_provider: source.identity_provider.clone(),
        keys: keys.clone(),
    };
    connection.execute(
        "INSERT OR REPLACE INTO issuer_keys
           (identity_provider, issuer, jwks_uri, key_set, read_seconds, due_seconds)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            source.identity_provider,
            source.issuer,
            source.jwks_uri,
            message.encode_to_vec(),
            integer(*read_seconds),
            integer(*due_seconds)
        ],
    )?;
    Ok(())
}

impl Store {
    /// Every issuer's keys.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn key_sets(&self) -> Result<Vec<IssuerKeySet>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT identity_provider, issuer, jwks_uri, read_seconds, due_seconds, key_set
             FROM issuer_keys",
        )?;
        let rows = statement.query_map([], |row| {
            let set = IssuerKeySet {
                source: KeySource {
                    identity_provider: row.get(0)?,
                    issuer: row.get(1)?,
                    jwks_uri: row.get(2)?,
                },
                keys: Vec::new(),
                read_seconds: row.get::<_, i64>(3)?.unsigned_abs(),
                due_seconds: row.get::<_, i64>(4)?.unsigned_abs(),
            };
            Ok((set, row.get::<_, Vec<u8>>(5)?))
        })?;
        let mut sets = Vec::new();
        for row in rows {
            let (set, message) = row?;
            let what = "an issuer's keys";
            let read = KeySet::decode(&*message);
            let KeySet {
                identity_provider: _,
                keys,
            } = read.map_err(|_undecodable| StoreError::Corrupt { what })?;
            sets.push(IssuerKeySet { keys, ..set });
        }
        Ok(sets)
    }

    /// Keeps that keys were read again and are the same.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn put_key_set(&self, set: &IssuerKeySet) -> Result<(), StoreError> {
        put(&self.connection(), set)
    }

    /// Forgets an issuer's keys.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn forget_key_set(&self, identity_provider: &str) -> Result<(), StoreError> {
        self.connection().execute(
            "DELETE FROM issuer_keys WHERE identity_provider = ?1",
            [identity_provider],
        )?;
        Ok(())
    }
}
