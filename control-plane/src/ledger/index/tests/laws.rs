use std::sync::Arc;

use chancery_proto::{
    admin::v1::{AdminRole, Binding},
    audit::v1::{
        AdminChange, Attribute, Content, Decision, Entry, Outcome, Principal, RecordAccess,
        RecordFilter, Session, entry::Event,
    },
};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::Timestamp;

use super::{Index, Ledger, append, index_until_the_end};
use crate::{
    access::{Caller, Grants},
    ledger::{Filter, Page, Positioned},
};

const USERS: [&str; 4] = ["", "ann", "bob", "ann@example.com"];
const SERVERS: [&str; 4] = [
    "",
    "organizations/a/workspaces/w/servers/notes",
    "organizations/a/workspaces/v/servers/vault",
    "organizations/b/servers/notes",
];
const WORDS: [&str; 4] = ["", "delete repo", "Repo élan", "x y z"];

/// What a random entry is made of.
type Seed = (u8, usize, usize, usize, i32, i64);

fn entry((kind, user, server, word, verdict, seconds): Seed) -> Entry {
    let attribute = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            ..Attribute::default()
        })
    };
    let principal = Some(Principal {
        user: attribute(USERS[user]),
        agent: attribute(WORDS[word]),
        ..Principal::default()
    });
    let server = SERVERS[server].to_owned();
    let content = Some(Content {
        data: WORDS[word].as_bytes().to_vec(),
        ..Content::default()
    });
    let event = match kind {
        0..=3 => Event::Decision(Decision {
            principal,
            server,
            verdict,
            rules: (0..verdict)
                .map(|rule| format!("organizations/a/rules/r{rule}"))
                .collect(),
            capability: WORDS[word].to_owned(),
            arguments: content,
            shadow_rules: vec![String::new(); usize::from(kind == 3)],
            session: Some(Session {
                id: USERS[user].to_owned(),
                ..Session::default()
            }),
            ..Decision::default()
        }),
        4..=5 => Event::Outcome(Outcome {
            status: verdict,
            server,
            result: content,
            ..Outcome::default()
        }),
        6 => Event::AdminChange(AdminChange {
            principal,
            resource: format!("{server} {}", SERVERS[word]).trim().to_owned(),
            error: WORDS[word].to_owned(),
            ..AdminChange::default()
        }),
        7 => Event::RecordAccess(RecordAccess {
            principal,
            organizations: vec!["organizations/a".to_owned()],
            ..RecordAccess::default()
        }),
        _ => Event::Gap(chancery_proto::audit::v1::Gap::default()),
    };
    Entry {
        time: Some(Timestamp { seconds, nanos: 5 }),
        decision_id: vec![kind.wrapping_mul(17); if kind < 6 { 16 } else { 0 }],
        event: (kind < 9).then_some(event),
        ..Entry::default()
    }
}

fn seed() -> impl Strategy<Value = Seed> {
    let time = prop_oneof![8 => 0..20_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    (0..10_u8, 0..4_usize, 0..4_usize, 0..4_usize, 0..5_i32, time)
}

/// Filter expressions, all of which can be read.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "user = ann",
        "user != ann",
        "user = a*",
        "user:*",
        "user : EXAMPLE",
        "user > ann",
        "server = notes",
        "server = vault",
        "server != notes",
        "server = organizations/a/*",
        "verdict = deny",
        "verdict != allow",
        "verdict:*",
        "status = result",
        "status != unknown",
        "kind = decision",
        "kind != outcome",
        "kind = record_access",
        "rule = r1",
        "rule != r0",
        "decision_id = 1111*",
        "decision_id != 11111111111111111111111111111111",
        "decision_id = 11111111111111111111111111111111",
        "decision_id = 00000000000000000000*",
        "time >= 1970-01-01T00:00:07Z",
        "time < 1970-01-01T00:00:12Z",
        "session = ann",
        "session != ann",
        "session:*",
        "organization = a",
        "workspace = w",
        "workspace:*",
        "agent = 'delete repo'",
        "capability = *repo",
        "capability < b",
        "finding:*",
        "delete",
        "repo",
        "ÉLAN",
        "él*",
        "*ete",
        "*ep*",
        "'repo delete'",
        "nothing",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts
                .clone()
                .prop_map(|parts| format!("({})", parts.join(" AND "))),
            parts.prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

fn filter() -> impl Strategy<Value = RecordFilter> {
    let expression = prop_oneof![1 => Just(String::new()), 4 => expression()];
    let fields = (0..12_u8, 0..4_usize, 0..4_i32, any::<bool>());
    let times = (prop::option::of(0..20_i64), prop::option::of(0..20_i64));
    (expression, fields, times).prop_map(|(expression, (field, place, verdict, is_set), times)| {
        let time = |seconds| Timestamp { seconds, nanos: 5 };
        let mut filter = RecordFilter {
            expression,
            start_time: times.0.map(time),
            end_time: times.1.map(time),
            ..RecordFilter::default()
        };
        match field {
            0 => filter.user = USERS[place].to_owned(),
            1 => filter.server = SERVERS[place].to_owned(),
            2 => filter.server = "notes".to_owned(),
            3 => filter.capability = WORDS[place].to_owned(),
            4 => filter.verdict = verdict,
            5 => (filter.shadow, filter.drift) = (is_set, !is_set),
            6 => filter.decision_id = "11".repeat(16),
            _ => {}
        }
        filter
    })
}

fn reader() -> impl Strategy<Value = Option<Grants>> {
    let places = prop::collection::vec((0..2_usize, 0..3_usize), 0..3);
    prop::option::of(places).prop_map(|places| {
        let binding = |(organization, workspace): (usize, usize)| Binding {
            name: format!("organizations/{}/bindings/b", ["a", "b"][organization]),
            members: vec!["certificate:x".to_owned()],
            roles: vec![AdminRole::Auditor.into()],
            workspace: ["", "w", "v"][workspace].to_owned(),
            ..Binding::default()
        };
        let bindings: Vec<_> = places?.into_iter().map(binding).collect();
        let caller = Caller {
            certificate: vec!["x".to_owned()],
            ..Caller::default()
        };
        Some(Grants::of(&caller, &[], &bindings))
    })
}

fn paged(mut page: impl FnMut(u64) -> Page, start: u64) -> Vec<Positioned> {
    let (mut found, mut next) = (Vec::new(), Some(start));
    while let Some(at) = next {
        let page = page(at);
        found.extend(page.records);
        next = page.next;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_index_finds_what_reading_the_log_finds(
        seeds in prop::collection::vec(seed(), 1..80),
        more in prop::collection::vec(seed(), 0..20),
        asked in prop::collection::vec((filter(), reader(), 1..9_usize), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
        let bytes = |seeds: Vec<Seed>| seeds.into_iter().map(|seed| entry(seed).encode_to_vec()).collect();
        append(&ledger, bytes(seeds));
        append(&ledger, vec![vec![0xff]]);
        let index = Index::open(&folder.path().join("index.sqlite"), Arc::clone(&ledger)).unwrap();
        index_until_the_end(&index);
        append(&ledger, bytes(more));
        for (filter, reader, limit) in asked {
            let mut wanted = Filter::new(filter.clone()).unwrap();
            if let Some(reader) = reader {
                wanted = wanted.for_reader(reader);
            }
            let newest = paged(|at| ledger.search(&wanted, at, limit).unwrap(), u64::MAX);
            let found = paged(|at| index.search(&wanted, at, limit).unwrap().page, u64::MAX);
            prop_assert_eq!(&newest, &found, "{:?}", filter);
            let oldest = ledger.range(&wanted, 0, 70).unwrap();
            let found = paged(|at| index.range(&wanted, (at, 70), limit).unwrap().page, 0);
            prop_assert_eq!(oldest, found, "{:?}", filter);
        }
    }
}
