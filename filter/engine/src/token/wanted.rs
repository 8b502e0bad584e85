//! Keys that tokens name and nobody here has: asked for once each, and not at all for a while where
//! there were none.

use std::collections::{BTreeMap, VecDeque};

use crate::id::Time;

/// A key that a token names and nobody here has.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WantedKey {
    /// The provider's resource name.
    pub identity_provider: Box<str>,
    /// The token's `kid`.
    pub key_id: Box<str>,
}

/// What is to be done about a wanted key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Ask for it, and wait until then.
    Now(Time),
    /// It was asked for: wait until then.
    Already(Time),
    /// Do not wait: there is none, or too many are asked for at once.
    Never,
}

/// What was asked for and what came of it.
#[derive(Debug, Default)]
pub struct WantedKeys {
    /// By when each is answered.
    asked: BTreeMap<WantedKey, Time>,
    /// Until when each counts as unknown.
    unknown: BTreeMap<WantedKey, Time>,
    /// The unknown, the one that was found so first.
    order: VecDeque<WantedKey>,
}

/// How long an answer is waited for, in milliseconds.
const MAX_WAIT_MS: u64 = 1_000;

/// How long an unknown key is not asked for again, in milliseconds.
const UNKNOWN_MS: u64 = 60_000;

/// Most keys that are asked for at once: whoever makes up new ones must not be able to fill the
/// stream.
const MAX_ASKED: usize = 64;

/// Most keys that are remembered as unknown, the oldest out first.
const MAX_UNKNOWN: usize = 1_024;

impl WantedKeys {
    /// What is to be done about a key.
    pub fn want(&mut self, key: &WantedKey, now: Time) -> Ask {
        self.expire(now);
        if self.unknown.get(key).is_some_and(|until| now < *until) {
            return Ask::Never;
        }
        if let Some(deadline) = self.asked.get(key) {
            return Ask::Already(*deadline);
        }
        if self.asked.len() >= MAX_ASKED {
            return Ask::Never;
        }
        let deadline = now.plus_ms(MAX_WAIT_MS);
        self.asked.insert(key.clone(), deadline);
        Ask::Now(deadline)
    }

    /// A key was looked for.
    pub fn answered(&mut self, key: &WantedKey, is_known: bool, now: Time) {
        self.asked.remove(key);
        if !is_known {
            self.forget(key.clone(), now);
        }
    }

    /// Nobody is there to answer any more.
    pub fn disconnected(&mut self) {
        self.asked.clear();
    }

    /// What was not answered in time counts as unknown: a later answer brings the key all the same.
    fn expire(&mut self, now: Time) {
        let late: Vec<_> = self
            .asked
            .extract_if(.., |_, deadline| *deadline <= now)
            .map(|(key, _)| key)
            .collect();
        for key in late {
            self.forget(key, now);
        }
    }

    fn forget(&mut self, key: WantedKey, now: Time) {
        let until = now.plus_ms(UNKNOWN_MS);
        if self.unknown.insert(key.clone(), until).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MAX_UNKNOWN {
            if let Some(oldest) = self.order.pop_front() {
                self.unknown.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: usize) -> WantedKey {
        WantedKey {
            identity_provider: "organizations/o/identityProviders/p".into(),
            key_id: id.to_string().into(),
        }
    }

    fn at(milliseconds: u64) -> Time {
        Time::from_unix_ms(milliseconds)
    }

    #[test]
    fn asks_once_and_remembers_what_is_unknown() {
        let mut keys = WantedKeys::default();
        assert_eq!(keys.want(&key(1), at(0)), Ask::Now(at(1_000)));
        assert_eq!(keys.want(&key(1), at(400)), Ask::Already(at(1_000)));
        keys.answered(&key(1), false, at(500));
        assert_eq!(keys.want(&key(1), at(60_499)), Ask::Never);
        assert_eq!(keys.want(&key(1), at(60_500)), Ask::Now(at(61_500)));
        keys.answered(&key(1), true, at(60_600));
        assert_eq!(keys.want(&key(1), at(60_700)), Ask::Now(at(61_700)));
    }

    #[test]
    fn silence_is_an_answer() {
        let mut keys = WantedKeys::default();
        assert_eq!(keys.want(&key(1), at(0)), Ask::Now(at(1_000)));
        assert_eq!(keys.want(&key(1), at(1_000)), Ask::Never);
        keys.disconnected();
        assert_eq!(keys.want(&key(2), at(1_000)), Ask::Now(at(2_000)));
        keys.disconnected();
        assert_eq!(keys.want(&key(2), at(1_100)), Ask::Now(at(2_100)));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut keys = WantedKeys::default();
        let asked = |keys: &mut WantedKeys, ids: std::ops::Range<usize>, now| {
            ids.filter(|id| matches!(keys.want(&key(*id), now), Ask::Now(_)))
                .count()
        };
        assert_eq!(asked(&mut keys, 0..MAX_ASKED + 1, at(0)), MAX_ASKED);
        for id in 0..=MAX_UNKNOWN {
            keys.answered(&key(id), false, at(1));
        }
        assert_eq!(keys.unknown.len(), MAX_UNKNOWN);
        assert_eq!(keys.order.len(), MAX_UNKNOWN);
        assert!(matches!(keys.want(&key(0), at(2)), Ask::Now(_)));
        assert_eq!(keys.want(&key(1), at(2)), Ask::Never);
    }
}
