//! Redaction.

use std::sync::Arc;

use chancery_engine::{
    entry::Direction,
    json::{Document, escape_into},
    limits::Limits,
    redact::{Place, Plan, Profile, Redactor},
};

/// What was redacted holds nothing more that is found, stays JSON, alike in a stream however it is
/// cut; what stands in no find is left byte by byte.
pub fn redact(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut plan = Plan::default();
    plan.add(&Arc::new(Profile::built_in()));
    let redactor = Redactor {
        plan: &plan,
        direction: Direction::ToClient,
        binding: None,
    };
    if let Some(redacted) = redactor.text(Place::Results, text) {
        settles(redacted, |text| redactor.text(Place::Results, text));
    }
    let mut string = String::new();
    escape_into(&mut string, text);
    check_body(
        &redactor,
        &format!("{{\"type\":\"text\",\"text\":\"{string}\"}}"),
        "content",
    );
    if Document::parse(data, data.len(), &Limits::DEFAULT).is_ok() {
        check_body(&redactor, text, "structuredContent");
    }
}

/// Redacting again may find what only what took the place of a find brought together, but not for
/// ever.
fn settles(mut text: String, again: impl Fn(&str) -> Option<String>) {
    for _ in 0..4 {
        match again(&text) {
            Some(next) if next != text => text = next,
            _ => return,
        }
    }
    let is_settled = again(&text).is_none_or(|next| next == text);
    assert!(is_settled, "redacting never ends");
}

fn check_body(redactor: &Redactor<'_>, value: &str, field: &str) {
    let value = if field == "content" {
        format!("[{value}]")
    } else {
        value.to_owned()
    };
    let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"{field}\":{value}}}}}");
    let Ok(redacted) = redactor.body("application/json", body.as_bytes(), &Limits::DEFAULT) else {
        return;
    };
    let again = Document::parse(redacted.body.as_bytes(), usize::MAX, &Limits::DEFAULT);
    assert!(again.is_ok(), "no JSON any more: {again:?}");
    if redacted.findings.is_empty() {
        assert_eq!(redacted.body, body, "changed without a finding");
    }
    // A line of a stream has no line breaks.
    let line = body.replace(['\n', '\r'], " ");
    let stream = format!("event: message\ndata: {line}\n\n");
    let whole = redactor.body("text/event-stream", stream.as_bytes(), &Limits::DEFAULT);
    let alone = redactor.body("application/json", line.as_bytes(), &Limits::DEFAULT);
    if let (Ok(whole), Ok(alone)) = (whole, alone) {
        assert!(
            whole.body.contains(&alone.body),
            "another thing in a stream"
        );
    }
}
