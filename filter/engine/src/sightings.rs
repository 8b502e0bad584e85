//! Which drift was recorded already: a server is listed in every session, and differs the same way
//! each time.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    approved::Drift,
    canonical::{DefinitionPlace, Pin},
    entry::DriftEvent,
    principal::Principal,
};

/// Most definitions of one server that are recorded one by one under one policy, and of all servers:
/// one that makes up new ones must not push what others do out of the record.
const MAX_OF_SERVER: usize = 64;
const MAX: usize = 512;

type Sighting = (Box<str>, DefinitionPlace, Box<str>, Drift, Option<Pin>);

/// Who has seen something: one, or more. The word of two counts where that of one does not.
#[derive(Debug)]
enum Witnesses {
    One(Arc<Principal>),
    More,
}

/// What was recorded under the policy in force.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    seen: BTreeMap<Sighting, Witnesses>,
    coalesced: u64,
}

impl Sightings {
    /// Notes a sighting; whether it is to be recorded by itself.
    pub(crate) fn is_new(&mut self, event: &DriftEvent) -> bool {
        let DriftEvent {
            server,
            place,
            name,
            seen,
            drift,
            definition: _,
            is_hidden: _,
            principal,
        } = event;
        let sighting = (server.clone(), *place, name.clone(), *drift, *seen);
        if let Some(witnesses) = self.seen.get_mut(&sighting) {
            let is_second = match witnesses {
                Witnesses::One(first) => is_other(first, principal),
                Witnesses::More => false,
            };
            if is_second {
                *witnesses = Witnesses::More;
            }
            return is_second;
        }
        let of_server = self.seen.keys().filter(|(known, ..)| known == server);
        if self.seen.len() >= MAX || of_server.count() >= MAX_OF_SERVER {
            self.coalesced = self.coalesced.saturating_add(1);
            return false;
        }
        let witness = Witnesses::One(Arc::clone(principal));
        self.seen.insert(sighting, witness);
        true
    }

    /// How much drift was counted instead of recorded, since this was last asked.
    pub(crate) fn take_coalesced(&mut self) -> u64 {
        std::mem::take(&mut self.coalesced)
    }

    /// A new policy is in force: what still differs is recorded once more.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
    }
}

/// Whether two are not the same one, whatever else their tokens say.
fn is_other(one: &Principal, other: &Principal) -> bool {
    (&one.issuer, &one.user, &one.agent) != (&other.issuer, &other.user, &other.agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Content;

    fn drift(server: &str, name: usize) -> DriftEvent {
        DriftEvent {
            server: server.into(),
            place: DefinitionPlace::Instructions,
            name: name.to_string().into(),
            seen: None,
            drift: Drift::New,
            definition: Content::bounded("{}", 2, None),
            is_hidden: true,
            principal: Arc::default(),
        }
    }

    #[test]
    fn each_is_new_once_and_no_server_makes_up_more_than_its_share() {
        let mut sightings = Sightings::default();
        let mut news = |server: &str, names: std::ops::Range<usize>| {
            let new = names.filter(|name| sightings.is_new(&drift(server, *name)));
            new.count()
        };
        assert_eq!(news("a", 0..1), 1);
        assert_eq!(news("a", 0..1), 0);
        assert_eq!(news("a", 0..1_000), MAX_OF_SERVER - 1);
        assert_eq!(news("b", 0..3), 3);
        for server in 0..20 {
            let _ = news(&server.to_string(), 0..1_000);
        }
        assert_eq!(sightings.seen.len(), MAX);
        assert!(sightings.take_coalesced() > 1_000);
        assert_eq!(sightings.take_coalesced(), 0);
        sightings.forget();
        assert!(sightings.is_new(&drift("a", 0)));
    }

    #[test]
    fn what_another_one_sees_is_recorded_once_more_and_no_more() {
        let mut sightings = Sightings::default();
        let mut is_new = |user: &str, groups: &[&str]| {
            let principal = Principal {
                user: Some(user.into()),
                groups: groups.iter().map(|group| (*group).into()).collect(),
                ..Principal::default()
            };
            sightings.is_new(&DriftEvent {
                principal: Arc::new(principal),
                ..drift("a", 0)
            })
        };
        assert!(is_new("ann", &[]));
        assert!(!is_new("ann", &["dev"]), "the same one with another token");
        assert!(is_new("bob", &[]));
        assert!(!is_new("cid", &[]) && !is_new("ann", &[]));
    }
}
