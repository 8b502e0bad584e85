use chancery_proto::audit::v1::{Principal, Record};
use prost_types::Timestamp;

use super::*;

fn positioned(event: Option<Event>) -> PositionedRecord {
    let entry = Entry {
        schema_version: 1,
        time: Some(Timestamp {
            seconds: 1_000_000_000,
            nanos: 5_000_000,
        }),
        decision_id: vec![0x3f, 0x2a, 0x9c, 0x1b, 0x5d],
        event,
    };
    let record = Record {
        entry: entry.encode_to_vec(),
        ..Record::default()
    };
    PositionedRecord {
        position: 0,
        record: Some(record),
    }
}

fn lines(records: &[PositionedRecord]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, false);
    Lines::default().write_all(records, &mut console).unwrap();
    String::from_utf8(out).unwrap()
}

fn decision(verdict: Verdict, user: &str, capability: &str) -> Decision {
    let user = Attribute {
        value: user.to_owned(),
        ..Attribute::default()
    };
    Decision {
        principal: Some(Principal {
            user: Some(user),
            ..Principal::default()
        }),
        method: "tools/call".to_owned(),
        server: "organizations/default/workspaces/default/servers/notes".to_owned(),
        capability: capability.to_owned(),
        verdict: verdict.into(),
        reason: "no_matching_rule".to_owned(),
        count: 1,
        ..Decision::default()
    }
}

#[test]
fn one_line_a_record() {
    let allowed = Decision {
        reason: "allowed".to_owned(),
        rules: vec!["organizations/default/rules/dev-reads".to_owned()],
        findings: vec![
            Finding {
                detector: "email".to_owned(),
                pointer: "/a".to_owned(),
                count: 2,
                action: "replace".to_owned(),
            },
            Finding {
                detector: "email".to_owned(),
                pointer: "/b".to_owned(),
                count: 1,
                action: "replace".to_owned(),
            },
        ],
        ..decision(Verdict::Allow, "alice@example.com", "read_note")
    };
    let outcome = Outcome {
        status: OutcomeStatus::Result.into(),
        http_status: 200,
        latency: Some(Duration {
            seconds: 0,
            nanos: 12_345_678,
        }),
        size_bytes: 2_300,
        pruned: vec!["delete_note".to_owned()],
        pruned_count: 1,
        ..Outcome::default()
    };
    let gap = Gap {
        reason: "ring_full".to_owned(),
        count: 12,
        node_id: "envoy-1".to_owned(),
        instance_id: vec![0xab; 16],
        ..Gap::default()
    };
    let records = [
        positioned(Some(Event::Decision(allowed))),
        positioned(Some(Event::Outcome(outcome))),
        positioned(Some(Event::Decision(decision(
            Verdict::Deny,
            "",
            "delete_note",
        )))),
        positioned(Some(Event::Gap(gap))),
        positioned(None),
    ];
    let expected = "\
TIME                      VERDICT  USER               SERVER    CALL                    WHY                                                         DECISION
2001-09-09T01:46:40.005Z  allow    alice@example.com  notes     tools/call read_note    allowed by dev-reads found email×3 (replace)                3f2a9c1b
2001-09-09T01:46:40.005Z  result                                                        2.2 KiB, 12 ms, 1 hidden                                    3f2a9c1b
2001-09-09T01:46:40.005Z  deny     anonymous          notes     tools/call delete_note  no_matching_rule                                            3f2a9c1b
2001-09-09T01:46:40.005Z  gap                                   envoy-1/abababab        12 entries missing: ring_full                               3f2a9c1b
2001-09-09T01:46:40.005Z  ?                                                             an entry of a newer kind; -o json shows what is known of it  3f2a9c1b
";
    // The width of the longest reason, whatever it is.
    let squeezed = |text: &str| {
        text.lines()
            .map(|line| {
                line.split("  ")
                    .filter(|part| !part.is_empty())
                    .map(str::trim)
            })
            .map(|parts| parts.collect::<Vec<_>>().join(" | "))
            .collect::<Vec<_>>()
    };
    assert_eq!(squeezed(&lines(&records)), squeezed(expected));
}

#[test]
fn columns_stay_aligned() {
    let records = [
        positioned(Some(Event::Decision(decision(Verdict::Deny, "名前", "a")))),
        positioned(Some(Event::Decision(decision(
            Verdict::Deny,
            "x",
            &"long".repeat(40),
        )))),
    ];
    let text = lines(&records);
    let ends: Vec<usize> = text.lines().map(crate::cli::visible::width).collect();
    assert_eq!(ends.first(), ends.last(), "{text}");
    assert!(text.contains('…'), "{text}");
}

#[test]
fn what_others_wrote_cannot_deceive() {
    let evil = decision(Verdict::Deny, "bob\u{202e}\u{1b}[31m\nallow", "rm\u{200b}");
    let text = lines(&[positioned(Some(Event::Decision(evil)))]);
    assert!(text.contains("bob\\u{202e}\\u{1b}[31m\\nallow"), "{text}");
    assert!(text.contains("rm\\u{200b}"), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn an_entry_that_cannot_be_read_is_a_line_too() {
    let record = Record {
        entry: vec![0xff],
        ..Record::default()
    };
    let text = lines(&[PositionedRecord {
        position: 0,
        record: Some(record),
    }]);
    assert!(text.lines().last().unwrap().contains('?'), "{text}");
}

#[test]
fn what_nobody_registered_says_where_to_and_from_where() {
    let shadow = |kind: ShadowKind, path: &str| {
        positioned(Some(Event::Shadow(ShadowSighting {
            kind: kind.into(),
            host: "mcp.evil.test".to_owned(),
            path: path.to_owned(),
            method: "initialize".to_owned(),
            workload: "spiffe://a/b".to_owned(),
            count: 3,
            ..ShadowSighting::default()
        })))
    };
    let records = [
        shadow(ShadowKind::Mcp, "/mcp"),
        shadow(ShadowKind::Tunnel, ""),
    ];
    let text = lines(&records);
    for part in [
        "shadow",
        "spiffe://a/b",
        "mcp.evil.test",
        "initialize /mcp",
        "nobody registered, 3 alike",
        "a tunnel",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
