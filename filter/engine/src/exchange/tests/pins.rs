//! What nobody has approved, and lists that are known as a whole.

use std::sync::{Arc, Mutex};

use chancery_proto::policy::v1 as pb;
use serde_json::{Value, json};

use super::{Site, rule};
use crate::{
    approved::Drift,
    canonical::{ListMemory, Pin},
    entry::Event,
    exchange::{Headers, Judged, ResponseHead},
    id::Time,
    json::Document,
    limits::Limits,
};

fn pinned(pinning: pb::Pinning, tools: &[Value]) -> Site {
    let tools = tools.iter().map(|tool| {
        let text = tool.to_string();
        let document = Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT).unwrap();
        pb::PinnedCapability {
            name: tool["name"].as_str().unwrap().to_owned(),
            pins: vec![Pin::of(document.root()).unwrap().as_bytes().to_vec()],
        }
    });
    Site {
        server: pb::Server {
            pins: Some(pb::Pins {
                pinning: pinning.into(),
                tools: tools.collect(),
                ..pb::Pins::default()
            }),
            ..pb::Server::default()
        },
        rules: vec![rule("all", pb::Effect::Allow, &["*"])],
        lists: Some(Arc::new(Mutex::new(ListMemory::new((3, 4), 8)))),
        ..Site::default()
    }
}

/// What a client sees of a list, and what drifted.
fn list(site: &mut Site, tools: &[Value]) -> (Vec<String>, Vec<Drift>) {
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let (mut exchange, _) = site.begin(&asked);
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&headers),
        ends: false,
    };
    exchange.response_head(&head, Time::default());
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
    let seen: Value = match exchange.response_body(answer.as_bytes(), Time::default()) {
        Judged::Unchanged => serde_json::from_str(&answer).unwrap(),
        Judged::Rewritten(body) => serde_json::from_str(&body).unwrap(),
        Judged::Reply(reply) => panic!("{reply:?}"),
    };
    let names = seen["result"]["tools"].as_array().unwrap().iter();
    let names = names.map(|tool| tool["name"].as_str().unwrap().to_owned());
    let drift = exchange.take_entries().into_iter();
    let drift = drift.filter_map(|entry| match entry.event {
        Event::Drift(drift) => Some(drift.drift),
        Event::Decision(_) | Event::Outcome(_) | Event::Shadow(_) | Event::Gap { .. } => None,
    });
    (names.collect(), drift.collect())
}

#[test]
fn a_list_that_is_known_as_a_whole_is_no_cover_for_another() {
    let (a, b) = (
        json!({"name": "a", "description": "x"}),
        json!({"name": "b"}),
    );
    let mut site = pinned(pb::Pinning::Enforce, &[a.clone(), b.clone()]);
    let both = (vec!["a".to_owned(), "b".to_owned()], Vec::new());
    for _ in 0..3 {
        assert_eq!(list(&mut site, &[a.clone(), b.clone()]), both);
    }
    let turned = json!({"name": "a", "description": "y"});
    let changed = (vec!["b".to_owned()], vec![Drift::Changed]);
    for _ in 0..2 {
        assert_eq!(list(&mut site, &[turned.clone(), b.clone()]), changed);
    }
    // Under the next snapshot the very same list is drift.
    let mut next = pinned(pb::Pinning::Enforce, std::slice::from_ref(&b));
    next.lists.clone_from(&site.lists);
    next.version = 1;
    assert_eq!(
        list(&mut next, &[a, b]),
        (vec!["b".to_owned()], vec![Drift::New])
    );
}

#[test]
fn what_is_only_observed_is_recorded_and_shown() {
    let a = json!({"name": "a"});
    let mut site = pinned(pb::Pinning::Observe, &[]);
    assert_eq!(
        list(&mut site, &[a]),
        (vec!["a".to_owned()], vec![Drift::New])
    );
    assert_eq!(site.call("a", &json!({})).reason(), None);
}
