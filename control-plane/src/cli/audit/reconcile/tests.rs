use chancery_proto::audit::v1::{Decision, Outcome};

use super::*;

/// A line of a request that took a second.
fn line(second: u32, upstream: &str, decision: &str) -> String {
    format!(
        r#"{{"start_time":"2026-12-01T10:00:{second:02}.500Z","duration_ms":1000,"upstream":"{upstream}","request_id":"r{second}","decision":"{decision}","status":200}}"#
    )
}

fn id(byte: u8) -> String {
    Hex(&[byte; 16]).to_string()
}

struct Site(Record);

impl Site {
    fn add(&mut self, byte: u8, second: u32, event: Event) {
        let time = format!("2026-12-01T10:00:{second:02}.600Z");
        let entry = Entry {
            decision_id: vec![byte; 16],
            time: time.parse().ok(),
            event: Some(event),
            ..Entry::default()
        };
        self.0.add("envoy-1", &entry.encode_to_vec());
    }

    fn call(&mut self, byte: u8, second: u32, verdict: Verdict, outcome: Option<Outcome>) {
        let decision = Decision {
            verdict: verdict.into(),
            direction: Direction::ToServer.into(),
            ..Decision::default()
        };
        self.add(byte, second, Event::Decision(decision));
        if let Some(outcome) = outcome {
            self.add(byte, second, Event::Outcome(outcome));
        }
    }
}

fn found(log: &str, record: &Record, is_mixed: bool) -> Vec<(Difference, String)> {
    let args = ReconcileArgs {
        access_log: PathBuf::new(),
        node: None,
        mixed: is_mixed,
    };
    let lines = Lines::of(log.as_bytes()).unwrap();
    let found = differences(&lines, record, &args).into_iter();
    found.map(|it| (it.difference, it.decision)).collect()
}

#[test]
fn what_only_one_side_knows_is_found() {
    let mut site = Site(Record::default());
    let ended = || Some(Outcome::default());
    let unsent = Some(Outcome {
        unsent: true,
        ..Outcome::default()
    });
    let lost = Some(Outcome {
        lost_node_id: "envoy-1".to_owned(),
        ..Outcome::default()
    });
    site.call(1, 1, Verdict::Allow, ended());
    site.call(2, 2, Verdict::Deny, None);
    site.call(3, 3, Verdict::Allow, ended());
    site.call(4, 4, Verdict::Allow, unsent);
    site.call(5, 5, Verdict::Allow, lost);
    site.call(6, 6, Verdict::Allow, None);
    site.call(7, 59, Verdict::Allow, ended());
    let log = [
        "[info] what Envoy says beside it".to_owned(),
        line(0, "10.0.0.1:80", &id(1)),
        line(1, "10.0.0.1:80", &id(2)),
        line(2, "-", &id(4)),
        line(3, "10.0.0.1:80", &id(9)),
        line(4, "10.0.0.1:80", "-"),
        line(7, "-", "-"),
    ]
    .join("\n");
    let sent = [
        (Difference::Refused, id(2)),
        (Difference::NoEntry, id(9)),
        (Difference::NoDecision, String::new()),
        (Difference::NoLine, id(3)),
    ];
    assert_eq!(found(&log, &site.0, false), sent);
    let mixed = found(&log, &site.0, true);
    assert_eq!(mixed.len(), 3, "other traffic is no call: {mixed:?}");
}

#[test]
fn a_call_that_was_not_to_be_sent_and_was_is_found() {
    let mut site = Site(Record::default());
    let unsent = Some(Outcome {
        unsent: true,
        ..Outcome::default()
    });
    site.call(1, 1, Verdict::Allow, unsent);
    let log = line(0, "10.0.0.1:80", &id(1));
    assert_eq!(found(&log, &site.0, false), [(Difference::Refused, id(1))]);
}
