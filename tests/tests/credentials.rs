//! As whom servers are called: with a credential that the control plane hands over, or not at all.

#![cfg(test)]

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_engine::{
    credential::{Answer, Credential},
    id::Time,
    secret::Secret,
};
use chancery_proto::{
    audit::v1::{Decision, Verdict, entry::Event},
    policy::v1 as policy,
};
use chancery_tests::{
    case::{self, Case, Observed},
    fixture::Fixture,
    layer::{Native, Snapshot},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

const CREDENTIAL: &str = "organizations/default/credentials/tests";

fn now_unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    elapsed.as_millis().try_into().unwrap()
}

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

fn credential(value: &str) -> Answer {
    Ok(Arc::new(Credential {
        value: Secret::new(value),
        expires: Time::from_unix_ms(u64::MAX),
    }))
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
            native.credential = credential("Bearer upstream");
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
        credential(""),
        credential("two\r\nheaders"),
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
        native.credential = credential("Bearer upstream");
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
