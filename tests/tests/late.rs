//! What comes after another snapshot, or after the token's end: judged by what is in force by then.

#![cfg(test)]

use std::time::Duration;

use chancery_proto::policy::v1 as policy;
use chancery_tests::{
    artifacts,
    case::{self, Case},
    clock::now_unix_ms,
    fixture::Fixture,
    layer::{Snapshot, Wasm, request},
    wasm_host::{Exchange, RequestSpec},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

const NEWS: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\
    \"params\":{\"level\":\"info\",\"data\":\"news\"}}\n\n";

struct Stage {
    wasm: Wasm,
    fixture: Fixture,
}

impl Stage {
    fn new() -> Self {
        Self {
            wasm: Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap(),
            fixture: Fixture::new().unwrap(),
        }
    }

    /// Enforces the rules of the case table, or none.
    fn enforce(&mut self, version: u64, has_rules: bool) {
        let mut snapshot = self.fixture.snapshot(version).unwrap();
        if !has_rules {
            snapshot = without_rules(&snapshot);
        }
        self.wasm.push(&snapshot).unwrap();
    }

    fn open(&self, spec: RequestSpec) -> Exchange {
        self.wasm.vm.open(self.wasm.root, spec).unwrap()
    }

    fn token(&self) -> String {
        self.fixture.token("alice").unwrap()
    }

    /// Begins a call that is allowed; its body comes in two parts, of which this is the first.
    fn begin(&self) -> (Exchange, Vec<u8>) {
        let mut spec = request(&allowed(), Some(&self.token()));
        let body = spec.chunks.concat();
        let (first, second) = body.split_at(body.len() / 2);
        spec.chunks = vec![first.to_vec()];
        spec.unfinished = true;
        let exchange = self.open(spec);
        assert!(exchange.forwarded().is_none() && exchange.response().is_none());
        (exchange, second.to_vec())
    }

    fn listen(&self) -> Exchange {
        let head = [
            (":authority", "notes.test"),
            (":path", "/mcp"),
            (":method", "GET"),
            (":scheme", "http"),
            ("accept", "text/event-stream"),
        ];
        let spec = RequestSpec::new(head)
            .header("authorization", format!("Bearer {}", self.token()))
            .property(&["xds", "cluster_name"], "notes");
        let exchange = self.open(spec);
        assert!(exchange.forwarded().is_some());
        let head = [(":status", "200"), ("content-type", "text/event-stream")];
        exchange.respond_headers(head.into(), false).unwrap();
        assert_eq!(hear(&exchange), NEWS);
        exchange
    }
}

fn allowed() -> Case {
    let name = "rules: an allowed call goes through byte for byte";
    let mut cases = case::all().unwrap().into_iter();
    cases.find(|case| case.name == name).unwrap()
}

fn without_rules(snapshot: &Snapshot) -> Snapshot {
    let without_rules = |bytes: &Vec<u8>| {
        let mut section = policy::Section::decode(&**bytes).unwrap();
        if let Some(policy::section::Content::RuleSet(set)) = &mut section.content {
            set.rules.clear();
        }
        section.encode_to_vec()
    };
    let sections: Vec<_> = snapshot.sections.iter().map(without_rules).collect();
    let reference = |section: &Vec<u8>| policy::SectionReference {
        digest: Sha256::digest(section).to_vec(),
        size_bytes: section.len() as u64,
    };
    let mut manifest = policy::Manifest::decode(&*snapshot.manifest).unwrap();
    manifest.sections = sections.iter().map(reference).collect();
    Snapshot {
        manifest: manifest.encode_to_vec(),
        sections,
    }
}

/// What the client hears when the server says something.
fn hear(exchange: &Exchange) -> String {
    exchange.respond_body(NEWS).unwrap();
    String::from_utf8(exchange.take_body()).unwrap()
}

#[test]
fn a_body_is_judged_by_the_snapshot_of_when_it_is_whole() {
    let mut stage = Stage::new();
    stage.enforce(1, true);
    let (exchange, rest) = stage.begin();
    stage.enforce(2, false);
    exchange.send_body(rest).unwrap();
    exchange.end_request(None).unwrap();
    assert!(exchange.forwarded().is_none());
    let response = exchange.response().unwrap();
    assert!(response.text().contains("\"no_matching_rule\""));

    let (exchange, rest) = stage.begin();
    stage.enforce(3, true);
    exchange.send_body(rest).unwrap();
    exchange.end_request(None).unwrap();
    let forwarded = exchange.forwarded().unwrap();
    assert_eq!(forwarded.body(), allowed().request.bytes());
}

#[test]
fn a_token_that_expires_before_the_body_is_whole_is_refused() {
    let mut stage = Stage::new();
    stage.enforce(1, true);
    let (exchange, rest) = stage.begin();
    stage.wasm.wait(Duration::from_secs(4_000)).unwrap();
    exchange.send_body(rest).unwrap();
    exchange.end_request(None).unwrap();
    assert!(exchange.forwarded().is_none());
    assert_eq!(exchange.response().unwrap().status(), 401);
}

#[test]
fn a_stream_ends_where_its_rules_or_its_token_do() {
    let mut stage = Stage::new();
    stage.enforce(1, true);
    let exchange = stage.listen();
    stage.enforce(2, true);
    assert_eq!(hear(&exchange), NEWS);
    stage.enforce(3, false);
    let last = hear(&exchange);
    assert!(last.starts_with("event: error\n"), "{last}");
    assert!(last.contains("\"no_matching_rule\""), "{last}");
    assert_eq!(hear(&exchange), "");

    stage.enforce(4, true);
    let exchange = stage.listen();
    stage.wasm.wait(Duration::from_secs(4_000)).unwrap();
    let last = hear(&exchange);
    assert!(last.contains("\"invalid_token\""), "{last}");
    assert_eq!(hear(&exchange), "");
}
