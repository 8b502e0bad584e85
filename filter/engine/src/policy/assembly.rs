//! A policy that is put together in steps, so that none holds up a worker for long.

use std::vec;

use super::{Parts, Policy, PolicyError};
use crate::{id::SnapshotVersion, server::Server};

/// Parts that are checked against each other in one unit of work.
const CHECKED_PARTS: usize = 4;

/// Rules, offers and quotas that are held against a server in one unit of work.
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
    Parts(Parts),
    /// Everything but these servers is.
    Servers(Box<Policy>, vec::IntoIter<Server>),
    /// It was handed out, or refused.
    Over,
}

impl Assembly {
    /// Begins with the parts of a snapshot.
    pub fn new(version: SnapshotVersion, parts: Parts) -> Self {
        Self {
            version,
            step: Step::Parts(parts),
        }
    }

    /// Goes on for so many units of work, which are taken away, or one step more. `None`: there is
    /// more to do.
    ///
    /// # Errors
    /// Where the parts contradict each other.
    pub fn proceed(&mut self, units: &mut usize) -> Result<Option<Policy>, PolicyError> {
        loop {
            let step = std::mem::replace(&mut self.step, Step::Over);
            let (step, spent) = match step {
                Step::Parts(parts) => {
                    let spent = 1_usize.saturating_add(parts.len() / CHECKED_PARTS);
                    let (policy, servers) = Policy::without_servers(self.version, parts)?;
                    (Step::Servers(Box::new(policy), servers.into_iter()), spent)
                }
                Step::Servers(mut policy, mut servers) => {
                    let Some(server) = servers.next() else {
                        return Ok(Some(*policy));
                    };
                    let held = policy.register(server);
                    let spent = 1_usize.saturating_add(held / HELD_PARTS);
                    (Step::Servers(policy, servers), spent)
                }
                Step::Over => return Ok(None),
            };
            self.step = step;
            *units = units.saturating_sub(spent);
            if *units == 0 {
                return Ok(None);
            }
        }
    }
}
