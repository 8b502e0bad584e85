//! When which server is looked at.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use tokio::time::Instant;

/// Within what time servers are looked at for the first time, so that a start does not ask all at once.
const SPREAD_OVER: Duration = Duration::from_mins(1);

/// How many times longer than else a server is left alone that fails again and again.
const MAX_BACKOFF: u32 = 8;

/// When which server is due.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    servers: BTreeMap<String, Due>,
}

#[derive(Debug)]
struct Due {
    /// `None`: it is looked at now.
    at: Option<Instant>,
    interval: Duration,
}

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            servers: BTreeMap::new(),
        }
    }

    /// Takes in which servers there are now.
    pub(super) fn follow(&mut self, scanned: Vec<(String, Option<Duration>)>) {
        let mut before = std::mem::take(&mut self.servers);
        for (name, interval) in scanned {
            let interval = interval.unwrap_or(self.interval);
            let known = before.remove(&name).filter(|due| due.interval == interval);
            let due = known.unwrap_or_else(|| Due {
                at: Some(Instant::now() + spread(&name, interval)),
                interval,
            });
            self.servers.insert(name, due);
        }
    }

    /// One that is due and not looked at; it is from now on.
    pub(super) fn next_due(&mut self) -> Option<String> {
        let now = Instant::now();
        let is_due = |due: &Due| due.at.is_some_and(|at| at <= now);
        let (name, due) = self.servers.iter_mut().find(|(_, due)| is_due(due))?;
        due.at = None;
        Some(name.clone())
    }

    pub(super) fn ended(&mut self, name: &str, failures: u32) {
        if let Some(due) = self.servers.get_mut(name) {
            let factor = 1_u32.checked_shl(failures).unwrap_or(MAX_BACKOFF);
            let wait = due.interval.saturating_mul(factor.min(MAX_BACKOFF));
            due.at = Some(Instant::now() + wait);
        }
    }
}

/// When a server is looked at for the first time: at random, and yet always the same for one name.
fn spread(name: &str, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let range = interval.min(SPREAD_OVER).as_millis();
    let range = u64::try_from(range).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hasher.finish() % range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_fails_is_asked_less_often() {
        let minute = Duration::from_mins(1);
        let mut schedule = Schedule::new(minute);
        schedule.follow(vec![("s".to_owned(), None)]);
        let begun = Instant::now();
        let mut due = async |failures| {
            while schedule.next_due().is_none() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            // One that is looked at is not due.
            assert_eq!(schedule.next_due(), None);
            schedule.ended("s", failures);
            begun.elapsed().as_secs() / 60
        };
        assert_eq!(due(0).await, 0);
        let mut before = due(1).await;
        for (failures, minutes) in [(2, 2), (3, 4), (4, 8), (40, 8), (0, 8), (0, 1)] {
            let now = due(failures).await;
            assert_eq!(now - before, minutes);
            before = now;
        }
    }
}
