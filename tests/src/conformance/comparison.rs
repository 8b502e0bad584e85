//! Two runs of the same checks.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use super::{CheckKey, Checks, Status};

/// A check on both sides.
#[derive(Debug)]
pub struct Compared {
    /// Which.
    pub key: CheckKey,
    /// How it came out directly; `None` where it was not made.
    pub direct: Option<Status>,
    /// How it came out through what is between.
    pub through: Option<Status>,
    /// What was wrong, on the side where something was.
    pub message: String,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            direct,
            through,
            message,
        } = self;
        let [was, is] = [direct, through].map(|status| outcome(*status));
        write!(f, "{key} (direct {was}, through {is})")?;
        if message.is_empty() {
            return Ok(());
        }
        write!(f, "\n  {message}")
    }
}

fn outcome(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Success) => "passed",
        Some(Status::Failure) => "failed",
        Some(Status::Warning) => "warned",
        Some(Status::Skipped) => "skipped",
        Some(Status::Info) => "informed",
        None => "not made",
    }
}

/// What is between a client and a server, judged by what it changes.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Checks that are worse through it.
    pub worse: Vec<Compared>,
    /// Checks that are better through it.
    pub better: Vec<Compared>,
    /// Checks that fail either way.
    pub failing: Vec<Compared>,
}

impl Comparison {
    /// Compares check by check.
    pub fn new(direct: &Checks, through: &Checks) -> Self {
        let mut comparison = Self::default();
        let keys: BTreeSet<&CheckKey> = direct.0.keys().chain(through.0.keys()).collect();
        for key in keys {
            let sides = (direct.0.get(key), through.0.get(key));
            let [was, is] = [sides.0, sides.1].map(|check| check.map(|check| check.status));
            let into = match rank(is).cmp(&rank(was)) {
                Ordering::Less => &mut comparison.worse,
                Ordering::Greater => &mut comparison.better,
                Ordering::Equal if rank(is) < Status::Skipped => &mut comparison.failing,
                Ordering::Equal => continue,
            };
            let wrong = if rank(is) > rank(was) {
                sides.0
            } else {
                sides.1
            };
            into.push(Compared {
                key: key.clone(),
                direct: was,
                through: is,
                message: wrong.map_or_else(String::new, |check| check.message.clone()),
            });
        }
        comparison
    }
}

/// A check that says nothing is worth as much as one that was not made.
fn rank(status: Option<Status>) -> Status {
    match status {
        None | Some(Status::Info) => Status::Skipped,
        Some(status) => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::checks::Outcome;

    fn checks(outcomes: &[(&str, Status)]) -> Checks {
        let outcome = |(id, status): &(&str, Status)| Outcome {
            id: (*id).to_owned(),
            name: String::new(),
            status: *status,
            error_message: None,
        };
        let mut checks = Checks::default();
        checks.add("scenario", outcomes.iter().map(outcome).collect());
        checks
    }

    #[test]
    fn every_check_counts_for_itself_and_what_is_not_made_does_not_pass() {
        let direct = checks(&[
            ("a", Status::Success),
            ("a", Status::Failure),
            ("b", Status::Success),
            ("c", Status::Info),
            ("d", Status::Warning),
        ]);
        let through = checks(&[
            ("a", Status::Failure),
            ("a", Status::Success),
            ("c", Status::Skipped),
            ("d", Status::Failure),
            ("e", Status::Info),
        ]);
        let comparison = Comparison::new(&direct, &through);
        let ids = |compared: &[Compared]| -> Vec<(String, usize)> {
            let places = compared
                .iter()
                .map(|d| (d.key.id.clone(), d.key.repetition));
            places.collect()
        };
        let place = |id: &str, repetition| (id.to_owned(), repetition);
        assert_eq!(
            ids(&comparison.worse),
            [place("a", 0), place("b", 0), place("d", 0)]
        );
        assert_eq!(ids(&comparison.better), [place("a", 1)]);
        assert!(comparison.failing.is_empty());
        assert_eq!(through.tally().to_string(), "1/2");
    }
}
