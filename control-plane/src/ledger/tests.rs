mod faults;

use std::fs::OpenOptions;
use std::io::Write as _;

use super::*;

fn batch(sequences: std::ops::RangeInclusive<u64>) -> Batch {
    let entry = |sequence: u64| (sequence, gap(&own(), "test", sequence));
    Batch {
        source: ("node".into(), vec![1; 16]),
        entries: sequences.map(entry).collect(),
    }
}

fn sequences(ledger: &Ledger) -> Vec<u64> {
    let all = ledger.range(&Filter::default(), 0, u64::MAX).unwrap();
    all.iter()
        .filter(|found| !found.record.node_id.is_empty())
        .map(|f| f.record.sequence)
        .collect()
}

#[tokio::test]
async fn keeps_each_entry_once_whatever_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.append(batch(1..=3)).await.unwrap(), 3);
    assert_eq!(ledger.append(batch(2..=4)).await.unwrap(), 4);
    assert_eq!(ledger.append(batch(1..=2)).await.unwrap(), 2);
    assert_eq!(sequences(&ledger), [1, 2, 3, 4]);
    drop(ledger);
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.append(batch(3..=5)).await.unwrap(), 5);
    assert_eq!(sequences(&ledger), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn cuts_off_a_torn_tail_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(batch(1..=2)).await.unwrap();
    drop(ledger);
    let path = segment::paths(folder.path()).unwrap().pop().unwrap();
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(&[9, 0, 0, 0, 1])
        .unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(sequences(&ledger), [1, 2]);
    let newest = ledger
        .search(&Filter::default(), u64::MAX, 1)
        .unwrap()
        .records
        .remove(0);
    let entry = Entry::decode(&*newest.record.entry).unwrap();
    let Some(entry::Event::Gap(gap)) = entry.event else {
        panic!("{entry:?}")
    };
    assert_eq!(gap.reason, "torn_tail");
    assert_eq!(ledger.append(batch(1..=3)).await.unwrap(), 3);
    assert_eq!(sequences(&ledger), [1, 2, 3]);
}

#[tokio::test]
async fn pages_from_the_newest_on() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(batch(1..=5)).await.unwrap();
    let (mut before, mut found) = (u64::MAX, Vec::new());
    loop {
        let page = ledger.search(&Filter::default(), before, 2).unwrap();
        found.extend(page.records.iter().map(|found| found.record.sequence));
        match page.next {
            Some(next) => before = next,
            None => break,
        }
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
}

fn event(event: entry::Event) -> Record {
    record(&own(), 1, entry(event))
}

#[test]
fn an_auditor_finds_outcomes_where_they_find_decisions() {
    use chancery_proto::audit::v1::{Decision, Outcome, RecordFilter};

    use crate::access::{Caller, Grants};

    let binding = chancery_proto::admin::v1::Binding {
        name: "organizations/a/bindings/b".to_owned(),
        members: vec!["certificate:x".to_owned()],
        roles: vec![chancery_proto::admin::v1::AdminRole::Auditor.into()],
        workspace: "w".to_owned(),
        ..Default::default()
    };
    let caller = Caller {
        certificate: vec!["x".to_owned()],
        ..Caller::default()
    };
    let grants = Grants::of(&caller, &[], &[binding]);
    let finds = |filter: RecordFilter, server: &str| {
        let filter = Filter::new(filter).unwrap().for_reader(grants.clone());
        let server = server.to_owned();
        let decision = Decision {
            server: server.clone(),
            ..Decision::default()
        };
        let outcome = Outcome {
            server,
            ..Outcome::default()
        };
        let found = filter.admits(&event(entry::Event::Outcome(outcome)));
        let decisions = filter.admits(&event(entry::Event::Decision(decision)));
        assert_eq!(found, decisions, "a decision and its outcome");
        found
    };
    let all = RecordFilter::default;
    assert!(finds(all(), "organizations/a/workspaces/w/servers/notes"));
    assert!(!finds(all(), "organizations/a/workspaces/v/servers/notes"));
    assert!(!finds(all(), "organizations/b/workspaces/w/servers/notes"));
    assert!(!finds(all(), ""), "of an instance that did not say where");
    for (wanted, found) in [("notes", true), ("vault", false)] {
        let filter = RecordFilter {
            server: wanted.to_owned(),
            ..RecordFilter::default()
        };
        let server = "organizations/a/workspaces/w/servers/notes";
        assert_eq!(finds(filter, server), found, "{wanted}");
    }
}
