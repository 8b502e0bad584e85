use chancery_proto::audit::v1::{
    AdminChange, Attribute, Content, Decision, Entry, Finding, Outcome, OutcomeStatus, Principal,
    Verdict, entry::Event,
};

use super::*;

fn decision() -> Entry {
    let attribute = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            ..Attribute::default()
        })
    };
    Entry {
        time: Some("2026-07-03T10:15:00.5Z".parse().unwrap()),
        decision_id: (0..16).map(|digit| digit * 17).collect(),
        event: Some(Event::Decision(Decision {
            principal: Some(Principal {
                user: attribute("ann@example.com"),
                agent: attribute("crawler"),
                ..Principal::default()
            }),
            server: "organizations/o/workspaces/w/servers/notes".to_owned(),
            method: "tools/call".to_owned(),
            capability: "delete_repo".to_owned(),
            verdict: Verdict::Deny.into(),
            reason: "denied_by_rule".to_owned(),
            rules: vec![
                "organizations/o/rules/no-deletes".to_owned(),
                "organizations/o/rules/x".to_owned(),
            ],
            arguments: Some(Content {
                data: br#"{"repo":"\u00e9lan/Main"}"#.to_vec(),
                ..Content::default()
            }),
            findings: vec![Finding {
                detector: "email".to_owned(),
                ..Finding::default()
            }],
            ..Decision::default()
        })),
        ..Entry::default()
    }
}

fn admits(entry: &Entry, text: &str) -> bool {
    let expression = Expression::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression.admits(&Card::of(entry))
}

#[test]
fn a_decision_is_found_by_what_it_is() {
    let entry = decision();
    for text in [
        "",
        "user = \"ann@example.com\"",
        "user = 'ann@example.com'",
        "user=ann@example.com",
        "user = *@example.com",
        "user = \"ann@*\"",
        "user : EXAMPLE",
        "user:*",
        "user != bob",
        "user < b AND user >= ann@example.com",
        "server = notes",
        "server = organizations/o/workspaces/w/servers/notes",
        "server = no*",
        "server = organizations/o/*",
        "organization = o AND workspace = w",
        "method = tools/call",
        "verdict = deny",
        "verdict != allow",
        "kind = decision AND kind:* AND NOT kind = gap",
        "rule = no-deletes",
        "rule = x",
        "rule != y",
        "finding = email",
        "reason : rule",
        "agent = crawler",
        "decision_id = 00112233445566778899aabbccddeeff",
        "decision_id = 001122*",
        "decision_id != 01*",
        "time > 2026-07-03T10:15:00Z",
        "time <= \"2026-07-03T10:15:00.5Z\" time >= \"2026-07-03T12:15:00.5+02:00\"",
        "élan",
        "ÉLAN main delete",
        "él* AND *lete AND \"repo, main\"",
        "-bob",
        "NOT (bob OR verdict = allow)",
        "bob OR main",
        // `OR` binds closer than `AND`.
        "main OR bob AND repo",
        "main AND bob OR repo",
    ] {
        assert!(admits(&entry, text), "{text}");
    }
    for text in [
        "user = ann",
        "user != ann@example.com",
        "user = \"\\*@example.com\"",
        "server = note",
        "rule != x",
        "verdict = allow",
        "status = result",
        "status != result",
        "session:*",
        "session != s",
        "decision_id = 01*",
        "time < 2026-07-03T10:15:00.5Z",
        "bob",
        "mai",
        "example",
        "NOT delete",
        "bob OR main AND allow",
    ] {
        assert!(!admits(&entry, text), "{text}");
    }
}

#[test]
fn what_others_have_is_found() {
    let outcome = Entry {
        event: Some(Event::Outcome(Outcome {
            status: OutcomeStatus::ToolError.into(),
            server: "organizations/o/workspaces/w/servers/notes".to_owned(),
            result: Some(Content {
                data: b"{\"text\":\"no such repo\"}".to_vec(),
                ..Content::default()
            }),
            ..Outcome::default()
        })),
        ..Entry::default()
    };
    assert!(admits(
        &outcome,
        "status = tool_error server = notes such NOT verdict:*"
    ));
    assert!(!admits(&outcome, "verdict != allow"));
    let change = Entry {
        event: Some(Event::AdminChange(AdminChange {
            method: "ApplyResources".to_owned(),
            resource: "organizations/o/rules/r organizations/o/servers/a organizations/o/servers/b"
                .to_owned(),
            reason: "ticket 42".to_owned(),
            ..AdminChange::default()
        })),
        ..Entry::default()
    };
    assert!(admits(
        &change,
        "kind = admin_change server = b method = ApplyResources 42 organization = o"
    ));
    assert!(!admits(&change, "server = r"));
    assert!(admits(&Entry::default(), "NOT kind:*"));
}

const MISREAD: &[(&str, &str)] = &[
    (
        "usr = ann",
        "column 1: found `usr`, expected a field; did you mean `user`?",
    ),
    (
        "a AND verdict = denied",
        "column 17: found `denied`, expected one of `allow`, `deny`, `require_approval`; did you mean `deny`?",
    ),
    ("user =", "column 7: found the end, expected a value"),
    (
        "user = (a OR b)",
        "column 8: found a parenthesis, expected a value",
    ),
    ("(user = a", "column 10: found the end, expected `)`"),
    (
        "user = a)",
        "column 9: found `)`, expected `AND`, `OR`, a condition or the end",
    ),
    (
        "AND a",
        "column 1: found `AND`, expected a condition such as `user = \"ann\"`",
    ),
    (
        "é OR",
        "column 5: found the end, expected a condition such as `user = \"ann\"`",
    ),
    (
        "a and b",
        "column 3: found `and`, expected `AND`, or the word in quotes",
    ),
    (
        "user = 'ann",
        "column 12: found the end, expected the closing quote",
    ),
    ("user ! ann", "column 6: found `!`, expected `!=`"),
    (
        "user = a*b",
        "column 8: found `a*b`, expected `*` at the beginning or the end; `\\*` in quotes is the sign itself",
    ),
    (
        "verdict < deny",
        "column 11: found a value after `<`, expected `=`, `!=` or `:` before it",
    ),
    (
        "time = 2026-07-03T00:00:00Z",
        "column 8: found a value after `=`, expected `<`, `<=`, `>` or `>=` before it",
    ),
    (
        "time > yesterday",
        "column 8: found `yesterday`, expected a time such as `2026-07-03T10:15:00Z`",
    ),
    (
        "decision_id = 12",
        "column 15: found `12`, expected 32 hexadecimal digits, or the first of them and `*`",
    ),
    (
        "???",
        "column 1: found `???`, expected a word with a letter or digit, or a field such as `user = \"ann\"`",
    ),
    (
        "user < a*",
        "column 8: found `a`, expected a text without `*` after an order",
    ),
];

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    for (text, said) in MISREAD {
        let misread = Expression::read(text).unwrap_err();
        assert_eq!(misread.to_string(), *said, "{text}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    assert!(Expression::read(&format!("{}a{}", "(".repeat(32), ")".repeat(32))).is_ok());
    assert!(Expression::read(&format!("{}a{}", "(".repeat(33), ")".repeat(33))).is_err());
    assert!(Expression::read(&"a ".repeat(100)).is_ok());
    assert!(Expression::read(&"a ".repeat(101)).is_err());
    assert!(Expression::read(&format!("a{}", " ".repeat(4_095))).is_ok());
    assert!(Expression::read(&format!("a{}", " ".repeat(4_096))).is_err());
}
