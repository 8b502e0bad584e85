//! Which drift was recorded already: a server is listed in every session, and differs the same way
//! each time.

use std::collections::BTreeSet;

use crate::{
    approved::Drift,
    canonical::{DefinitionPlace, Pin},
    entry::DriftEvent,
};

/// Most definitions of one server that are recorded one by one under one policy, and of all servers:
/// one that makes up new ones must not push what others do out of the record.
const MAX_OF_SERVER: usize = 64;
const MAX: usize = 512;

type Sighting = (Box<str>, DefinitionPlace, Box<str>, Drift, Option<Pin>);

/// What was recorded under the policy in force.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    seen: BTreeSet<Sighting>,
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
        } = event;
        let sighting = (server.clone(), *place, name.clone(), *drift, *seen);
        if self.seen.contains(&sighting) {
            return false;
        }
        let of_server = self.seen.iter().filter(|(known, ..)| known == server);
        if self.seen.len() >= MAX || of_server.count() >= MAX_OF_SERVER {
            self.coalesced = self.coalesced.saturating_add(1);
            return false;
        }
        self.seen.insert(sighting)
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
}
