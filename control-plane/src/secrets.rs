//! Secrets at rest: each sealed with a data key of its own, which the store key wraps.
//!
//! A row is bound to its place, so that none opens in the place of another. What is in the store
//! opens with the store key alone, and the store key is never in the store.

pub mod key_file;
pub mod key_service;
mod table;

use std::sync::Arc;

use aes_siv::{KeyInit as _, siv::Aes256Siv};
use chancery_engine::secret::Secret;
use zeroize::Zeroizing;

use self::key_service::{KeyError, KeyService, StoreKey};
pub(crate) use self::table::{delete_secrets, put_secret};
use crate::store::{Store, StoreError};

/// AES-256-SIV (RFC 5297) has two keys of 256 bits.
const DATA_KEY_BYTES: usize = 64;

/// Parts every domain of the bound data from another use of the same key.
const DOMAIN: &[u8] = b"chancery.secret.v1";

/// How many rows are wrapped anew in one transaction.
const REWRAPPED_AT_ONCE: u32 = 100;

/// A key that was replaced stays for this long, for what was sealed with it and not stored yet.
const RETIRED_AFTER_SECONDS: u64 = 60 * 60;

/// What a secret is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Purpose {
    /// Signs assertions; an organization's.
    Assertion,
    /// A credential's secret; a credential's.
    Credential,
    /// Seals handles; an organization's.
    Sealing,
}

impl Purpose {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Credential => "credential",
            Self::Sealing => "sealing",
        }
    }

    /// The purpose that the store's word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Assertion, Self::Credential, Self::Sealing]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }
}

/// Where a secret belongs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// What it is for.
    pub purpose: Purpose,
    /// The resource name of whose it is.
    pub name: String,
    /// When it was made, in seconds since the Unix epoch.
    pub create_seconds: u64,
}

impl Place {
    /// As bytes, without a second reading: the purpose has no NUL, the time has a fixed length.
    fn context(&self) -> Vec<u8> {
        let mut context = self.purpose.as_str().as_bytes().to_vec();
        context.push(0);
        context.extend_from_slice(&self.create_seconds.to_be_bytes());
        context.extend_from_slice(self.name.as_bytes());
        context
    }
}

/// A sealed secret in its place, as the store keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Where it belongs.
    pub place: Place,
    /// Which store key wraps its data key.
    pub key_id: String,
    /// The data key, wrapped.
    pub data_key: Vec<u8>,
    /// The secret, sealed with the data key.
    pub content: Vec<u8>,
}

/// Why a secret could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// The store keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row that was altered or moved.
    #[error("the sealed {} secret of `{}` does not open", .place.purpose.as_str(), .place.name)]
    Foreign {
        /// Which.
        place: Place,
    },
}

/// The sealed part of the store.
#[derive(Clone, Debug)]
pub struct Secrets {
    store: Arc<Store>,
    keys: Arc<dyn KeyService>,
}

impl Secrets {
    /// Opens it, and seals what an earlier control plane kept as it was.
    ///
    /// # Errors
    /// Where the store or the keys do not allow it.
    pub fn open(store: Arc<Store>, keys: Arc<dyn KeyService>) -> Result<Self, SecretsError> {
        let secrets = Self { store, keys };
        let plain = secrets.store.plain_sealing_keys()?;
        let sealed: Vec<_> = plain
            .into_iter()
            .map(|(name, create_seconds, key)| {
                let purpose = Purpose::Sealing;
                let place = Place {
                    purpose,
                    name,
                    create_seconds,
                };
                secrets.seal(place, &key)
            })
            .collect::<Result<_, _>>()?;
        secrets.store.replace_plain_sealing_keys(&sealed)?;
        Ok(secrets)
    }

    /// Seals a secret for its place. The store does not have it yet.
    ///
    /// # Errors
    /// Where there is no key.
    pub fn seal(&self, place: Place, secret: &Secret) -> Result<Sealed, SecretsError> {
        let mut data_key = Zeroizing::new([0; DATA_KEY_BYTES]);
        getrandom::getrandom(&mut *data_key).map_err(KeyError::from)?;
        let bound_to = place.context();
        let (key_id, wrapped) = self.keys.wrap(&*data_key, &bound_to)?;
        let cipher = &mut Aes256Siv::new((&*data_key).into());
        match cipher.encrypt([DOMAIN, &bound_to], secret.expose()) {
            Ok(content) => Ok(Sealed {
                place,
                key_id,
                data_key: wrapped,
                content,
            }),
            Err(aes_siv::Error) => Err(SecretsError::Foreign { place }),
        }
    }

    fn unseal(&self, sealed: &Sealed) -> Result<Secret, SecretsError> {
        let context = sealed.place.context();
        let foreign = || SecretsError::Foreign {
            place: sealed.place.clone(),
        };
        let data_key = self.data_key(sealed, &context)?;
        let data_key: &[u8; DATA_KEY_BYTES] = data_key
            .as_slice()
            .try_into()
            .map_err(|_length| foreign())?;
        let opened = Aes256Siv::new(data_key.into()).decrypt([DOMAIN, &context], &sealed.content);
        opened.map(Secret::new).map_err(|aes_siv::Error| foreign())
    }

    fn data_key(
        &self,
        sealed: &Sealed,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        Ok(self
            .keys
            .unwrap(&sealed.key_id, &sealed.data_key, context)?)
    }

    /// The secrets of one owner, the newest first, each with when it was made. Blocks.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn read(&self, purpose: Purpose, name: &str) -> Result<Vec<(u64, Secret)>, SecretsError> {
        let rows = self.store.secrets(purpose, name)?;
        rows.iter()
            .map(|sealed| Ok((sealed.place.create_seconds, self.unseal(sealed)?)))
            .collect()
    }

    /// Keeps an owner's newest secret, unless it has one that was made after
    /// `unless_after_seconds`, and forgets all but the newest `kept`. Blocks.
    ///
    /// # Errors
    /// Where it cannot be kept; nothing is changed then.
    pub fn add(
        &self,
        place: Place,
        secret: &Secret,
        unless_after_seconds: u64,
        kept: u32,
    ) -> Result<(), SecretsError> {
        let sealed = self.seal(place, secret)?;
        Ok(self.store.add_secret(&sealed, unless_after_seconds, kept)?)
    }

    /// The store keys, and how many secrets each wraps. Blocks.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn keys(&self) -> Result<Vec<(StoreKey, u64)>, SecretsError> {
        let counts = self.store.secrets_by_key()?;
        let count = |key: StoreKey| {
            let count = counts.get(&key.id).copied().unwrap_or(0);
            (key, count)
        };
        Ok(self.keys.keys().into_iter().map(count).collect())
    }

    /// Makes a store key that seals from now on. [`Self::rewrap`] does the rest.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn rotate_key(&self, now_seconds: u64) -> Result<StoreKey, SecretsError> {
        Ok(self.keys.rotate(now_seconds)?)
    }

    /// Wraps every data key with the key that seals, and an hour after a rotation retires the keys
    /// that have nothing left to open. It may be stopped anywhere and begun again. Blocks.
    ///
    /// # Errors
    /// Where it could not go on; what is done stays done.
    pub fn rewrap(&self, now_seconds: u64) -> Result<(), SecretsError> {
        let known = self.keys.keys();
        let Some((current, earlier)) = known.split_last() else {
            return Ok(());
        };
        loop {
            let rows = self
                .store
                .secrets_not_under(&current.id, REWRAPPED_AT_ONCE)?;
            if rows.is_empty() {
                break;
            }
            let rewrapped = rows
                .into_iter()
                .map(|row| {
                    let context = row.place.context();
                    let data_key = self.data_key(&row, &context)?;
                    let (key_id, data_key) = self.keys.wrap(&data_key, &context)?;
                    let earlier = row.key_id.clone();
                    let sealed = Sealed {
                        key_id,
                        data_key,
                        ..row
                    };
                    Ok((earlier, sealed))
                })
                .collect::<Result<Vec<_>, SecretsError>>()?;
            self.store.rewrap_secrets(&rewrapped)?;
        }
        let is_settled =
            current.create_seconds.saturating_add(RETIRED_AFTER_SECONDS) <= now_seconds;
        for key in earlier.iter().filter(|_| is_settled) {
            self.keys.retire(&key.id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
