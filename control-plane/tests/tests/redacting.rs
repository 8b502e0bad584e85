//! `chancery redact`, and the resources behind it.

use std::process::Command;

use serde_json::{Value, json};

use super::{Done, PROGRAM, Site, finish};

const REDACTION: &str = "\
apiVersion: chancery.dev/v1
kind: Detector
metadata: {name: ticket}
spec: {regex: 'TCK-[0-9]{6}'}
---
apiVersion: chancery.dev/v1
kind: Allowlist
metadata: {name: ours}
spec: {globs: ['*@example.com'], detectors: [email]}
---
apiVersion: chancery.dev/v1
kind: RedactionProfile
metadata: {name: support}
spec:
  redact:
    - {detectors: [email, ticket], direction: to_client}
    - {detectors: [payment_card], places: [results]}
  allowlists: [ours]
";

fn result(text: &str) -> String {
    let result = json!({"content": [{"type": "text", "text": text}]});
    json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string()
}

fn sample(id: &str, body: &str) -> String {
    json!({"id": id, "content_type": "application/json", "body": body}).to_string()
}

/// Without a control plane.
fn alone(arguments: &[&str], input: &str) -> Done {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("CHANCERY_SERVER");
    finish(command, input)
}

fn answers(done: &Done) -> Vec<Value> {
    let lines = done.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_built_in_profile_needs_no_control_plane() {
    let clean = result("nothing here");
    let event = "event: message\ndata: ";
    let stream = json!({
        "id": 7,
        "content_type": "text/event-stream",
        "body": format!("{event}{}\n\n", result("ann@corp.test")),
    });
    let input = [
        sample("a", &result("mail ann@corp.test")),
        sample("b", &clean),
        stream.to_string(),
    ];
    let done = alone(&["redact", "--profile", "default"], &input.join("\n"));
    assert_eq!(
        (done.code, &*done.err),
        (0, "3 samples, 2 finds, 0 refused\n")
    );
    let answers = answers(&done);
    let found = json!([{
        "detector": "email",
        "pointer": "/result/content/0/text",
        "count": 1,
        "action": "replace",
    }]);
    let redacted = result("mail [redacted:email]");
    assert_eq!(
        answers[0],
        json!({"id": "a", "body": redacted, "findings": found})
    );
    assert_eq!(
        answers[1],
        json!({"id": "b", "body": clean, "findings": []})
    );
    let redacted = format!("{event}{}\n\n", result("[redacted:email]"));
    assert_eq!(
        (&answers[2]["id"], &answers[2]["body"]),
        (&json!(7), &json!(redacted))
    );
}

#[test]
fn what_cannot_be_redacted_is_said_and_the_rest_goes_on() {
    let input = [
        "{\"id\": 1}".to_owned(),
        sample("b", "no json"),
        String::new(),
        sample("c", &result("ok")),
    ];
    let done = alone(&["redact", "--profile", "default"], &input.join("\n"));
    assert_eq!(
        (done.code, &*done.err),
        (1, "3 samples, 0 finds, 2 refused\n")
    );
    let answers = answers(&done);
    assert_eq!(answers[0]["id"], json!(null));
    let error = answers[0]["error"].as_str().unwrap();
    assert!(error.starts_with("line 1: found missing field"), "{error}");
    assert_eq!(answers[1]["id"], json!("b"));
    assert!(answers[1]["error"].is_string(), "{}", done.out);
    assert_eq!(answers[2]["id"], json!("c"));
}

#[test]
fn profiles_of_documents_and_of_the_control_plane_do_the_same() {
    let site = Site::start();
    site.write("redaction.yaml", REDACTION);
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "t", "arguments": {"to": "ann@corp.test"}},
    });
    let input = [
        sample("to", &request.to_string()),
        sample("card", &result("4111 1111 1111 1111")),
    ]
    .join("\n");
    let of_documents = ["redact", "--profile", "support", "-f", "redaction.yaml"];
    let first = site.run_with(&of_documents, &input);
    assert_eq!(first.code, 0, "{}", first.err);
    let answers = answers(&first);
    assert_eq!(answers[0]["body"], json!(request.to_string()));
    assert_eq!(answers[0]["findings"], json!([]));
    assert_eq!(answers[1]["body"], json!(result("[redacted:payment_card]")));

    let applied = site.run(&["apply", "-f", "redaction.yaml"]);
    assert_eq!((applied.code, &*applied.err), (0, ""));
    let created =
        "detector/ticket created\nallowlist/ours created\nredactionprofile/support created\n";
    assert!(applied.out.starts_with(created), "{}", applied.out);
    let second = site.run_with(&["redact", "--profile", "support"], &input);
    assert_eq!((second.code, second.out), (0, first.out));
}

#[test]
fn a_profile_that_is_not_there_is_said_with_what_is() {
    let site = Site::start();
    let path = site.write("redaction.yaml", REDACTION);
    let path = path.to_str().unwrap();
    let done = alone(&["redact", "--profile", "suport", "-f", path], "");
    assert_eq!(
        (done.code, &*done.err),
        (
            2,
            "error: `suport` is no redaction profile of organization `default` in these documents, \
             expected `support` or `default` (did you mean `support`?)\n"
        )
    );
    let done = site.run(&["redact", "--profile", "suport"]);
    assert_eq!(done.code, 2);
    assert!(
        done.err
            .contains("in the control plane, expected `default`"),
        "{}",
        done.err
    );
    let broken = REDACTION.replace("TCK-[0-9]{6}", "(x)*");
    let path = site.write("broken.yaml", &broken);
    let done = alone(
        &[
            "redact",
            "--profile",
            "support",
            "-f",
            path.to_str().unwrap(),
        ],
        "",
    );
    assert_eq!(done.code, 2);
    let place = "broken.yaml:4:15: spec.regex: found `(x)*`, which matches the empty string in ``";
    assert!(done.err.contains(place), "{}", done.err);
}

#[test]
fn the_detectors_that_are_built_in_are_listed() {
    let done = alone(&["redact", "--list"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.starts_with("DETECTOR"), "{}", done.out);
    let done = alone(&["redact", "--list", "-o", "json"], "");
    let list: Value = serde_json::from_str(&done.out).unwrap();
    let email = json!({"id": "email", "group": "personal", "version": list[0]["version"]});
    assert_eq!(list[0], email);
}

#[test]
fn redaction_is_kept_compared_and_taken_away() {
    let site = Site::start();
    site.write("redaction.yaml", REDACTION);
    assert_eq!(site.run(&["apply", "-f", "redaction.yaml"]).code, 0);
    let same = site.run(&["diff", "-f", "redaction.yaml"]);
    assert_eq!((same.code, &*same.out), (0, ""), "{}", same.err);
    for (kind, expected) in [
        ("redactionprofiles", "email, ticket, payment_card"),
        ("detectors", "TCK-[0-9]{6}"),
        ("allowlists", "*@example.com"),
    ] {
        let listed = site.run(&["get", kind]);
        assert!(listed.out.contains(expected), "{}", listed.out);
    }
    let profiles = site.run(&["get", "profiles"]).out;
    let built_in = profiles.lines().nth(1).unwrap();
    let cells: Vec<_> = built_in.split_whitespace().collect();
    assert_eq!(cells, ["default", "enforce", "all", "replace", "-", "-"]);
    let used = site.run(&["delete", "detector", "ticket"]);
    assert_eq!(used.code, 5, "{}", used.err);
    let gone = site.run(&["delete", "-f", "redaction.yaml"]);
    assert_eq!(
        (gone.code, &*gone.out),
        (
            0,
            "redactionprofile/support deleted\nallowlist/ours deleted\ndetector/ticket deleted\n"
        )
    );
}
