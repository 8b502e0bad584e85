use chancery_proto::audit::v1::{
    Attribute, Content, Decision, Entry, Outcome, OutcomeStatus, Principal, Provenance, Record,
    Verdict, entry::Event,
};
use serde_json::json;

use super::*;

fn positioned(entry: Vec<u8>) -> PositionedRecord {
    let record = Record {
        receive_time: Some(Timestamp {
            seconds: 1,
            nanos: 500_000_000,
        }),
        node_id: "envoy-1".to_owned(),
        instance_id: vec![0xab; 16],
        sequence: 7,
        entry,
    };
    PositionedRecord {
        position: 0,
        record: Some(record),
    }
}

fn shown(event: Event) -> Json {
    let entry = Entry {
        schema_version: 1,
        time: Some(Timestamp {
            seconds: 0,
            nanos: 0,
        }),
        decision_id: vec![1, 2],
        event: Some(event),
    };
    record(&positioned(entry.encode_to_vec())).unwrap()
}

#[test]
fn a_decision_has_words_times_and_hexadecimal_ids() {
    let decision = Decision {
        principal: Some(Principal {
            user: Some(Attribute {
                value: "alice".to_owned(),
                provenance: Provenance::Verified.into(),
            }),
            ..Principal::default()
        }),
        method: "tools/call".to_owned(),
        arguments: Some(Content {
            data: b"{\"a\":1}".to_vec(),
            ..Content::default()
        }),
        verdict: Verdict::RequireApproval.into(),
        rules: vec!["organizations/o/rules/r".to_owned()],
        ..Decision::default()
    };
    assert_eq!(
        shown(Event::Decision(decision)),
        json!({
            "position": 0,
            "receive_time": "1970-01-01T00:00:01.500Z",
            "node_id": "envoy-1",
            "instance_id": "ab".repeat(16),
            "sequence": 7,
            "entry": {
                "schema_version": 1,
                "time": "1970-01-01T00:00:00Z",
                "decision_id": "0102",
                "decision": {
                    "principal": {
                        "user": {"value": "alice", "provenance": "verified"},
                        "has_more_groups": false,
                    },
                    "method": "tools/call",
                    "arguments": {"data": "{\"a\":1}", "truncated": false, "size_bytes": 0},
                    "verdict": "require_approval",
                    "rules": ["organizations/o/rules/r"],
                    "snapshot_epoch": 0,
                    "snapshot_version": 0,
                    "size_bytes": 0,
                    "count": 0,
                },
            },
        })
    );
}

#[test]
fn an_outcome_has_its_length_and_status() {
    let outcome = Outcome {
        status: OutcomeStatus::ToolError.into(),
        latency: Some(Duration {
            seconds: 0,
            nanos: 12_000_000,
        }),
        ..Outcome::default()
    };
    let shown = shown(Event::Outcome(outcome));
    assert_eq!(shown["entry"]["outcome"]["status"], "tool_error");
    assert_eq!(shown["entry"]["outcome"]["latency"], "0.012s");
}

#[test]
fn content_is_text_where_it_is_text() {
    let cases: [(&[u8], bool, Json); 4] = [
        (b"abc", false, json!({"data": "abc"})),
        // Cut inside a character.
        (b"ab\xc3", true, json!({"data": "ab"})),
        (b"ab\xc3", false, json!({"data_bytes": "6162c3"})),
        (b"\xff\xfe", true, json!({"data_bytes": "fffe"})),
    ];
    for (data, truncated, expected) in cases {
        let content = Content {
            data: data.to_vec(),
            truncated,
            ..Content::default()
        };
        let outcome = Outcome {
            result: Some(content),
            ..Outcome::default()
        };
        let mut result = shown(Event::Outcome(outcome))["entry"]["outcome"]["result"].clone();
        let fields = result.as_object_mut().unwrap();
        fields.remove("truncated");
        fields.remove("size_bytes");
        assert_eq!(result, expected, "{data:?}");
    }
}

#[test]
fn what_is_newer_than_this_program_is_shown_as_far_as_it_is_known() {
    // Field 99 with an empty message, after a schema version.
    let newer = [&[0x08, 0x02][..], &[0x9a, 0x06, 0x00]].concat();
    assert_eq!(
        record(&positioned(newer)).unwrap()["entry"],
        json!({"schema_version": 2})
    );
    let decision = Decision {
        verdict: 77,
        ..Decision::default()
    };
    assert_eq!(
        shown(Event::Decision(decision))["entry"]["decision"]["verdict"],
        77
    );
    let broken = record(&positioned(vec![0xff])).unwrap();
    assert_eq!(broken["entry_bytes"], "ff");
    assert!(broken["entry_error"].is_string());
    assert!(record(&PositionedRecord::default()).is_ok());
}
