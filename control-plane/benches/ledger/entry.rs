//! Entries to be written: as small as there are, and a decision as the filter sends it.

use chancery_proto::audit::v1::{
    Attribute, Content, Decision, Entry, Fact, Principal, Provenance, Verdict, entry::Event,
};
use prost::Message as _;
use prost_types::Timestamp;

/// 200 bytes.
pub(super) fn plain() -> Vec<u8> {
    let entry = Entry {
        schema_version: 1,
        decision_id: vec![7; 16],
        time: Some(time()),
        ..Entry::default()
    };
    let mut bytes = entry.encode_to_vec();
    // An unknown field makes up the rest.
    let rest = 200 - bytes.len() - 4;
    bytes.extend([0x82, 0x7d, u8::try_from(rest).expect("a small rest"), 0x01]);
    bytes.extend(std::iter::repeat_n(b'x', rest));
    bytes.truncate(200);
    bytes
}

/// A call that two rules allow, with its principal, arguments and facts: about 700 bytes.
pub(super) fn decision() -> Vec<u8> {
    let verified = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            provenance: Provenance::Verified.into(),
        })
    };
    let arguments =
        br#"{"repo":"acme/payments","title":"Retry the webhook","labels":["bug","p2"]}"#;
    let decision = Decision {
        request_id: "0f0e5a2c-9a5e-4f3c-8c52-6a9d3b1d7e11".to_owned(),
        trace_parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0b1902b7-01".to_owned(),
        principal: Some(Principal {
            user: verified("ann@example.com"),
            issuer: verified("https://idp.example.com"),
            token_id_digest: vec![3; 32],
            groups: vec!["dev".to_owned(), "payments".to_owned()],
            groups_provenance: Provenance::Verified.into(),
            organization: verified("default"),
            workspace: verified("default"),
            client: verified("ide-assistant"),
            source: verified("10.1.2.3"),
            ..Principal::default()
        }),
        direction: 1,
        protocol_version: "2026-07-28".to_owned(),
        method: "tools/call".to_owned(),
        rpc_id: "17".to_owned(),
        server: "organizations/default/workspaces/default/servers/github".to_owned(),
        capability_kind: 1,
        capability: "create_issue".to_owned(),
        pin: vec![5; 32],
        arguments: Some(Content {
            data: arguments.to_vec(),
            digest: vec![9; 32],
            size_bytes: 73,
            truncated: false,
        }),
        verdict: Verdict::Allow.into(),
        reason: "allowed_by_rule".to_owned(),
        rules: vec!["organizations/default/workspaces/default/rules/dev-issues".to_owned()],
        facts: vec![Fact {
            key: "$.repo".to_owned(),
            value: "\"acme/payments\"".to_owned(),
            provenance: Provenance::Claimed.into(),
            altered: false,
        }],
        snapshot_epoch: 1_796_139_124,
        snapshot_version: 42,
        snapshot_digest: vec![4; 32],
        engine_version: "0.1.0".to_owned(),
        size_bytes: 312,
        count: 1,
        ..Decision::default()
    };
    let entry = Entry {
        schema_version: 1,
        time: Some(time()),
        decision_id: vec![7; 16],
        event: Some(Event::Decision(decision)),
    };
    entry.encode_to_vec()
}

fn time() -> Timestamp {
    Timestamp {
        seconds: 1_796_139_124,
        nanos: 250_000_000,
    }
}
