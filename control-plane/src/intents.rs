//! Calls that were sent on and whose end is not on the record: found where it can come no more.
//!
//! What is open is worked out from the record itself, from its beginning once and then as it grows. So a
//! control plane that was killed knows it again, and what it has written itself it writes once.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery_proto::audit::v1::{
    Direction, Entry, Outcome, OutcomeStatus, Record, Verdict, entry::Event,
};
use prost::Message as _;
use tokio::sync::watch;

use crate::{
    instances::Instances,
    ledger::{Batch, Follower, Ledger, Source},
    registry::now,
};

/// An instance that has had no stream for this long does not come back to say how its calls ended: one
/// that lives opens a new one within seconds.
const LOST_AFTER: Duration = Duration::from_secs(15);

/// How often lost instances are looked for.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(1);

/// Most calls of one instance that are known to be open. An instance has far fewer.
const MAX_OPEN: usize = 65_536;

/// As much of an entry as says whether a call is open.
#[derive(Clone, PartialEq, prost::Message)]
struct Step {
    /// `Entry.decision_id`.
    #[prost(bytes = "vec", tag = "3")]
    decision_id: Vec<u8>,
    /// `Entry.decision`.
    #[prost(message, optional, tag = "4")]
    decision: Option<Decided>,
    /// `Entry.outcome`.
    #[prost(message, optional, tag = "5")]
    outcome: Option<Ended>,
}

/// As much of a decision.
#[derive(Clone, PartialEq, prost::Message)]
struct Decided {
    /// `Decision.direction`.
    #[prost(enumeration = "Direction", tag = "5")]
    direction: i32,
    /// `Decision.server`.
    #[prost(string, tag = "9")]
    server: String,
    /// `Decision.verdict`.
    #[prost(enumeration = "Verdict", tag = "16")]
    verdict: i32,
}

/// An outcome, whatever it says.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Ended {}

/// The open calls of one instance.
#[derive(Debug, Default)]
struct Open {
    /// The servers that they went to, by decision id.
    calls: BTreeMap<Vec<u8>, String>,
    /// Since when it has no stream, as far as that was seen.
    absent_since: Option<Instant>,
}

/// The open calls of every instance.
#[derive(Debug, Default)]
struct Intents(BTreeMap<Source, Open>);

/// Closes as unknown what an instance that is lost left open, until the control plane ends.
pub async fn close(
    ledger: Arc<Ledger>,
    instances: Arc<Instances>,
    mut draining: watch::Receiver<bool>,
) {
    let mut intents = Intents::default();
    let mut follower = Follower::new(0);
    let mut length = ledger.length();
    let mut due = tokio::time::interval(LOOKED_FOR_EVERY);
    loop {
        let is_due = tokio::select! {
            changed = length.changed() => if changed.is_ok() { false } else { return },
            _ = due.tick() => true,
            _ = draining.wait_for(|draining| *draining) => return,
        };
        length.borrow_and_update();
        follower = match read(&ledger, follower, &mut intents).await {
            Some(follower) => follower,
            None => return,
        };
        if is_due {
            let has_stream = |source: &Source| instances.has_stream(source);
            for (source, call) in intents.lost(Instant::now(), has_stream) {
                note(&ledger, &mut intents, &source, call).await;
            }
        }
    }
}

/// Reads on to the end of the record.
async fn read(
    ledger: &Arc<Ledger>,
    mut follower: Follower,
    intents: &mut Intents,
) -> Option<Follower> {
    loop {
        let ledger = Arc::clone(ledger);
        let reading = move || {
            let found = follower.read(&ledger);
            (follower, found)
        };
        let (next, found) = tokio::task::spawn_blocking(reading).await.ok()?;
        follower = next;
        match found {
            Ok(found) if found.is_empty() => return Some(follower),
            Ok(found) => found.iter().for_each(|it| intents.see(&it.record)),
            Err(error) => {
                tracing::error!(%error, "which calls are open cannot be read from the record");
                return Some(follower);
            }
        }
    }
}

/// Records that nothing is known of how a call ended. What is not recorded is tried again.
async fn note(ledger: &Ledger, intents: &mut Intents, source: &Source, call: (Vec<u8>, String)) {
    let (decision_id, server) = call;
    let (node_id, instance_id) = source.clone();
    let outcome = Outcome {
        status: OutcomeStatus::Unknown.into(),
        reason: "instance_lost".to_owned(),
        server,
        lost_node_id: node_id,
        lost_instance_id: instance_id,
        ..Outcome::default()
    };
    let entry = Entry {
        schema_version: 1,
        time: Some(now()),
        decision_id: decision_id.clone(),
        event: Some(Event::Outcome(outcome)),
    };
    match ledger.append(Batch::own(entry.encode_to_vec())).await {
        Ok(_) => intents.end(source, &decision_id),
        Err(error) => tracing::error!(%error, "a call that ended as unknown is not recorded"),
    }
}

impl Intents {
    /// Takes note of what a record says of a call.
    fn see(&mut self, record: &Record) {
        let Ok(step) = Step::decode(&*record.entry) else {
            return;
        };
        let source = (record.node_id.clone(), record.instance_id.clone());
        match step {
            Step {
                decision_id,
                decision: Some(decided),
                ..
            } => {
                let is_sent = decided.verdict() == Verdict::Allow
                    && decided.direction() == Direction::ToServer;
                if is_sent && !record.node_id.is_empty() {
                    self.begin(source, decision_id, decided.server);
                }
            }
            Step {
                decision_id,
                outcome: Some(Ended {}),
                ..
            } if record.node_id.is_empty() => {
                // The control plane's own word on an instance's call.
                let Ok(entry) = Entry::decode(&*record.entry) else {
                    return;
                };
                if let Some(Event::Outcome(outcome)) = entry.event {
                    let source = (outcome.lost_node_id, outcome.lost_instance_id);
                    self.end(&source, &decision_id);
                }
            }
            Step {
                decision_id,
                outcome: Some(Ended {}),
                ..
            } => self.end(&source, &decision_id),
            Step {
                decision: None,
                outcome: None,
                ..
            } => {}
        }
    }

    fn begin(&mut self, source: Source, decision_id: Vec<u8>, server: String) {
        let open = self.0.entry(source).or_default();
        if open.calls.len() < MAX_OPEN {
            open.calls.insert(decision_id, server);
        } else {
            tracing::warn!("an instance has too many open calls: the end of one is not looked for");
        }
    }

    fn end(&mut self, source: &Source, decision_id: &[u8]) {
        if let Some(open) = self.0.get_mut(source) {
            open.calls.remove(decision_id);
            if open.calls.is_empty() {
                self.0.remove(source);
            }
        }
    }

    /// The open calls of instances that are lost by now.
    fn lost(
        &mut self,
        now: Instant,
        has_stream: impl Fn(&Source) -> bool,
    ) -> Vec<(Source, (Vec<u8>, String))> {
        let mut lost = Vec::new();
        for (source, open) in &mut self.0 {
            if has_stream(source) {
                open.absent_since = None;
                continue;
            }
            let since = *open.absent_since.get_or_insert(now);
            if now.duration_since(since) >= LOST_AFTER {
                let calls = open.calls.clone().into_iter();
                lost.extend(calls.map(|call| (source.clone(), call)));
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use chancery_proto::audit::v1::Decision;

    use super::*;

    fn record(node: &str, id: u8, event: Event) -> Record {
        let entry = Entry {
            decision_id: vec![id],
            event: Some(event),
            ..Entry::default()
        };
        Record {
            node_id: node.to_owned(),
            instance_id: if node.is_empty() { Vec::new() } else { vec![7] },
            entry: entry.encode_to_vec(),
            ..Record::default()
        }
    }

    fn decision(verdict: Verdict, direction: Direction) -> Event {
        Event::Decision(Decision {
            verdict: verdict.into(),
            direction: direction.into(),
            server: "s".to_owned(),
            ..Decision::default()
        })
    }

    fn open_calls(intents: &mut Intents, absent: Duration) -> Vec<u8> {
        let began = Instant::now();
        intents.lost(began, |_| false);
        let lost = intents.lost(began + absent, |_| false);
        lost.into_iter().map(|(_, (id, _))| id[0]).collect()
    }

    #[test]
    fn what_was_sent_on_is_open_until_its_end_is_recorded() {
        let mut intents = Intents::default();
        let sent = || decision(Verdict::Allow, Direction::ToServer);
        for (id, event) in [
            (1, sent()),
            (2, decision(Verdict::Deny, Direction::ToServer)),
            (3, decision(Verdict::Allow, Direction::ToClient)),
            (4, sent()),
            (4, Event::Outcome(Outcome::default())),
            (5, sent()),
        ] {
            intents.see(&record("n", id, event));
        }
        assert_eq!(open_calls(&mut intents, LOST_AFTER), [1, 5]);
        // What the control plane has said itself, it knows again.
        let said = Outcome {
            status: OutcomeStatus::Unknown.into(),
            lost_node_id: "n".to_owned(),
            lost_instance_id: vec![7],
            ..Outcome::default()
        };
        intents.see(&record("", 1, Event::Outcome(said)));
        assert_eq!(open_calls(&mut intents, LOST_AFTER), [5]);
        // Another instance's word on it counts for nothing.
        intents.see(&record("m", 5, Event::Outcome(Outcome::default())));
        assert_eq!(open_calls(&mut intents, LOST_AFTER), [5]);
    }

    #[test]
    fn an_instance_that_comes_back_in_time_may_still_say_how_they_ended() {
        let mut intents = Intents::default();
        let sent = decision(Verdict::Allow, Direction::ToServer);
        intents.see(&record("n", 1, sent));
        let began = Instant::now();
        let almost = began + LOST_AFTER / 2;
        assert!(intents.lost(began, |_| false).is_empty());
        assert!(intents.lost(almost, |_| true).is_empty());
        assert!(intents.lost(began + LOST_AFTER, |_| false).is_empty());
        assert_eq!(intents.lost(began + LOST_AFTER * 2, |_| false).len(), 1);
    }
}
