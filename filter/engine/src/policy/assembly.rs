//! A policy that is put together in steps, so that none holds up a worker for long.

use std::vec;

use super::{Parts, Policy, PolicyError, parts::RuleSets};
use crate::{id::SnapshotVersion, rule::RuleIndexDraft, server::Server};

/// Parts that are checked against each other in one unit of work.
const CHECKED_PARTS: usize = 4;

/// Rules of which one part of their index is made in one unit of work.
const INDEXED_RULES: usize = 4;

/// Offers and quotas that are held against a server in one unit of work.
const HELD_PARTS: usize = 16;

/// A policy on its way.
#[derive(Debug)]
pub struct Assembly {
    version: SnapshotVersion,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Nothing is put together yet.
    Parts(Box<Parts>),
    /// Some rules and servers are not.
    Rest(Box<Rest>),
    /// It was handed out, or refused.
    Over,
}

/// A policy, and what is still to come into it.
#[derive(Debug)]
struct Rest {
    policy: Policy,
    /// The rules that are not indexed.
    rules: RuleSets,
    /// The rules of an organization that are being indexed, and how many.
    draft: Option<(Box<str>, RuleIndexDraft, usize)>,
    servers: vec::IntoIter<Server>,
}

impl Assembly {
    /// Begins with the parts of a snapshot.
    pub fn new(version: SnapshotVersion, parts: Parts) -> Self {
        Self {
            version,
            step: Step::Parts(Box::new(parts)),
        }
    }

    /// Goes on for so many units of work, which are taken away, or one step more. `None`: there is
    /// more to do.
    ///
    /// # Errors
    /// Where the parts contradict each other.
    pub fn proceed(&mut self, units: &mut usize) -> Result<Option<Policy>, PolicyError> {
        loop {
            let spent = match std::mem::replace(&mut self.step, Step::Over) {
                Step::Parts(parts) => {
                    let spent = parts.len() / CHECKED_PARTS;
                    let (policy, rules, servers) = Policy::begin(self.version, *parts)?;
                    self.step = Step::Rest(Box::new(Rest {
                        policy,
                        rules,
                        draft: None,
                        servers: servers.into_iter(),
                    }));
                    spent
                }
                Step::Rest(mut rest) => {
                    let Some(spent) = rest.add_next() else {
                        return Ok(Some(rest.policy));
                    };
                    self.step = Step::Rest(rest);
                    spent
                }
                Step::Over => return Ok(None),
            };
            *units = units.saturating_sub(spent.max(1));
            if *units == 0 {
                return Ok(None);
            }
        }
    }
}

impl Rest {
    /// Adds a piece, in this many units of work. `None`: there was none left.
    fn add_next(&mut self) -> Option<usize> {
        if let Some((organization, mut draft, count)) = self.draft.take() {
            if self.policy.index(&organization, &mut draft) {
                self.draft = Some((organization, draft, count));
            } else {
                self.policy.rules.insert(organization, draft.finish());
            }
            return Some(count / INDEXED_RULES);
        }
        if let Some((organization, rules)) = self.rules.pop_first() {
            let count = rules.len();
            self.draft = Some((organization, RuleIndexDraft::new(rules), count));
            return Some(1);
        }
        let server = self.servers.next()?;
        Some(self.policy.register(server) / HELD_PARTS)
    }
}
