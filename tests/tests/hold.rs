//! Requests that wait for the key of their token: how they go on, whatever comes.

#![cfg(test)]

use std::time::Duration;

use chancery_proto::{
    audit::v1::entry::Event,
    node::v1::{KeyAnswer, KeyRequest, connect_request, connect_response},
    policy::v1 as policy,
};
use chancery_tests::{
    artifacts,
    clock::now_unix_ms,
    fixture::Fixture,
    identity::{Algorithm, IdentityProvider},
    layer::{Snapshot, Wasm},
    wasm_host::{Exchange, Headers, Phase, RequestSpec, UpstreamResponse},
};
use prost::Message as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_note","arguments":{"text":"ann@example.test"}}}"#;

/// How much of the provider's keys filters know.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    None,
    Published,
}

/// An instance under a snapshot whose provider publishes its keys, and no key of it yet.
struct Stage {
    fixture: Fixture,
    wasm: Wasm,
    version: u64,
}

impl Stage {
    fn new() -> Self {
        let wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
        let mut stage = Self {
            fixture: Fixture::new().unwrap(),
            wasm,
            version: 0,
        };
        stage.publish(Keys::None);
        stage.wasm.take_requests();
        stage
    }

    fn publish(&mut self, keys: Keys) {
        self.version += 1;
        let snapshot = self.fixture.snapshot(self.version).unwrap();
        let snapshot = with_key_set(&snapshot, keys);
        self.wasm.push(&snapshot).unwrap();
    }

    fn provider(&self) -> &IdentityProvider {
        &self.fixture.provider
    }

    fn token(&self, key_id: &str, user: &str) -> String {
        let header = json!({ "alg": "EdDSA", "kid": key_id });
        let claims = self.provider().claims(user, &["dev"]);
        let token = self
            .provider()
            .sign_with_header(Algorithm::EdDsa, &header, &claims);
        token.unwrap()
    }

    fn open(&mut self, spec: RequestSpec, token: &str) -> Exchange {
        let spec = spec
            .header("authorization", format!("Bearer {token}"))
            .property(&["xds", "cluster_name"], "notes");
        self.wasm.vm.open(self.wasm.root, spec).unwrap()
    }

    fn call(&mut self, token: &str) -> Exchange {
        self.open(RequestSpec::post("notes.test", "/mcp", CALL), token)
    }

    /// The keys that were asked for since this was last asked.
    fn asked(&mut self) -> Vec<String> {
        self.wasm.tick().unwrap();
        let requests = self.wasm.take_requests();
        let wanted = requests.into_iter().filter_map(|request| {
            let connect_request::Message::KeyRequest(KeyRequest {
                identity_provider,
                key_id,
            }) = request
            else {
                return None;
            };
            assert!(identity_provider.ends_with("/identityProviders/tests"));
            Some(key_id)
        });
        wanted.collect()
    }

    fn answer(&mut self, key_id: &str, is_known: bool) {
        let answer = KeyAnswer {
            identity_provider: "organizations/default/identityProviders/tests".to_owned(),
            key_id: key_id.to_owned(),
            is_known,
        };
        let answer = connect_response::Message::KeyAnswer(answer);
        self.wasm.say(answer).unwrap();
    }

    fn pass(&mut self, milliseconds: u64) {
        let time = Duration::from_millis(milliseconds);
        self.wasm.node.advance(time).unwrap();
    }
}

/// Takes the provider's keys out of its own section, into one that its issuer is said to publish.
fn with_key_set(snapshot: &Snapshot, published: Keys) -> Snapshot {
    let mut sections = Vec::new();
    for bytes in &snapshot.sections {
        let mut section = policy::Section::decode(&**bytes).unwrap();
        if let Some(policy::section::Content::IdentityProviderSet(set)) = &mut section.content {
            let provider = set.identity_providers.first_mut().unwrap();
            provider.has_key_set = true;
            let keys = std::mem::take(&mut provider.keys);
            let key_set = policy::KeySet {
                identity_provider: provider.name.clone(),
                keys: if published == Keys::Published {
                    keys
                } else {
                    Vec::new()
                },
            };
            let key_set = policy::Section {
                required_features: vec!["key_sets.v1".to_owned()],
                content: Some(policy::section::Content::KeySet(key_set)),
            };
            sections.push(key_set.encode_to_vec());
        }
        sections.push(section.encode_to_vec());
    }
    let mut manifest = policy::Manifest::decode(&*snapshot.manifest).unwrap();
    manifest.sections = sections
        .iter()
        .map(|section| policy::SectionReference {
            digest: Sha256::digest(section).to_vec(),
            size_bytes: section.len() as u64,
        })
        .collect();
    Snapshot {
        manifest: manifest.encode_to_vec(),
        sections,
    }
}

fn status(exchange: &Exchange) -> Option<u16> {
    exchange.response().map(|response| response.status())
}

fn finish(exchange: Exchange) {
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
    exchange.respond(UpstreamResponse::json(answer)).unwrap();
    assert_eq!(exchange.finish().unwrap().status(), 200);
}

#[test]
fn all_who_wait_go_on_with_one_answer() {
    let mut stage = Stage::new();
    let mut held = Vec::new();
    for user in ["ann", "bob", "cem"] {
        let token = stage.token("EdDSA", user);
        let exchange = stage.call(&token);
        assert_eq!(exchange.phase(), Phase::RequestHeld, "{user}");
        held.push(exchange);
    }
    // A GET has no body to wait for as well.
    let token = stage.token("EdDSA", "dan");
    let get = Headers::from([
        (":method", "GET"),
        (":authority", "notes.test"),
        (":path", "/mcp"),
        ("accept", "text/event-stream"),
    ]);
    let listening = stage.open(RequestSpec::new(get), &token);
    assert_eq!(stage.asked(), ["EdDSA"], "asked once for all of them");
    stage.publish(Keys::Published);
    assert!(
        held.iter()
            .all(|exchange| exchange.phase() == Phase::RequestHeld)
    );
    stage.answer("EdDSA", true);
    for exchange in held {
        let forwarded = exchange.forwarded().unwrap();
        assert!(forwarded.complete);
        assert_eq!(forwarded.body(), CALL.as_bytes());
        assert!(forwarded.headers.value("authorization").is_none());
        finish(exchange);
    }
    let forwarded = listening.forwarded().unwrap();
    assert!(forwarded.headers.value("authorization").is_none());
    listening.disconnect();

    let entries = {
        stage.wasm.tick().unwrap();
        stage.wasm.take_entries().unwrap()
    };
    let users = entries.into_iter().filter_map(|entry| match entry.event {
        Some(Event::Decision(decision)) => Some(decision.principal?.user?.value),
        _ => None,
    });
    let users: Vec<String> = users.collect();
    assert_eq!(users.len(), 4, "one decision each: {users:?}");
    assert!(
        ["ann", "bob", "cem", "dan"]
            .iter()
            .all(|user| users.iter().any(|u| u == user))
    );
}

#[test]
fn a_body_may_come_before_the_answer_and_after_it() {
    let mut stage = Stage::new();
    let token = stage.token("EdDSA", "ann");
    let mut spec = RequestSpec::post("notes.test", "/mcp", CALL);
    let (first, second) = CALL.split_at(20);
    spec.chunks = vec![first.into()];
    spec.unfinished = true;
    let exchange = stage.open(spec, &token);
    stage.publish(Keys::Published);
    stage.answer("EdDSA", true);
    assert!(exchange.forwarded().is_none(), "half a body went on");
    exchange.send_body(second).unwrap();
    exchange.end_request(None).unwrap();
    assert_eq!(exchange.forwarded().unwrap().body(), CALL.as_bytes());
    finish(exchange);
}

#[test]
fn a_body_is_rewritten_after_the_answer_as_before() {
    let mut stage = Stage::new();
    let header = json!({ "alg": "EdDSA", "kid": "EdDSA" });
    let provider = &stage.fixture.provider;
    let claims = provider.claims("sue@example.test", &["support"]);
    let token = provider.sign_with_header(Algorithm::EdDsa, &header, &claims);
    let body = CALL.replace("get_note", "export_customers");
    let spec = RequestSpec::post("notes.test", "/mcp", body.as_str());
    let exchange = stage.open(spec, &token.unwrap());
    stage.publish(Keys::Published);
    stage.answer("EdDSA", true);
    let forwarded = exchange.forwarded().unwrap();
    let body = String::from_utf8(forwarded.body()).unwrap();
    assert!(!body.contains("ann@example.test"), "{body}");
    assert!(forwarded.headers.value("content-length").is_none());
    finish(exchange);
}

#[test]
fn who_is_not_answered_is_refused_and_not_asked_for_again() {
    let mut stage = Stage::new();
    let token = stage.token("strange", "ann");
    let exchange = stage.call(&token);
    assert_eq!(stage.asked(), ["strange"]);
    stage.pass(900);
    assert_eq!(status(&exchange), None);
    stage.pass(150);
    assert_eq!(status(&exchange), Some(401));
    let response = exchange.response().unwrap();
    let challenge = response.headers.text("www-authenticate").unwrap();
    assert!(
        challenge.contains("the token's key is not known"),
        "{challenge}"
    );
    drop(exchange);

    // Silence, and the word that there is none, are remembered.
    let exchange = stage.call(&token);
    assert_eq!(status(&exchange), Some(401));
    let other = stage.token("other", "ann");
    let exchange = stage.call(&other);
    assert_eq!(stage.asked(), ["other"]);
    stage.answer("other", false);
    assert_eq!(status(&exchange), Some(401));
    for _ in 0..3 {
        assert_eq!(status(&stage.call(&other)), Some(401));
    }
    assert!(stage.asked().is_empty());
    stage.pass(61_000);
    let exchange = stage.call(&other);
    assert_eq!(status(&exchange), None);
    assert_eq!(stage.asked(), ["other"]);
}

#[test]
fn a_client_that_leaves_is_not_taken_up_again() {
    let mut stage = Stage::new();
    let token = stage.token("EdDSA", "ann");
    let exchange = stage.call(&token);
    exchange.disconnect();
    stage.publish(Keys::Published);
    stage.answer("EdDSA", true);
    stage.pass(2_000);
    assert_eq!(stage.wasm.vm.failure(), None);
    stage.wasm.tick().unwrap();
    let entries = stage.wasm.take_entries().unwrap();
    let reasons = entries.into_iter().filter_map(|entry| match entry.event {
        Some(Event::Decision(decision)) => Some(decision.reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), ["aborted"]);
}

#[test]
fn nobody_waits_for_a_control_plane_that_is_gone() {
    let mut stage = Stage::new();
    let token = stage.token("EdDSA", "ann");
    let exchange = stage.call(&token);
    assert_eq!(status(&exchange), None);
    assert_eq!(stage.asked(), ["EdDSA"]);
    let stream = stage.wasm.stream().unwrap();
    stage.wasm.vm.grpc_close(stream, 14, "gone").unwrap();
    assert_eq!(status(&exchange), Some(401));
    assert_eq!(status(&stage.call(&token)), Some(401));
    // Once it is back, it is asked again: that it was gone says nothing of the key.
    stage.pass(3_000);
    stage.wasm.take_requests();
    stage.publish(Keys::None);
    let exchange = stage.call(&token);
    assert_eq!(status(&exchange), None);
    assert_eq!(stage.asked(), ["EdDSA"]);
}

#[test]
fn a_held_body_is_bounded_and_a_flood_of_keys_is_too() {
    let mut stage = Stage::new();
    let token = stage.token("EdDSA", "ann");
    let large = format!("{CALL}{}", " ".repeat(2 << 20));
    let mut spec = RequestSpec::post("notes.test", "/mcp", large.as_str());
    spec.headers.remove("content-length");
    spec.buffer_limit_bytes = Some(8 << 20);
    let exchange = stage.open(spec, &token);
    assert_eq!(status(&exchange), Some(413));
    assert_eq!(stage.asked(), ["EdDSA"]);
    stage.publish(Keys::Published);
    stage.answer("EdDSA", true);
    assert_eq!(stage.wasm.vm.failure(), None);

    let mut held = 0;
    for key in 0..100 {
        let token = stage.token(&format!("made-up-{key}"), "ann");
        held += usize::from(status(&stage.call(&token)).is_none());
    }
    assert_eq!(held, 64);
    assert_eq!(stage.asked().len(), 64);
}
