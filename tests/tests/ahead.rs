//! Calls that go on only once their decision is durable: one instance in wasmtime, its control plane
//! played by hand.

#![cfg(test)]

use std::time::Duration;

use chancery::snapshot::{self, KeySets};
use chancery_proto::{
    admin::v1::{self as admin, ServerAudit},
    audit::v1::{AuditLevel, Decision, Entry, Outcome, OutcomeStatus, Verdict, entry::Event},
    node::v1::{EntriesAck, connect_request, connect_response},
    policy::v1 as policy,
};
use chancery_tests::{
    artifacts,
    clock::now_unix_ms,
    layer::{Snapshot, Wasm, plugin},
    wasm_host::{
        Cluster, Exchange, Module, Node, NodeConfig, Phase, RequestSpec, UpstreamResponse,
    },
};
use prost::Message as _;
use serde_json::Value;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"write","arguments":{"path":"/a"}}}"#;

/// An instance under a policy whose calls wait for the record.
struct Stage {
    wasm: Wasm,
    version: u64,
}

impl Stage {
    fn new(limits: &str) -> Self {
        let module = Module::load(artifacts::filter().unwrap()).unwrap();
        let config = NodeConfig {
            start_unix_ns: now_unix_ms() * 1_000_000,
            ..NodeConfig::default()
        };
        let node = Node::new(&module, config);
        node.set_cluster(chancery_tests::layer::CONTROL_PLANE, Cluster::Up);
        let vm = node.start_vm(&[plugin(limits)]).unwrap();
        let mut stage = Self {
            wasm: Wasm::on(node, vm).unwrap(),
            version: 0,
        };
        stage.publish(&[]);
        stage.wasm.take_requests();
        stage
    }

    /// Puts a policy in force: anybody may call anything but these tools.
    fn publish(&mut self, denied: &[&str]) {
        self.version += 1;
        let server = admin::Server {
            name: "organizations/default/workspaces/default/servers/notes".to_owned(),
            endpoints: vec![policy::Endpoint {
                cluster: "notes".to_owned(),
                path: "/mcp".to_owned(),
                ..policy::Endpoint::default()
            }],
            authentication: policy::Authentication::Optional.into(),
            audit: ServerAudit::WriteAhead.into(),
            ..admin::Server::default()
        };
        let rule = |id: &str, effect: policy::Effect, tools: &[&str]| admin::Rule {
            name: format!("organizations/default/rules/{id}"),
            effect: effect.into(),
            subjects: Some(policy::Subjects {
                anyone: true,
                ..policy::Subjects::default()
            }),
            servers: vec!["*".to_owned()],
            tools: tools.iter().map(|&tool| tool.to_owned()).collect(),
            ..admin::Rule::default()
        };
        let mut rules = vec![rule("all", policy::Effect::Allow, &["*"])];
        if !denied.is_empty() {
            rules.push(rule("none", policy::Effect::Deny, denied));
        }
        let server = std::iter::once(chancery::resource::Resource::Server(server));
        let rules = rules.into_iter().map(chancery::resource::Resource::Rule);
        let resources: Vec<_> = server.chain(rules).collect();
        let time = prost_types::Timestamp::default();
        let version = (1, self.version);
        let built = snapshot::build(&resources, &KeySets::new(), version, time, None).unwrap();
        let snapshot = Snapshot {
            manifest: built.manifest,
            sections: built.sections.values().map(|it| it.to_vec()).collect(),
        };
        self.wasm.push(&snapshot).unwrap();
    }

    fn call(&mut self) -> Exchange {
        let spec = RequestSpec::post("notes.test", "/mcp", CALL)
            .property(&["xds", "cluster_name"], "notes");
        self.wasm.vm.open(self.wasm.root, spec).unwrap()
    }

    /// What was sent since this was last asked, without a tick and without an acknowledgement.
    fn sent(&mut self) -> Vec<(u64, Entry)> {
        self.wasm.wait(Duration::ZERO).unwrap();
        let batches = self.wasm.take_requests().into_iter();
        let entries = batches.filter_map(|request| {
            let connect_request::Message::Entries(batch) = request else {
                return None;
            };
            Some(batch.entries)
        });
        let read = |entry: &[u8]| Entry::decode(entry).unwrap();
        let entries = entries.flatten();
        entries.map(|it| (it.sequence, read(&it.entry))).collect()
    }

    fn acknowledge(&mut self, sequence: u64) {
        let ack = connect_response::Message::EntriesAck(EntriesAck { sequence });
        self.wasm.say(ack).unwrap();
    }

    fn pass(&mut self, milliseconds: u64) {
        let time = Duration::from_millis(milliseconds);
        self.wasm.node.advance(time).unwrap();
    }
}

fn decision(entry: &Entry) -> &Decision {
    match &entry.event {
        Some(Event::Decision(decision)) => decision,
        other => panic!("no decision: {other:?}"),
    }
}

fn outcome(entry: &Entry) -> &Outcome {
    match &entry.event {
        Some(Event::Outcome(outcome)) => outcome,
        other => panic!("no outcome: {other:?}"),
    }
}

/// Why a call was refused; `None`: it was not.
fn refusal(exchange: &Exchange) -> Option<String> {
    let body = exchange.response()?.body();
    let body: Value = serde_json::from_slice(&body).ok()?;
    assert_eq!(body["id"], 7);
    assert_eq!(body["error"]["code"], -31_403);
    body["error"]["data"]["reason"].as_str().map(str::to_owned)
}

#[test]
fn a_call_goes_on_once_its_decision_is_acknowledged() {
    let mut stage = Stage::new("{}");
    let (first, second) = (stage.call(), stage.call());
    let sent = stage.sent();
    let sequences: Vec<_> = sent.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [1, 2], "sent at once");
    let decided = decision(&sent[0].1);
    assert_eq!(decided.verdict(), Verdict::Allow);
    assert_eq!(decided.audit(), AuditLevel::WriteAhead);
    assert_eq!(first.phase(), Phase::RequestHeld);
    stage.acknowledge(1);
    assert_eq!(first.forwarded().unwrap().body(), CALL.as_bytes());
    assert!(
        second.forwarded().is_none(),
        "its own entry is not there yet"
    );
    stage.acknowledge(2);
    for exchange in [first, second] {
        let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
        exchange.respond(UpstreamResponse::json(answer)).unwrap();
        assert_eq!(exchange.finish().unwrap().status(), 200);
    }
    stage.pass(50);
    let ended = stage.sent();
    assert!(ended.iter().all(|(_, entry)| !outcome(entry).unsent));
    assert_eq!(ended.len(), 2);
}

#[test]
fn a_call_is_refused_that_is_not_on_the_record_in_time() {
    let mut stage = Stage::new(r#"{"max_ahead_ms":300}"#);
    let exchange = stage.call();
    let allowed = stage.sent();
    stage.pass(250);
    assert_eq!(exchange.phase(), Phase::RequestHeld);
    stage.pass(100);
    assert_eq!(refusal(&exchange).as_deref(), Some("audit_unavailable"));
    assert!(exchange.forwarded().is_none());
    // An acknowledgement that comes late changes nothing.
    stage.acknowledge(1);
    assert!(exchange.forwarded().is_none());
    stage.pass(50);
    let ended = stage.sent();
    let refused = outcome(&ended[0].1);
    assert_eq!(refused.status(), OutcomeStatus::Refused);
    assert_eq!(
        (&*refused.reason, refused.unsent),
        ("audit_unavailable", true)
    );
    assert_eq!(ended[0].1.decision_id, allowed[0].1.decision_id);
}

#[test]
fn a_short_absence_is_waited_for_and_a_long_one_is_not() {
    let mut stage = Stage::new("{}");
    let stream = stage.wasm.stream().unwrap();
    stage.wasm.vm.grpc_close(stream, 14, "gone").unwrap();
    let exchange = stage.call();
    assert_eq!(exchange.phase(), Phase::RequestHeld);
    stage.pass(500);
    let sent = stage.sent();
    assert_eq!(decision(&sent[0].1).verdict(), Verdict::Allow);
    stage.acknowledge(sent[0].0);
    assert!(exchange.forwarded().is_some());
    drop(exchange);

    let stream = stage.wasm.stream().unwrap();
    stage
        .wasm
        .node
        .set_cluster(chancery_tests::layer::CONTROL_PLANE, Cluster::Refused);
    stage.wasm.vm.grpc_close(stream, 14, "gone").unwrap();
    stage.pass(2_100);
    let exchange = stage.call();
    assert_eq!(refusal(&exchange).as_deref(), Some("audit_unavailable"));
    assert!(exchange.forwarded().is_none());
    drop(exchange);
    stage
        .wasm
        .node
        .set_cluster(chancery_tests::layer::CONTROL_PLANE, Cluster::Up);
    stage.pass(3_000);
    stage.wasm.hand_over_keys().unwrap();
    let recorded = stage.sent();
    let refused = recorded.iter().find_map(|(_, entry)| match &entry.event {
        Some(Event::Decision(it)) if it.verdict() == Verdict::Deny => Some(it.clone()),
        _ => None,
    });
    let refused = refused.expect("a refusal that was known at once is one decision");
    assert_eq!(refused.reason, "audit_unavailable");
    let exchange = stage.call();
    assert_eq!(exchange.phase(), Phase::RequestHeld);
}

#[test]
fn no_more_wait_than_may_and_strangers_are_a_quarter() {
    let mut stage = Stage::new(r#"{"max_ahead_calls":8}"#);
    let held: Vec<_> = (0..5).map(|_| stage.call()).collect();
    let waits = |exchange: &&Exchange| exchange.phase() == Phase::RequestHeld;
    assert_eq!(held.iter().filter(waits).count(), 2, "of strangers");
    assert_eq!(refusal(&held[2]).as_deref(), Some("audit_unavailable"));
    let sent = stage.sent();
    let allowed = sent
        .iter()
        .filter(|(_, it)| decision(it).verdict() == Verdict::Allow);
    let last = allowed.map(|(sequence, _)| *sequence).max().unwrap();
    stage.acknowledge(last);
    assert!(held[1].forwarded().is_some());
    assert_eq!(
        stage.call().phase(),
        Phase::RequestHeld,
        "there is room again"
    );
}

#[test]
fn a_call_is_refused_for_whose_entry_there_is_no_room() {
    let mut stage = Stage::new(r#"{"max_call_ring_bytes":1000}"#);
    let calls: Vec<_> = (0..4).map(|_| stage.call()).collect();
    let (first, last) = (&calls[0], &calls[3]);
    assert_eq!(first.phase(), Phase::RequestHeld);
    assert_eq!(refusal(last).as_deref(), Some("audit_unavailable"));
    assert!(last.forwarded().is_none());
    stage.acknowledge(1);
    assert!(first.forwarded().is_some());
    stage.acknowledge(4);
    stage.pass(50);
    let is_missed = stage
        .sent()
        .into_iter()
        .any(|(_, entry)| match entry.event {
            Some(Event::Gap(gap)) => gap.reason == "ring_full",
            _ => false,
        });
    assert!(is_missed, "what is not there is known to be missing");
}

#[test]
fn what_came_in_force_meanwhile_counts() {
    let mut stage = Stage::new("{}");
    let (kept, denied) = (stage.call(), stage.call());
    assert_eq!(stage.sent().len(), 2);
    stage.publish(&["other"]);
    stage.acknowledge(1);
    assert!(kept.forwarded().is_some(), "it is still allowed");
    stage.publish(&["write"]);
    stage.acknowledge(2);
    assert_eq!(refusal(&denied).as_deref(), Some("denied_by_rule"));
    assert!(denied.forwarded().is_none());
    drop(kept);
    stage.pass(50);
    let sent = stage.sent();
    let unsent = sent.iter().filter(|(_, entry)| outcome(entry).unsent);
    assert_eq!(unsent.count(), 1);
}

#[test]
fn a_client_that_leaves_is_not_taken_up_again() {
    let mut stage = Stage::new("{}");
    let exchange = stage.call();
    assert_eq!(stage.sent().len(), 1);
    exchange.disconnect();
    stage.acknowledge(1);
    assert_eq!(stage.wasm.vm.failure(), None);
    assert!(exchange.forwarded().is_none());
    stage.pass(50);
    let sent = stage.sent();
    let ended = outcome(&sent[0].1);
    assert_eq!((&*ended.reason, ended.unsent), ("aborted", true));
}
