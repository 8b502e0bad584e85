//! Which MCP of nobody's was recorded already: a client makes many requests, and a scanner as many as
//! it likes.

use crate::{entry::ShadowEvent, id::Time};

/// Most that are told apart at a time, and most of one host: whoever makes up paths must not push other
/// hosts out of the record.
const MAX: usize = 512;
const MAX_OF_HOST: usize = 32;

/// How long what was recorded is only counted.
const QUIET_MS: u64 = 3_600_000;

#[derive(Debug)]
struct Seen {
    event: ShadowEvent,
    recorded: Time,
    /// How many came since.
    count: u64,
}

/// What was recorded, and what came since.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    seen: Vec<Seen>,
    coalesced: u64,
    /// When that was last told.
    told: Option<Time>,
}

impl Noticed {
    /// Notes a request: how many one that is recorded now stands for. `None`: it is only counted.
    pub(crate) fn note(&mut self, event: &ShadowEvent, now: Time) -> Option<u64> {
        if let Some(seen) = self.seen.iter_mut().find(|it| is_alike(&it.event, event)) {
            seen.count = seen.count.saturating_add(1);
            if now.since_ms(seen.recorded) < QUIET_MS {
                return None;
            }
            seen.recorded = now;
            return Some(std::mem::take(&mut seen.count));
        }
        if !self.has_room(event) {
            self.make_room(now);
            if !self.has_room(event) {
                self.coalesced = self.coalesced.saturating_add(1);
                return None;
            }
        }
        self.seen.push(Seen {
            event: event.clone(),
            recorded: now,
            count: 0,
        });
        Some(1)
    }

    fn has_room(&self, event: &ShadowEvent) -> bool {
        let of_host = self.seen.iter().filter(|it| it.event.host == event.host);
        self.seen.len() < MAX && of_host.count() < MAX_OF_HOST
    }

    /// Forgets everything whose hour is over: should it come again, it is recorded again. What came of
    /// it since is counted with the rest.
    fn make_room(&mut self, now: Time) {
        let mut forgotten: u64 = 0;
        self.seen.retain(|it| {
            let is_quiet = now.since_ms(it.recorded) < QUIET_MS;
            if !is_quiet {
                forgotten = forgotten.saturating_add(it.count);
            }
            is_quiet
        });
        self.coalesced = self.coalesced.saturating_add(forgotten);
    }

    /// How many were counted instead of told apart, once an hour at most.
    pub(crate) fn take_coalesced(&mut self, now: Time) -> u64 {
        let is_told = self.told.is_some_and(|told| now.since_ms(told) < QUIET_MS);
        if is_told || self.coalesced == 0 {
            return 0;
        }
        self.told = Some(now);
        std::mem::take(&mut self.coalesced)
    }
}

/// Whether two are of one caller to one place.
fn is_alike(one: &ShadowEvent, other: &ShadowEvent) -> bool {
    let [who, whose] = [&one.principal, &other.principal];
    one.host == other.host
        && one.path == other.path
        && one.kind == other.kind
        && one.workload == other.workload
        && (&who.issuer, &who.user, &who.agent) == (&whose.issuer, &whose.user, &whose.agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::ShadowKind;

    fn event(host: &str, path: &str) -> ShadowEvent {
        ShadowEvent {
            kind: ShadowKind::Mcp,
            host: host.into(),
            path: path.into(),
            method: None,
            principal: std::sync::Arc::default(),
            workload: None,
            source: None,
            cluster: "egress".into(),
            count: 1,
        }
    }

    #[test]
    fn one_caller_at_one_place_is_recorded_once_an_hour_with_how_often() {
        let mut noticed = Noticed::default();
        let mut counts = |path, ms| noticed.note(&event("a", path), Time::from_unix_ms(ms));
        assert_eq!(counts("/mcp", 0), Some(1));
        for ms in 1..5 {
            assert_eq!(counts("/mcp", ms), None);
        }
        assert_eq!(counts("/other", 5), Some(1));
        assert_eq!(counts("/mcp", QUIET_MS), Some(5));
        assert_eq!(counts("/mcp", QUIET_MS + 1), None);
        let other = ShadowEvent {
            workload: Some("spiffe://a/b".into()),
            ..event("a", "/mcp")
        };
        assert_eq!(noticed.note(&other, Time::from_unix_ms(6)), Some(1));
    }

    /// How many of these requests are recorded.
    fn recorded(noticed: &mut Noticed, host: &str, paths: usize, ms: u64) -> usize {
        let events = (0..paths).map(|path| event(host, &path.to_string()));
        let now = Time::from_unix_ms(ms);
        events.filter(|it| noticed.note(it, now).is_some()).count()
    }

    #[test]
    fn whoever_makes_up_places_is_counted_and_makes_room_in_time() {
        let mut noticed = Noticed::default();
        assert_eq!(recorded(&mut noticed, "a", 1_000, 0), MAX_OF_HOST);
        assert_eq!(recorded(&mut noticed, "b", 3, 0), 3);
        // Each comes more than once, as every client does.
        for ms in 1..=3 {
            recorded(&mut noticed, "a", MAX_OF_HOST, ms);
            recorded(&mut noticed, "b", 3, ms);
            for host in 0..100 {
                recorded(&mut noticed, &host.to_string(), 1_000, ms);
            }
        }
        assert_eq!(noticed.seen.len(), MAX);
        assert_eq!(recorded(&mut noticed, "new", 1, 4), 0);
        assert_eq!(recorded(&mut noticed, "new", 1, QUIET_MS + 3), 1);
        assert!(noticed.seen.len() <= MAX);
    }

    #[test]
    fn a_full_host_makes_room_in_time_and_nothing_that_was_counted_is_lost() {
        let mut noticed = Noticed::default();
        for ms in 0..3 {
            recorded(&mut noticed, "a", MAX_OF_HOST, ms);
        }
        assert_eq!(recorded(&mut noticed, "b", 1, 3), 1);
        let late = event("a", "late");
        let mut note = |ms| noticed.note(&late, Time::from_unix_ms(ms));
        assert_eq!((note(3), note(QUIET_MS)), (None, Some(1)));
        let again = u64::try_from(2 * MAX_OF_HOST).unwrap();
        let told = noticed.take_coalesced(Time::from_unix_ms(QUIET_MS));
        assert_eq!(told, again + 1);
        // What another host has left of its hour stays.
        assert_eq!(recorded(&mut noticed, "b", 1, QUIET_MS), 0);
    }

    #[test]
    fn how_many_were_only_counted_is_told_once_an_hour() {
        let mut noticed = Noticed::default();
        let more = 10;
        let mut told = |ms| {
            recorded(&mut noticed, "a", MAX_OF_HOST + more, ms);
            noticed.take_coalesced(Time::from_unix_ms(ms))
        };
        let ten = u64::try_from(more).unwrap();
        assert_eq!((told(0), told(1), told(2)), (ten, 0, 0));
        assert_eq!(told(QUIET_MS), 3 * ten);
    }
}
