//! One instance in wasmtime: snapshots, reloads, the stream, hostile bytes.

#![cfg(test)]

use std::collections::BTreeSet;

use chancery::signing::SigningKey;
use chancery_proto::{
    audit::v1::entry::Event,
    node::v1::{connect_request::Message, connect_response},
    policy::v1 as policy,
};
use chancery_tests::{
    artifacts,
    case::{self, Case},
    clock::now_unix_ms,
    fixture::Fixture,
    layer::{ORGANIZATION, SEALING_KEY, Snapshot, Wasm, plugin},
    signing,
    wasm_host::{Cluster, RequestSpec, UpstreamResponse},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

fn start() -> Wasm {
    Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap()
}

fn find(name: &str) -> Case {
    case::all()
        .unwrap()
        .into_iter()
        .find(|case| case.name == name)
        .unwrap()
}

fn allowed() -> Case {
    find("rules: an allowed call goes through byte for byte")
}

fn run(wasm: &mut Wasm, fixture: &Fixture, case: &Case) -> u16 {
    let token = case
        .request
        .token
        .as_deref()
        .map(|name| fixture.token(name).unwrap());
    wasm.run(case, token.as_deref()).unwrap().status
}

fn acked(wasm: &mut Wasm) -> Vec<u64> {
    let ack = |message| {
        let Message::SnapshotAck(ack) = message else {
            return None;
        };
        ack.applied.map(|applied| applied.version)
    };
    wasm.take_requests().into_iter().filter_map(ack).collect()
}

fn nacks(wasm: &mut Wasm) -> Vec<String> {
    let nack = |message| {
        let Message::SnapshotNack(nack) = message else {
            return None;
        };
        Some(nack.reason)
    };
    wasm.take_requests().into_iter().filter_map(nack).collect()
}

/// A snapshot with one section more.
fn with_section(snapshot: &Snapshot, section: &policy::Section) -> Snapshot {
    let bytes = section.encode_to_vec();
    let mut manifest = policy::Manifest::decode(&*snapshot.manifest).unwrap();
    manifest.sections.push(policy::SectionReference {
        digest: Sha256::digest(&bytes).to_vec(),
        size_bytes: bytes.len() as u64,
    });
    let mut sections = snapshot.sections.clone();
    sections.push(bytes);
    Snapshot {
        manifest: manifest.encode_to_vec(),
        sections,
    }
}

#[test]
fn refuses_everything_before_the_first_snapshot() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let observed = wasm.run(&allowed(), Some("x.y.z")).unwrap();
    assert_eq!(observed.status, 503);
    assert!(observed.forwarded.is_none());
    let body: serde_json::Value = serde_json::from_slice(&observed.body).unwrap();
    assert_eq!(body["error"]["data"]["reason"], "no_snapshot");
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 200);
}

#[test]
fn keeps_the_good_snapshot_when_a_bad_one_comes() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let good = fixture.snapshot(5).unwrap();
    wasm.push(&good).unwrap();
    assert_eq!(acked(&mut wasm), [5]);

    let unknown_feature = policy::Section {
        required_features: vec!["time-travel.v9".to_owned()],
        content: Some(policy::section::Content::RuleSet(policy::RuleSet::default())),
    };
    let no_content = policy::Section::default();
    let newer = fixture.snapshot(6).unwrap();
    let mut swapped = newer.clone();
    swapped
        .sections
        .iter_mut()
        .for_each(|section| section.reverse());
    let bad = [
        (with_section(&newer, &unknown_feature), "time-travel.v9"),
        (
            with_section(&newer, &no_content),
            "no content that is known",
        ),
        (
            Snapshot {
                manifest: vec![0xFF; 9],
                sections: vec![],
            },
            "manifest",
        ),
        (fixture.snapshot(5).unwrap(), "not newer"),
        (fixture.snapshot(4).unwrap(), "not newer"),
    ];
    for (snapshot, reason) in bad {
        wasm.push(&snapshot).unwrap();
        let nacks = nacks(&mut wasm);
        assert!(
            nacks.iter().any(|nack| nack.contains(reason)),
            "{reason}: {nacks:?}"
        );
        assert_eq!(run(&mut wasm, &fixture, &allowed()), 200);
    }
    wasm.push(&newer).unwrap();
    assert_eq!(acked(&mut wasm), [6]);
}

#[test]
fn a_section_that_is_not_its_digest_is_refused() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let snapshot = fixture.snapshot(1).unwrap();
    let manifest = signing::signed(&snapshot.manifest);
    wasm.say(connect_response::Message::Manifest(manifest))
        .unwrap();
    let section = snapshot.sections.first().unwrap();
    let mut altered = section.clone();
    altered[10] ^= 1;
    wasm.say(connect_response::Message::SectionChunk(
        chancery_proto::node::v1::SectionChunk {
            digest: Sha256::digest(section).to_vec(),
            offset_bytes: 0,
            data: altered.into(),
        },
    ))
    .unwrap();
    assert!(nacks(&mut wasm)[0].contains("holds something else"));
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 503);
}

#[test]
fn only_a_snapshot_by_a_trusted_key_is_enforced() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let first = fixture.snapshot(1).unwrap();
    let stranger = || SigningKey::from_secret(&[7; 32]);
    let unsigned = |snapshot: &Snapshot| signing::signed_by(vec![], &snapshot.manifest);
    wasm.push_signed(unsigned(&first), &first).unwrap();
    assert!(nacks(&mut wasm)[0].contains("not signed"));
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 503);
    wasm.push(&first).unwrap();
    assert_eq!(acked(&mut wasm), [1]);

    let second = fixture.snapshot(2).unwrap();
    let mut altered = signing::signed(&second.manifest);
    altered.manifest = fixture.snapshot(3).unwrap().manifest;
    let mut renamed = signing::signed_by(vec![stranger()], &second.manifest);
    renamed.signatures[0].key_id = signing::key().id().to_owned();
    let by_stranger = signing::signed_by(vec![stranger()], &second.manifest);
    for (manifest, reason) in [
        (unsigned(&second), "not signed"),
        (altered, "not what key"),
        (renamed, "not what key"),
        (by_stranger, "signed by no key"),
        (signing::signed(&first.manifest), "not newer"),
    ] {
        wasm.push_signed(manifest, &second).unwrap();
        let nacks = nacks(&mut wasm);
        assert!(nacks[0].contains(reason), "{reason}: {nacks:?}");
        assert_eq!(run(&mut wasm, &fixture, &allowed()), 200);
    }
    // While a key is replaced both sign.
    let both = signing::signed_by(vec![stranger(), signing::key()], &second.manifest);
    wasm.push_signed(both, &second).unwrap();
    assert_eq!(acked(&mut wasm), [2]);
}

#[test]
fn a_new_vm_takes_up_nothing_that_no_trusted_key_signed() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let vm_id = plugin("{}").vm_id;
    let [key] = &wasm.node.shared_data_keys(&vm_id)[..] else {
        panic!("more is shared than the snapshot")
    };
    let key = String::from_utf8(key.clone()).unwrap();
    let mut kept = wasm.node.shared_data(&vm_id, &key).unwrap();
    // The last bytes are the signature's.
    *kept.last_mut().unwrap() ^= 1;
    wasm.node.set_shared_data(&vm_id, &key, kept);
    wasm.reload().unwrap();
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 503);
    let logs = wasm.node.logs();
    assert!(logs.iter().any(|log| log.text.contains("is not what key")));
}

#[test]
fn a_configuration_changes_whose_snapshots_are_taken() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    wasm.take_requests();
    let other = SigningKey::from_secret(&[7; 32]);
    let mut changed = plugin("{}");
    let configuration = serde_json::json!({
        "control_plane_cluster": "chancery", "node_id": "test", "trust_keys": [other.trust_key()],
    });
    changed.configuration = configuration.to_string().into_bytes();
    wasm.vm.add_root(&changed).unwrap();
    let second = fixture.snapshot(2).unwrap();
    wasm.push(&second).unwrap();
    assert!(nacks(&mut wasm)[0].contains("signed by no key"));
    // One that says nothing of it undoes nothing.
    changed.configuration = br#"{"control_plane_cluster":"chancery","node_id":"test"}"#.to_vec();
    changed.root_id = "silent".to_owned();
    wasm.vm.add_root(&changed).unwrap();
    wasm.push(&second).unwrap();
    assert!(nacks(&mut wasm)[0].contains("signed by no key"));
    let manifest = signing::signed_by(vec![other], &second.manifest);
    wasm.push_signed(manifest, &second).unwrap();
    assert_eq!(acked(&mut wasm), [2]);

    let placeholder = r#"{"control_plane_cluster":"c","node_id":"n","trust_keys":[{"key_id":"KEY_ID","public_key":"PUBLIC_KEY"}]}"#;
    changed.configuration = placeholder.as_bytes().to_vec();
    assert!(wasm.node.canary(&changed).unwrap().result.is_err());
    let logs = wasm.node.logs();
    assert!(
        logs.iter()
            .any(|log| log.text.contains("trust key `KEY_ID`"))
    );
}

#[test]
fn a_new_vm_takes_up_the_last_good_snapshot() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(3).unwrap()).unwrap();
    wasm.take_requests();
    wasm.reload().unwrap();
    // No tick has passed, so the new VM has no stream yet.
    let request =
        chancery_tests::layer::request(&allowed(), Some(&fixture.token("alice").unwrap()));
    let answer = |_: &_| UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
    assert_eq!(
        wasm.vm
            .request(wasm.root, request, answer)
            .unwrap()
            .status(),
        200
    );
    wasm.tick().unwrap();
    let hello = wasm.take_requests().into_iter().find_map(|message| {
        let Message::Hello(hello) = message else {
            return None;
        };
        Some(hello)
    });
    assert_eq!(
        hello
            .and_then(|hello| hello.applied)
            .map(|applied| applied.version),
        Some(3)
    );
}

#[test]
fn a_trap_refuses_and_the_next_vm_enforces() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    // More than a VM's memory in one body: the allocation fails and the VM traps.
    let mut case = allowed();
    case.request.pad_body_to = Some(1 << 20);
    let token = fixture.token("alice").unwrap();
    let limited = Wasm::start_with_memory(&artifacts::filter().unwrap(), now_unix_ms(), 3 << 20);
    let mut limited = limited.unwrap();
    limited.push(&fixture.snapshot(1).unwrap()).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        case.request.body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{\"a\":[{}0]}}}}",
            "0,".repeat(90_000)
        );
        let observed = limited.run(&case, Some(&token));
        statuses.push(observed.as_ref().map(|observed| observed.status).ok());
        if limited.vm.failure().is_some() {
            break;
        }
    }
    assert!(limited.vm.failure().is_some(), "no trap: {statuses:?}");
    limited.reload().unwrap();
    assert_eq!(run(&mut limited, &fixture, &allowed()), 200);
    assert_eq!(
        run(&mut limited, &fixture, &find("rules: deny wins over allow")),
        200
    );
}

#[test]
fn sealing_keys_are_kept_nowhere_and_no_session_begins_without_them() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let handshake = find("rules: the handshake of a user with rights goes through");
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    assert_eq!(run(&mut wasm, &fixture, &handshake), 200);
    let vm_id = plugin("{}").vm_id;
    for key in wasm.node.shared_data_keys(&vm_id) {
        let key = String::from_utf8(key).unwrap();
        let kept = wasm.node.shared_data(&vm_id, &key).unwrap();
        let has_key = kept
            .windows(SEALING_KEY.len())
            .any(|bytes| bytes == SEALING_KEY);
        assert!(!has_key, "{key}");
    }

    // The next VM has the snapshot at once, and the keys only from the control plane.
    wasm.reload().unwrap();
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 200);
    assert_eq!(run(&mut wasm, &fixture, &handshake), 503);
    wasm.hand_over_keys().unwrap();
    assert_eq!(run(&mut wasm, &fixture, &handshake), 200);
}

#[test]
fn the_oldest_root_owns_the_stream_and_hands_it_over() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let mut second = plugin(r#"{"max_body_bytes":2048}"#);
    second.root_id = "second".to_owned();
    let second = wasm.vm.add_root(&second).unwrap();
    wasm.tick().unwrap();
    assert_eq!(wasm.vm.open_grpc_streams().len(), 1);
    assert_eq!(wasm.vm.open_grpc_streams()[0].root, wasm.root);

    let request = || {
        let case = allowed();
        chancery_tests::layer::request(&case, Some(&fixture.token("alice").unwrap()))
    };
    let answer = || UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
    assert_eq!(
        wasm.vm
            .request(second, request(), |_| answer())
            .unwrap()
            .status(),
        200
    );
    let mut long = request();
    long.chunks = vec![vec![b' '; 2049]];
    assert_eq!(
        wasm.vm
            .request(second, long, |_| answer())
            .unwrap()
            .status(),
        413
    );

    wasm.vm.drop_root(wasm.root).unwrap();
    wasm.root = second;
    for _ in 0..10 {
        wasm.tick().unwrap();
    }
    let streams = wasm.vm.open_grpc_streams();
    assert_eq!(
        streams.iter().map(|stream| stream.root).collect::<Vec<_>>(),
        [second]
    );
    assert_eq!(
        wasm.vm
            .request(second, request(), |_| answer())
            .unwrap()
            .status(),
        200
    );
}

#[test]
fn a_canary_opens_nothing_and_refuses_a_bad_configuration() {
    let wasm = start();
    let canary = wasm.node.canary(&plugin("{}")).unwrap();
    assert!(canary.result.is_ok());
    assert!(canary.grpc_streams.is_empty());
    let mut bad = plugin("{}");
    bad.configuration =
        br#"{"control_plane_cluster":"c","node_id":"n","unmached":"pass"}"#.to_vec();
    assert!(wasm.node.canary(&bad).unwrap().result.is_err());
    let logs = wasm.node.logs();
    assert!(
        logs.iter().any(|log| log.text.contains("unmached")),
        "{logs:?}"
    );
}

#[test]
fn header_bytes_that_are_no_text_do_not_trap() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let token = fixture.token("alice").unwrap();
    for name in [
        "x-request-id",
        "mcp-session-id",
        "mcp-name",
        "authorization",
        "content-type",
        ":path",
    ] {
        let mut spec = chancery_tests::layer::request(&allowed(), Some(&token));
        spec.headers.set(name, b"\xFF\xFE");
        let outcome = wasm
            .vm
            .request(wasm.root, spec, |_| {
                UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#)
            })
            .unwrap();
        assert!(outcome.status() < 500, "{name}: {}", outcome.status());
        assert!(wasm.vm.failure().is_none(), "{name}");
    }
}

#[test]
fn a_body_that_ends_in_trailers_is_judged() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let token = fixture.token("alice").unwrap();
    let request = |case: &Case| {
        let mut spec = chancery_tests::layer::request(case, Some(&token));
        spec.headers.remove("content-length");
        spec.trailers = Some([("x-checksum", "1")].into());
        RequestSpec {
            http2: true,
            ..spec
        }
    };
    let outcome = wasm.vm.request(
        wasm.root,
        request(&find("rules: deny wins over allow")),
        |_| UpstreamResponse::json("{}"),
    );
    assert!(outcome.unwrap().forwarded().is_none());
    let answer = |_: &_| UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
    let outcome = wasm
        .vm
        .request(wasm.root, request(&allowed()), answer)
        .unwrap();
    assert_eq!(
        outcome.forwarded().unwrap().body(),
        allowed().request.bytes()
    );
}

#[test]
fn entries_are_sent_again_until_they_are_acknowledged() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    wasm.take_requests();
    let token = fixture.token("alice").unwrap();
    let spec = chancery_tests::layer::request(&allowed(), Some(&token));
    let answer = |_: &_| UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
    wasm.vm.request(wasm.root, spec, answer).unwrap();
    wasm.tick().unwrap();
    let sequences = |wasm: &mut Wasm| -> Vec<u64> {
        let batches = wasm.take_requests().into_iter().filter_map(|message| {
            let Message::Entries(batch) = message else {
                return None;
            };
            Some(batch.entries)
        });
        batches.flatten().map(|entry| entry.sequence).collect()
    };
    assert_eq!(sequences(&mut wasm), [1, 2]);
    // The control plane dies before it has acknowledged.
    wasm.vm
        .grpc_close(wasm.stream().unwrap(), 14, "gone")
        .unwrap();
    for _ in 0..10 {
        wasm.tick().unwrap();
    }
    assert_eq!(sequences(&mut wasm), [1, 2]);
    let ack = chancery_proto::node::v1::EntriesAck { sequence: 2 };
    wasm.say(connect_response::Message::EntriesAck(ack))
        .unwrap();
    wasm.vm.grpc_close(wasm.stream().unwrap(), 0, "").unwrap();
    for _ in 0..10 {
        wasm.tick().unwrap();
    }
    assert_eq!(sequences(&mut wasm), [0_u64; 0]);
}

#[test]
fn comes_back_to_a_control_plane_that_was_not_there() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.vm
        .grpc_close(wasm.stream().unwrap(), 14, "refused")
        .unwrap();
    wasm.node.set_cluster("chancery", Cluster::Refused);
    for _ in 0..40 {
        wasm.tick().unwrap();
    }
    wasm.node.set_cluster("chancery", Cluster::Up);
    for _ in 0..60 {
        wasm.tick().unwrap();
    }
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    assert_eq!(run(&mut wasm, &fixture, &allowed()), 200);
}

#[test]
fn a_filter_without_a_feature_is_sent_a_deny_in_its_place() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    let features: BTreeSet<String> = ["jwt.v1", "rules.v1"].map(str::to_owned).into();
    wasm.push(&fixture.snapshot_for(1, Some(&features)).unwrap())
        .unwrap();
    let masked = find("redaction: a result is masked, all else stays");
    let token = fixture.token("sue").unwrap();
    let observed = wasm.run(&masked, Some(&token)).unwrap();
    assert!(observed.forwarded.is_none());
    let Some(Event::Decision(decision)) = &observed.entries[0].event else {
        panic!()
    };
    assert_eq!(decision.reason, "denied_by_rule");
}

/// The snapshot of the case table with a quota of so many calls an hour for everyone.
fn with_quota(fixture: &Fixture, calls: u32) -> Snapshot {
    let quota = policy::Quota {
        name: format!("{ORGANIZATION}/quotas/hourly"),
        subjects: Some(policy::Subjects {
            anyone: true,
            ..policy::Subjects::default()
        }),
        servers: vec!["*".to_owned()],
        calls,
        period: Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        per: vec![policy::QuotaKey::Principal.into()],
        ..policy::Quota::default()
    };
    let section = policy::Section {
        required_features: vec!["quotas.v1".to_owned()],
        content: Some(policy::section::Content::QuotaSet(policy::QuotaSet {
            name: ORGANIZATION.to_owned(),
            quotas: vec![quota],
        })),
    };
    with_section(&fixture.snapshot(1).unwrap(), &section)
}

#[test]
fn all_vms_of_a_node_count_a_quota_together() {
    let (mut wasm, fixture) = (start(), Fixture::new().unwrap());
    wasm.push(&with_quota(&fixture, 4)).unwrap();
    let other = wasm.node.start_vm(&[plugin("{}")]).unwrap();
    let root = other.root("chancery").unwrap();
    let token = fixture.token("alice").unwrap();
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let request = chancery_tests::layer::request(&allowed(), Some(&token));
        let answer = |_: &_| UpstreamResponse::json(r#"{"jsonrpc":"2.0","id":"a-1","result":{}}"#);
        other.request(root, request, answer).unwrap();
        let observed = wasm.run(&allowed(), Some(&token)).unwrap();
        assert_eq!(observed.status, 200);
        let body: serde_json::Value = serde_json::from_slice(&observed.body).unwrap();
        reasons.push(body["error"]["data"]["reason"].as_str().map(str::to_owned));
    }
    assert_eq!(reasons, [None, None, Some("quota_exceeded".to_owned())]);
    let over_quota = wasm.node.metric("chancery.decisions.over_quota").unwrap();
    assert_eq!(over_quota.value, 2);
    // A principal of its own has a bucket of its own, also after the VM is gone.
    wasm.reload().unwrap();
    let observed = wasm.run(&allowed(), Some(&token)).unwrap();
    assert!(observed.forwarded.is_none());
    let eddsa = fixture.token("alice-eddsa").unwrap();
    assert!(
        wasm.run(&allowed(), Some(&eddsa))
            .unwrap()
            .forwarded
            .is_none()
    );
}
