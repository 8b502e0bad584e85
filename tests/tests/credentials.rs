//! As whom servers are called: with a credential that the control plane hands over, or not at all.

#![cfg(test)]

use std::sync::Arc;

use chancery_engine::{credential::Credential, id::Time, secret::Secret};
use chancery_proto::{
    audit::v1::{Decision, Verdict, entry::Event},
    node::v1::{self as node, connect_request::Message, connect_response},
    policy::v1 as policy,
};
use chancery_tests::{
    artifacts,
    case::{self, Case, Observed},
    clock::now_unix_ms,
    fixture::Fixture,
    layer::{Native, Snapshot, Wasm, request},
    wasm_host::{Exchange, UpstreamResponse},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

const CREDENTIAL: &str = "organizations/default/credentials/tests";

/// The case table's snapshot, its servers called with a credential in this header.
fn snapshot(
    fixture: &Fixture,
    version: u64,
    identity: policy::UpstreamIdentity,
    header: &str,
) -> Snapshot {
    let mut snapshot = fixture.snapshot(version).unwrap();
    for bytes in &mut snapshot.sections {
        let mut section = policy::Section::decode(&**bytes).unwrap();
        if let Some(policy::section::Content::Server(server)) = &mut section.content {
            server.upstream = Some(policy::Upstream {
                credential: CREDENTIAL.to_owned(),
                identity: identity.into(),
                header: header.to_owned(),
            });
            section.required_features.push("credentials.v1".to_owned());
            *bytes = section.encode_to_vec();
        }
    }
    let mut manifest = policy::Manifest::decode(&*snapshot.manifest).unwrap();
    let reference = |bytes: &Vec<u8>| policy::SectionReference {
        digest: Sha256::digest(bytes).to_vec(),
        size_bytes: bytes.len().try_into().unwrap(),
    };
    manifest.sections = snapshot.sections.iter().map(reference).collect();
    manifest
        .sections
        .sort_by(|one, other| one.digest.cmp(&other.digest));
    snapshot.manifest = manifest.encode_to_vec();
    snapshot
}

fn find(name: &str) -> Case {
    let mut cases = case::all().unwrap().into_iter();
    cases.find(|case| case.name == name).unwrap()
}

fn allowed() -> Case {
    find("rules: an allowed call goes through byte for byte")
}

fn credential(value: &str) -> Arc<Credential> {
    Arc::new(Credential {
        value: Secret::new(value),
        expires: Time::from_unix_ms(u64::MAX),
    })
}

/// What the server saw in a header.
fn seen<'o>(observed: &'o Observed, name: &str) -> Vec<&'o str> {
    let forwarded = observed.forwarded.iter();
    let headers = forwarded.flat_map(|forwarded| &forwarded.headers);
    headers
        .filter(|(known, _)| known.replace('_', "-") == name)
        .map(|(_, value)| &**value)
        .collect()
}

fn decisions(observed: &Observed) -> Vec<&Decision> {
    let events = observed.entries.iter().map(|entry| &entry.event);
    events
        .filter_map(|event| match event {
            Some(Event::Decision(decision)) => Some(decision),
            _ => None,
        })
        .collect()
}

fn native(identity: policy::UpstreamIdentity, header: &str) -> (Native, Fixture) {
    let fixture = Fixture::new().unwrap();
    let snapshot = snapshot(&fixture, 1, identity, header);
    let native = Native::new(&snapshot, Time::from_unix_ms(now_unix_ms())).unwrap();
    (native, fixture)
}

#[test]
fn a_server_sees_the_credential_and_nothing_of_the_client() {
    for identity in [
        policy::UpstreamIdentity::Service,
        policy::UpstreamIdentity::Principal,
        policy::UpstreamIdentity::Shared,
    ] {
        for header in ["authorization", "x-api-key"] {
            let (mut native, fixture) = native(identity, header);
            native.credential = Ok(credential("Bearer upstream"));
            let token = fixture.token("alice").unwrap();
            let mut case = allowed();
            case.request
                .headers
                .extend(["x-api-key", "x_api_key"].map(|name| (name.to_owned(), "own".to_owned())));
            let observed = native.run(&case, Some(&token));
            assert_eq!(seen(&observed, header), ["Bearer upstream"]);
            if header != "authorization" {
                assert_eq!(seen(&observed, "authorization"), [""; 0]);
            }
            let forwarded = format!("{:?}", observed.forwarded);
            assert!(!forwarded.contains(&token));
            let decisions = decisions(&observed);
            assert_eq!(decisions.len(), 1);
            assert_eq!(decisions[0].verdict(), Verdict::Allow);
            let word = identity.as_str_name().rsplit('_').next().unwrap();
            assert_eq!(decisions[0].upstream_identity, word.to_lowercase());
            let shown = format!("{:?}", observed.entries);
            assert!(!shown.contains("Bearer upstream") && !shown.contains(&token));
        }
    }
}

#[test]
fn without_a_credential_nothing_goes_on_and_one_refusal_says_why() {
    for answer in [
        Err("token_endpoint_refused".into()),
        Ok(credential("")),
        Ok(credential("two\r\nheaders")),
    ] {
        let (mut native, fixture) = native(policy::UpstreamIdentity::Service, "authorization");
        native.credential = answer;
        let token = fixture.token("alice").unwrap();
        let observed = native.run(&allowed(), Some(&token));
        assert_eq!(observed.status, 503);
        assert!(observed.forwarded.is_none());
        let body: serde_json::Value = serde_json::from_slice(&observed.body).unwrap();
        assert_eq!(body["id"], "a-1");
        assert_eq!(body["error"]["data"]["reason"], "no_upstream_credential");
        let decisions = decisions(&observed);
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].reason, "no_upstream_credential");
        assert_eq!(decisions[0].method, "tools/call");
        assert_eq!(decisions[0].upstream_identity, "none");
        assert!(
            decisions[0]
                .facts
                .iter()
                .any(|fact| fact.key == "upstream.error")
        );
    }
}

#[test]
fn what_is_refused_needs_no_credential() {
    let (mut native, fixture) = native(policy::UpstreamIdentity::Service, "authorization");
    let case = find("rules: deny wins over allow");
    let observed = native.run(&case, Some(&fixture.token("alice").unwrap()));
    assert_eq!(decisions(&observed)[0].reason, "denied_by_rule");
    assert_eq!(decisions(&observed)[0].upstream_identity, "none");
}

#[test]
fn nobody_has_no_principals_credential() {
    let case = |native: &mut Native| {
        let mut case = allowed();
        case.request.host = "open.test".to_owned();
        case.request.cluster = "open".to_owned();
        case.request.token = None;
        let body = r#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"name":"echo"}}"#;
        case.request.body = body.to_owned();
        native.credential = Ok(credential("Bearer upstream"));
        native.run(&case, None)
    };
    let (mut native_, _fixture) = native(policy::UpstreamIdentity::Principal, "authorization");
    let observed = case(&mut native_);
    assert_eq!((observed.status, observed.forwarded.is_none()), (401, true));
    assert_eq!(decisions(&observed)[0].reason, "no_token");
    let (mut native_, _fixture) = native(policy::UpstreamIdentity::Service, "authorization");
    let observed = case(&mut native_);
    assert_eq!(seen(&observed, "authorization"), ["Bearer upstream"]);
}

/// An instance whose servers are called with a credential, and who calls them.
struct Instance {
    wasm: Wasm,
    token: String,
    fixture: Fixture,
}

impl Instance {
    fn start(identity: policy::UpstreamIdentity) -> Self {
        let mut wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
        let fixture = Fixture::new().unwrap();
        let snapshot = snapshot(&fixture, 1, identity, "authorization");
        wasm.push(&snapshot).unwrap();
        wasm.take_requests();
        Self {
            wasm,
            token: fixture.token("alice").unwrap(),
            fixture,
        }
    }

    /// Sends the call that is allowed, as far as it goes.
    fn call(&self) -> Exchange {
        let spec = request(&allowed(), Some(&self.token));
        self.wasm.vm.open(self.wasm.root, spec).unwrap()
    }

    /// What the instance asks for.
    fn questions(&mut self) -> Vec<node::CredentialRequest> {
        self.wasm.tick().unwrap();
        let requests = self.wasm.take_requests().into_iter();
        requests
            .filter_map(|message| {
                let Message::CredentialRequest(request) = message else {
                    return None;
                };
                Some(request)
            })
            .collect()
    }

    fn answer(&mut self, request_id: u64, value: &str, for_seconds: u64) {
        let expires = now_unix_ms() / 1_000 + for_seconds;
        let answer = node::CredentialAnswer {
            request_id,
            header_value: value.to_owned(),
            expire_time: Some(prost_types::Timestamp {
                seconds: expires.try_into().unwrap(),
                nanos: 0,
            }),
            error: if value.is_empty() {
                "no_secret".to_owned()
            } else {
                String::new()
            },
        };
        self.wasm
            .say(connect_response::Message::CredentialAnswer(answer))
            .unwrap();
    }
}

/// The credential that a request went on with.
fn credential_of(exchange: &Exchange) -> Option<String> {
    let forwarded = exchange.forwarded()?;
    let values: Vec<_> = forwarded
        .headers
        .iter()
        .filter(|(name, _)| *name == b"authorization")
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect();
    assert_eq!(values.len(), 1, "{values:?}");
    values.into_iter().next()
}

fn status_of(exchange: &Exchange) -> Option<u16> {
    let response = exchange.response()?;
    let mut headers = response.headers.iter();
    let status = headers.find(|(name, _)| *name == b":status");
    String::from_utf8_lossy(status?.1).parse().ok()
}

fn answered(status: u16) -> UpstreamResponse {
    let mut response = UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
    response.headers.set(":status", status.to_string());
    response
}

#[test]
fn many_are_held_for_one_credential_which_is_used_until_it_expires() {
    let mut instance = Instance::start(policy::UpstreamIdentity::Service);
    let held = [instance.call(), instance.call(), instance.call()];
    assert!(
        held.iter()
            .all(|call| call.forwarded().is_none() && status_of(call).is_none())
    );
    let questions = instance.questions();
    assert_eq!(questions.len(), 1);
    assert_eq!(
        questions[0].server,
        "organizations/default/workspaces/default/servers/notes"
    );
    // The gateway's own credential needs nobody's token.
    assert_eq!(
        (&*questions[0].subject_token, &questions[0].principal),
        ("", &None)
    );
    instance.answer(questions[0].request_id, "Bearer one", 60);
    for call in held {
        assert_eq!(credential_of(&call).unwrap(), "Bearer one");
        assert_eq!(call.forwarded().unwrap().body(), allowed().request.bytes());
        call.respond(answered(200)).unwrap();
        assert_eq!(call.finish().unwrap().status(), 200);
    }
    let known = instance.call();
    assert_eq!(credential_of(&known).unwrap(), "Bearer one");
    for _ in 0..(61 * 20) {
        instance.wasm.tick().unwrap();
    }
    instance.token = instance.fixture.token("alice").unwrap();
    assert!(instance.call().forwarded().is_none());
    assert_eq!(instance.questions().len(), 1);
}

#[test]
fn a_principals_credential_is_asked_for_with_their_token() {
    let mut instance = Instance::start(policy::UpstreamIdentity::Principal);
    let call = instance.call();
    let questions = instance.questions();
    assert_eq!(questions[0].subject_token, instance.token);
    let principal = questions[0].principal.clone().unwrap();
    assert_eq!(principal.user.unwrap().value, "alice@example.test");
    instance.answer(questions[0].request_id, "Bearer for alice", 60);
    assert_eq!(credential_of(&call).unwrap(), "Bearer for alice");
    instance.token = instance.fixture.token("sue").unwrap();
    let mut case = find("redaction: a result is masked, all else stays");
    case.request.token = None;
    let spec = request(&case, Some(&instance.token));
    let call = instance.wasm.vm.open(instance.wasm.root, spec).unwrap();
    assert!(call.forwarded().is_none());
    assert_eq!(instance.questions()[0].subject_token, instance.token);
}

#[test]
fn nobody_is_held_for_longer_than_the_deadline_and_a_no_is_said_at_once() {
    let mut instance = Instance::start(policy::UpstreamIdentity::Service);
    let call = instance.call();
    for _ in 0..99 {
        instance.wasm.tick().unwrap();
    }
    assert_eq!(status_of(&call), None);
    for _ in 0..2 {
        instance.wasm.tick().unwrap();
    }
    assert_eq!(status_of(&call), Some(503));
    assert!(call.forwarded().is_none());
    let call = instance.call();
    let questions = instance.questions();
    instance.answer(questions.last().unwrap().request_id, "", 0);
    assert_eq!(status_of(&call), Some(503));
    drop(call.finish());
    instance.wasm.tick().unwrap();
    let entries = instance.wasm.take_entries().unwrap();
    let reasons: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Some(Event::Decision(decision)) => Some(&*decision.reason),
            _ => None,
        })
        .collect();
    assert!(reasons.contains(&"no_upstream_credential"), "{reasons:?}");
}

#[test]
fn what_the_server_refuses_is_asked_for_anew_and_what_ends_is_not_used() {
    let mut instance = Instance::start(policy::UpstreamIdentity::Service);
    let call = instance.call();
    let questions = instance.questions();
    instance.answer(questions[0].request_id, "Bearer one", 60);
    call.respond(answered(401)).unwrap();
    assert_eq!(call.finish().unwrap().status(), 502);
    let call = instance.call();
    let questions = instance.questions();
    assert_eq!(
        questions[0].refused_digest,
        Sha256::digest("Bearer one").to_vec()
    );
    instance.answer(questions[0].request_id, "Bearer two", 60);
    assert_eq!(credential_of(&call).unwrap(), "Bearer two");
    let expiry = node::CredentialExpiry {
        server: questions[0].server.clone(),
        expire_time: Some(prost_types::Timestamp::default()),
    };
    instance
        .wasm
        .say(connect_response::Message::CredentialExpiry(expiry))
        .unwrap();
    assert!(instance.call().forwarded().is_none());
    assert_eq!(instance.questions().len(), 1);
}

#[test]
fn a_request_without_a_body_is_held_too_and_a_client_that_leaves_is_no_trouble() {
    let mut instance = Instance::start(policy::UpstreamIdentity::Service);
    let mut case = allowed();
    case.request.method = "GET".to_owned();
    case.request.headers.clear();
    case.request.body = String::new();
    let open = |instance: &Instance| {
        let spec = request(&case, Some(&instance.token));
        instance.wasm.vm.open(instance.wasm.root, spec).unwrap()
    };
    let (gone, call) = (open(&instance), open(&instance));
    gone.disconnect();
    let questions = instance.questions();
    assert_eq!(questions.len(), 1);
    instance.answer(questions[0].request_id, "Bearer one", 60);
    assert_eq!(credential_of(&call).unwrap(), "Bearer one");
    assert!(gone.forwarded().is_none());
    assert!(instance.wasm.vm.failure().is_none());
}
