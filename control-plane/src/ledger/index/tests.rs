use std::sync::Arc;

use chancery_proto::audit::v1::{
    Attribute, Content, Decision, Entry, Outcome, Principal, RecordFilter, entry::Event,
};
use prost::Message as _;

use super::*;
use crate::ledger::{Batch, Filter};

mod laws;

const SERVER: &str = "organizations/a/workspaces/w/servers/notes";

fn append(ledger: &Ledger, entries: Vec<Vec<u8>>) {
    let from = *ledger.length().borrow() + 1;
    let batch = Batch {
        source: ("node".to_owned(), vec![1]),
        entries: (from..).zip(entries).collect(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(ledger.append(batch)).unwrap();
}

fn index_until_the_end(index: &Index) {
    while index.advance().unwrap() {}
}

fn decision_of(user: &str, said: &str, id: u8) -> Vec<u8> {
    let decision = Decision {
        principal: Some(Principal {
            user: Some(Attribute {
                value: user.to_owned(),
                ..Attribute::default()
            }),
            ..Principal::default()
        }),
        server: SERVER.to_owned(),
        arguments: Some(Content {
            data: said.as_bytes().to_vec(),
            ..Content::default()
        }),
        ..Decision::default()
    };
    Entry {
        decision_id: vec![id; 16],
        event: Some(Event::Decision(decision)),
        ..Entry::default()
    }
    .encode_to_vec()
}

fn outcome_of(said: &str, id: u8) -> Vec<u8> {
    let outcome = Outcome {
        status: 2,
        server: SERVER.to_owned(),
        result: Some(Content {
            data: said.as_bytes().to_vec(),
            ..Content::default()
        }),
        ..Outcome::default()
    };
    Entry {
        decision_id: vec![id; 16],
        event: Some(Event::Outcome(outcome)),
        ..Entry::default()
    }
    .encode_to_vec()
}

fn find(index: &Index, expression: &str) -> Vec<u64> {
    let filter = Filter::new(RecordFilter {
        expression: expression.to_owned(),
        ..RecordFilter::default()
    });
    let found = index.search(&filter.unwrap(), u64::MAX, 100).unwrap();
    found
        .page
        .records
        .iter()
        .map(|found| found.position)
        .collect()
}

#[test]
fn a_user_is_forgotten_to_the_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
    let path = folder.path().join("index.sqlite");
    let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
    for part in 0..3 {
        append(
            &ledger,
            vec![
                decision_of("quentin", "zanzibar", 1 + part),
                outcome_of("xylophone", 1 + part),
                decision_of("ann", "harmless", 9),
            ],
        );
        index_until_the_end(&index);
    }
    assert_eq!(find(&index, "user = quentin"), [6, 3, 0]);
    assert_eq!(find(&index, "zanzibar OR xylophone").len(), 6);
    index.forget("quentin").unwrap();
    for gone in ["user = quentin", "user = quen*", "zanzibar", "xylophone"] {
        assert!(find(&index, gone).is_empty(), "{gone}");
    }
    // What is left of them is found as before, and so is all of others.
    assert_eq!(find(&index, "server = notes").len(), 9);
    assert_eq!(find(&index, "decision_id = 01* AND kind = outcome"), [1]);
    assert_eq!(find(&index, "user = ann harmless").len(), 3);
    drop(index);
    for file in ["index.sqlite", "index.sqlite-wal"] {
        let bytes = fs::read(folder.path().join(file)).unwrap_or_default();
        for said in ["quentin", "zanzibar", "xylophone"] {
            let holds = |window: &[u8]| window == said.as_bytes();
            assert!(!bytes.windows(said.len()).any(holds), "{said} in {file}");
        }
    }
}

#[test]
fn an_index_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
    let path = folder.path().join("index.sqlite");
    append(&ledger, vec![decision_of("ann", "one", 1)]);
    let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
    index_until_the_end(&index);
    assert_eq!(index.horizon().borrow().position, 1);
    drop(index);
    append(&ledger, vec![decision_of("ann", "two", 2)]);
    let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
    assert_eq!(index.horizon().borrow().position, 1);
    assert_eq!(
        find(&index, "user = ann"),
        [1, 0],
        "what is not indexed yet is read"
    );
    index_until_the_end(&index);
    assert_eq!(find(&index, "two"), [1]);
}

#[test]
fn an_index_of_another_log_or_of_none_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let begun = |name: &str, users: &[&str]| {
        let ledger = Arc::new(Ledger::open(&folder.path().join(name)).unwrap());
        append(
            &ledger,
            users.iter().map(|user| decision_of(user, "x", 1)).collect(),
        );
        let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
        let horizon = index.horizon().borrow().position;
        index_until_the_end(&index);
        (index, horizon)
    };
    drop(begun("long", &["ann", "bob"]));
    let (index, horizon) = begun("short", &["bob"]);
    assert_eq!(horizon, 0, "the log is shorter than the index");
    assert_eq!(find(&index, "user = ann"), [0; 0]);
    assert_eq!(find(&index, "user = bob"), [0]);
    drop(index);
    let (index, horizon) = begun("other", &["bob", "bob"]);
    assert_eq!(horizon, 0, "the log is as long, and another");
    assert_eq!(find(&index, "user = bob"), [1, 0]);
    drop(index);
    fs::write(&path, b"this is no database, and a long text at that").unwrap();
    let (index, _) = begun("last", &["ann"]);
    assert_eq!(find(&index, "user = ann"), [0]);
}

#[test]
fn an_index_that_is_damaged_is_begun_anew_and_meanwhile_the_log_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
    let path = folder.path().join("index.sqlite");
    let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
    append(
        &ledger,
        (0..200)
            .map(|id| decision_of("ann", "one two", id))
            .collect(),
    );
    index_until_the_end(&index);
    drop(index);
    // All but the head, and how far it is.
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * 4_096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let index = Index::open(&path, Arc::clone(&ledger)).unwrap();
    assert_eq!(index.horizon().borrow().position, 200);
    assert_eq!(find(&index, "two").len(), 100);
    append(&ledger, vec![decision_of("ann", "three", 1)]);
    index_until_the_end(&index);
    assert_eq!(find(&index, "three"), [200]);
    assert_eq!(find(&index, "two").len(), 100);
    assert_eq!(index.horizon().borrow().position, 201);
}

#[tokio::test]
async fn it_follows_the_log_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
    let index = Index::open(&folder.path().join("index.sqlite"), Arc::clone(&ledger)).unwrap();
    let index = Arc::new(index);
    let (drain, draining) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&index).run(draining));
    let batch = Batch {
        source: ("node".to_owned(), vec![1]),
        entries: vec![(1, decision_of("ann", "x", 1))],
    };
    ledger.append(batch).await.unwrap();
    let mut horizon = index.horizon();
    horizon
        .wait_for(|horizon| horizon.position == 1)
        .await
        .unwrap();
    drain.send_replace(true);
    running.await.unwrap();
}
