//! How much may be called: quotas, and the buckets that a call spends from.

mod bucket;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

pub use bucket::{Place, Rate, Spending};

use crate::{
    circumstances::Circumstances,
    glob::Glob,
    id::Time,
    policy::{Policy, ServerIndex},
    principal::Principal,
    subject::Subjects,
    truth::Truth,
};

/// How many calls may be made in some time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Its resource name, `organizations/{o}/quotas/{q}`.
    pub name: Box<str>,
    /// Whose calls are counted.
    pub subjects: Subjects,
    /// On which servers, by id.
    pub servers: Vec<Glob>,
    /// Of which tools, by name. Empty: all.
    pub tools: Vec<Glob>,
    /// How many, in what time.
    pub rate: Rate,
    /// What has a bucket of its own. Empty: all that is counted shares one.
    pub per: BTreeSet<Per>,
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Per {
    /// Each principal.
    Principal,
    /// Each tool.
    Tool,
    /// Each server.
    Server,
}

/// Who calls, and where.
#[derive(Clone, Copy, Debug)]
struct Caller<'a> {
    principal: &'a Principal,
    /// The server's resource name.
    server: &'a str,
}

/// A bucket that a call spends from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Charge {
    /// The quota's resource name.
    pub quota: Box<str>,
    /// Which of [`SHELVES`].
    shelf: u16,
    place: Place,
}

/// How many shelves a node has, which is one value of shared data each.
pub const SHELVES: usize = 1 << 16;

/// A call that a quota refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exceeded {
    /// The quota's resource name.
    pub quota: Box<str>,
    /// When to try again, in seconds from now.
    pub retry_after_seconds: u64,
}

/// Where a node keeps its shelves.
pub trait Shelves {
    /// Tells one writing of a shelf from the next.
    type Stamp;

    /// What stands on a shelf: nothing where it was never written.
    fn get(&mut self, key: &str) -> (Vec<u8>, Self::Stamp);

    /// Writes a shelf, unless somebody else has since it was read; whether it was written.
    fn put(&mut self, key: &str, bytes: &[u8], stamp: Self::Stamp) -> bool;
}

/// For one thread.
impl Shelves for BTreeMap<String, Vec<u8>> {
    type Stamp = ();

    fn get(&mut self, key: &str) -> (Vec<u8>, ()) {
        let bytes = Self::get(self, key);
        (bytes.cloned().unwrap_or_default(), ())
    }

    fn put(&mut self, key: &str, bytes: &[u8], _stamp: ()) -> bool {
        self.insert(key.to_owned(), bytes.to_vec());
        true
    }
}

impl Policy {
    /// The buckets that a call of some tools, which are judged together, spends from: one call from
    /// each. Whoever may be among a quota's subjects is counted.
    pub fn charges(
        &self,
        server: ServerIndex,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
        tools: &[&str],
    ) -> Vec<Charge> {
        let name = self.server(server).map_or("", |server| &*server.name);
        let caller = Caller {
            principal,
            server: name,
        };
        let mut charges = Vec::new();
        for quota in self.quotas_of(server) {
            let is_counted =
                self.membership(&quota.name, &quota.subjects, principal, circumstances)
                    != Truth::Fails;
            let of_quota = tools.iter().filter_map(|tool| quota.charge(caller, tool));
            for charge in of_quota.take_while(|_| is_counted) {
                if !charges.contains(&charge) {
                    charges.push(charge);
                }
            }
        }
        charges
    }
}

impl Quota {
    /// Whether it counts a tool's calls.
    fn counts(&self, tool: &str) -> bool {
        self.tools.is_empty() || self.tools.iter().any(|glob| glob.matches(tool))
    }

    /// The bucket that one of its subjects' calls of a tool spends from, if they are counted.
    fn charge(&self, caller: Caller<'_>, tool: &str) -> Option<Charge> {
        self.counts(tool).then(|| {
            let [s0, s1, t0, t1, t2, t3, t4, t5, t6, t7, ..] = self.digest(caller, tool);
            Charge {
                quota: self.name.clone(),
                shelf: u16::from_be_bytes([s0, s1]),
                place: Place {
                    tag: u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
                    rate: self.rate,
                },
            }
        })
    }

    /// Names the bucket. A quota with another rate is another quota: its buckets begin full.
    ///
    /// A user's calls count together, through whichever agent they come; an agent's own are its
    /// own.
    fn digest(&self, caller: Caller<'_>, tool: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        };
        add(&self.name);
        add(&self.rate.calls.to_string());
        add(&self.rate.period_ms.to_string());
        for per in &self.per {
            match per {
                Per::Principal => {
                    let Principal {
                        user,
                        agent,
                        issuer,
                        ..
                    } = caller.principal;
                    let (kind, id) = match (user, agent) {
                        (Some(user), _) => ("user", &**user),
                        (None, Some(agent)) => ("agent", &**agent),
                        (None, None) => ("anonymous", ""),
                    };
                    add(kind);
                    add(issuer.as_deref().unwrap_or_default());
                    add(id);
                }
                Per::Tool => add(tool),
                Per::Server => add(caller.server),
            }
        }
        hash.finalize().into()
    }
}

impl Charge {
    /// The shelf's key in a node's shared data. It changes with the form of what is kept there.
    fn key(&self) -> String {
        format!("chancery.quota.2.{:04x}", self.shelf)
    }

    fn spend(&self, shelves: &mut impl Shelves, now: Time) -> Result<(), Exceeded> {
        let key = self.key();
        for _ in 0..MAX_TRIES {
            let (bytes, stamp) = shelves.get(&key);
            match self.place.spend(&bytes, now) {
                Spending::Spent(after) => {
                    if shelves.put(&key, &after, stamp) {
                        return Ok(());
                    }
                }
                Spending::Empty {
                    retry_after_ms,
                    mended,
                } => {
                    // Where somebody else was faster, they have mended it, or the next call does.
                    mended.map(|after| shelves.put(&key, &after, stamp));
                    return Err(self.exceeded(retry_after_ms));
                }
            }
        }
        Err(self.exceeded(0))
    }

    fn give_back(&self, shelves: &mut impl Shelves) {
        let key = self.key();
        for _ in 0..MAX_TRIES {
            let (bytes, stamp) = shelves.get(&key);
            let after = self.place.give_back(&bytes);
            if after.is_none_or(|after| shelves.put(&key, &after, stamp)) {
                return;
            }
        }
    }

    fn exceeded(&self, retry_after_ms: u64) -> Exceeded {
        Exceeded {
            quota: self.quota.clone(),
            retry_after_seconds: retry_after_ms.div_ceil(1_000).max(1),
        }
    }
}

/// How often a shelf is written that others write at the same time; the call is refused then.
const MAX_TRIES: usize = 16;

/// Spends one call from each bucket, or from none.
///
/// Exact for one bucket. With several, what one quota gave is given back when another has none, and
/// a call that is judged in between may find the first one emptier than it is.
///
/// # Errors
/// The first quota that has none.
pub fn spend(charges: &[Charge], shelves: &mut impl Shelves, now: Time) -> Result<(), Exceeded> {
    for (position, charge) in charges.iter().enumerate() {
        if let Err(exceeded) = charge.spend(shelves, now) {
            for spent in charges.iter().take(position) {
                spent.give_back(shelves);
            }
            return Err(exceeded);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
