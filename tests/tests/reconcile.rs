//! What Envoy's access log says of decisions, and what `chancery audit reconcile` makes of it.

#![cfg(test)]

use std::fs;

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{RecordFilter, Verdict, entry::Event};
use chancery_tests::{control_plane::ControlPlaneError, hostile::stage::Stage, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

const CALLS: usize = 6;

async fn call(stage: &Stage, tool: &str) {
    let token = stage
        .provider
        .token("alice@example.test", &["dev"])
        .unwrap();
    let url = format!("http://{}/mcp", stage.envoy.address().unwrap());
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool},
    });
    let request = reqwest::Client::new()
        .post(url)
        .header("host", "notes.test")
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(token)
        .json(&message);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// The access log once all calls are in it, and the record too.
async fn logged(stage: &Stage) -> Vec<Value> {
    wait::until("every line and entry", wait::PATIENCE, async || {
        let records = stage.control_plane.records(RecordFilter::default()).await?;
        let outcomes = records
            .iter()
            .filter(|record| matches!(record.entry.event, Some(Event::Outcome(_))));
        let lines = stage.envoy.access_log();
        let is_all = outcomes.count() == CALLS && lines.len() == CALLS + 1;
        Ok::<_, ControlPlaneError>(is_all.then_some(lines))
    })
    .await
    .unwrap()
}

/// What `chancery audit reconcile` finds in a log of these lines.
async fn reconciled(stage: &Stage, lines: &[Value]) -> Vec<(String, String)> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("access.log");
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    fs::write(&path, text.join("\n")).unwrap();
    let path = path.to_string_lossy();
    let arguments = ["audit", "reconcile", &*path, "-o", "json"];
    let output = stage.control_plane.run(&arguments).await.unwrap();
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!found.is_empty())));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = found.iter();
    found
        .map(|it| (text(&it["difference"]), text(&it["decision"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_held_against_the_record() {
    let stage = Stage::start().await.unwrap();
    for _ in 0..CALLS / 2 {
        call(&stage, "read_note").await;
    }
    call(&stage, "delete_note").await;
    for _ in 0..CALLS / 2 {
        call(&stage, "read_note").await;
    }
    let mut lines = logged(&stage).await;
    // The filter tells the access log what it decided.
    for record in stage
        .control_plane
        .records(RecordFilter::default())
        .await
        .unwrap()
    {
        let Some(Event::Decision(decision)) = &record.entry.event else {
            continue;
        };
        let id = Hex(&record.entry.decision_id).to_string();
        let line = lines.iter().find(|line| line["decision"] == *id);
        let line = line.unwrap_or_else(|| panic!("{id} is in no line: {lines:#?}"));
        let is_sent = decision.verdict() == Verdict::Allow;
        let verdict = if is_sent { "allow" } else { &decision.reason };
        assert_eq!(line["verdict"], verdict);
        assert_eq!(line["upstream"].is_string(), is_sent, "{line}");
        assert_eq!(line["request_id"], decision.request_id);
    }
    assert_eq!(reconciled(&stage, &lines).await, []);
    // A call that Envoy sent on and the record does not have.
    let forged = "0".repeat(32);
    let genuine = std::mem::replace(&mut lines[1]["decision"], json!(forged));
    let genuine = genuine.as_str().unwrap().to_owned();
    let expected = [
        ("no_entry".to_owned(), forged),
        ("no_line".to_owned(), genuine),
    ];
    assert_eq!(reconciled(&stage, &lines).await, expected);
    // One that bypassed the filter.
    lines[1]["decision"] = Value::Null;
    let found = reconciled(&stage, &lines).await;
    assert_eq!(found[0], ("no_decision".to_owned(), String::new()));
}
