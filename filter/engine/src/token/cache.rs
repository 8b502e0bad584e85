//! Remembers verified tokens, so that a signature is checked once and not with every call.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::Hasher as _,
};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::VerifiedToken;
use crate::id::Time;

/// Verified tokens of one policy, bounded, oldest out first. What a token proves is remembered, not
/// what it was accepted for: its audiences are looked at with every use.
///
/// A key nobody outside knows makes the hash unpredictable, so that no choice of tokens makes the
/// cache slow; the whole token is compared before an entry counts.
#[derive(Debug)]
pub struct TokenCache {
    key: (u64, u64),
    max_tokens: usize,
    tokens: BTreeMap<u128, Entry>,
    order: VecDeque<u128>,
}

#[derive(Debug)]
struct Entry {
    token: Box<str>,
    organization: Box<str>,
    verified: VerifiedToken,
}

impl TokenCache {
    /// An empty cache.
    pub fn new(key: (u64, u64), max_tokens: usize) -> Self {
        Self {
            key,
            max_tokens,
            tokens: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Forgets everything, for when the policy changes.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.order.clear();
    }

    /// What a token was found to prove for an organization, if it still does.
    pub fn find(&self, token: &str, organization: &str, now: Time) -> Option<&VerifiedToken> {
        let entry = self.tokens.get(&self.hash(token))?;
        let same = *entry.token == *token && *entry.organization == *organization;
        (same && entry.verified.not_after > now).then_some(&entry.verified)
    }

    /// Remembers a token whose signature was checked.
    pub fn insert(&mut self, token: Box<str>, organization: &str, verified: VerifiedToken) {
        let hash = self.hash(&token);
        let entry = Entry {
            token,
            organization: organization.into(),
            verified,
        };
        if self.tokens.insert(hash, entry).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > self.max_tokens {
            if let Some(oldest) = self.order.pop_front() {
                self.tokens.remove(&oldest);
            }
        }
    }

    fn hash(&self, token: &str) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(token.as_bytes());
        hasher.finish128().as_u128()
    }
}
