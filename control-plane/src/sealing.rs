//! The keys that seal handles: one organization's each, made here, kept sealed, and handed to
//! instances over their streams alone.

use chancery_engine::{seal::SEALING_KEY_BYTES, secret::Secret};
use chancery_proto::node::v1::SealingKeys;
use zeroize::Zeroizing;

use crate::secrets::{Place, Purpose, Secrets, SecretsError};

/// A key seals for this long; for as long again it still opens what it sealed.
const SEALS_FOR_SECONDS: u64 = 30 * 24 * 60 * 60;

/// A key that replaces another waits for this long before it seals, until every instance has it.
const SPREADS_FOR_SECONDS: u64 = 2 * 60 * 60;

/// How many keys an organization has at once: the one that seals and the one before it.
const KEYS_KEPT: u32 = 2;

/// Why an organization has no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// Where they are kept.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The system.
    #[error("the system has no random bytes for a sealing key: {0}")]
    Random(#[from] getrandom::Error),
}

/// An organization's keys, with a new one where it has none or its newest is due.
///
/// # Errors
/// Where a key can be neither read nor made.
pub fn keys(
    secrets: &Secrets,
    organization: &str,
    now_seconds: u64,
) -> Result<SealingKeys, SealingError> {
    let oldest_seconds = now_seconds.saturating_sub(SEALS_FOR_SECONDS);
    let mut keys = secrets.read(Purpose::Sealing, organization)?;
    if keys.first().is_none_or(|(made, _)| *made <= oldest_seconds) {
        let mut key = Zeroizing::new([0; SEALING_KEY_BYTES]);
        getrandom::getrandom(&mut *key)?;
        let place = Place {
            purpose: Purpose::Sealing,
            name: organization.to_owned(),
            create_seconds: now_seconds,
        };
        secrets.add(place, &Secret::new(*key), oldest_seconds, KEYS_KEPT)?;
        keys = secrets.read(Purpose::Sealing, organization)?;
    }
    let is_spread = |made: u64| made.saturating_add(SPREADS_FOR_SECONDS) <= now_seconds;
    if keys.first().is_some_and(|(made, _)| !is_spread(*made)) {
        keys.rotate_left(1);
    }
    Ok(SealingKeys {
        organization: organization.to_owned(),
        keys: keys.iter().map(|(_, key)| key.expose().to_vec()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{secrets::key_file::KeyFile, store::Store};

    #[test]
    fn a_key_lasts_and_the_one_before_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite"), 1).unwrap();
        let store_key = KeyFile::create(&folder.path().join("store.key"), 0).unwrap();
        let secrets = Secrets::open(Arc::new(store), Arc::new(store_key)).unwrap();
        let keys_at = |now| keys(&secrets, "organizations/o", now).unwrap().keys;
        let start = SEALS_FOR_SECONDS;
        let first = keys_at(start);
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].len(), SEALING_KEY_BYTES);
        assert_eq!(keys_at(start + SEALS_FOR_SECONDS - 1), first);

        // The new key opens from the first hour on and seals once it has spread.
        let due = start + SEALS_FOR_SECONDS;
        let spreading = keys_at(due);
        assert_eq!(spreading.len(), 2);
        assert_eq!(spreading[0], first[0]);
        let spread = keys_at(due + SPREADS_FOR_SECONDS);
        assert_eq!(spread, [spreading[1].clone(), first[0].clone()]);

        // What the first key sealed last still opens a day later, and long after that.
        let a_day = 24 * 60 * 60;
        assert_eq!(keys_at(due + SPREADS_FOR_SECONDS + a_day), spread);
        assert_eq!(keys_at(due + SEALS_FOR_SECONDS - 1), spread);

        let third = keys_at(due + SEALS_FOR_SECONDS + SPREADS_FOR_SECONDS);
        assert_eq!(third.len(), 2);
        assert!(third.contains(&spread[0]) && !third.contains(&first[0]));

        let other = keys(&secrets, "organizations/p", start).unwrap();
        assert_ne!(other.keys, first);
    }
}
