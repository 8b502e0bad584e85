//! A request and its answer, redacted.

use chancery_proto::policy::v1 as pb;
use serde_json::{Value, json};

use super::*;
use crate::{
    entry::OutcomeEvent,
    redact::Action,
    seal::{SEALING_KEY_BYTES, SealingKey},
};

/// What went each way, and what the record has of it.
#[derive(Debug)]
pub(super) struct Trip {
    /// What the server got. `None`: nothing.
    pub(super) sent: Option<Value>,
    pub(super) headers: Vec<HeaderEdit>,
    /// What the client got.
    pub(super) answer: Value,
    pub(super) decisions: Vec<DecisionEvent>,
    pub(super) outcome: Option<OutcomeEvent>,
}

pub(super) fn keyring() -> Arc<Keyring> {
    let mut keyring = Keyring::default();
    let key = SealingKey::from_slice(&[7; SEALING_KEY_BYTES]).unwrap();
    keyring.insert("organizations/o", vec![key]);
    Arc::new(keyring)
}

/// A profile that looks for e-mail addresses and payment cards.
pub(super) fn profile(id: &str, action: pb::RedactionAction) -> pb::RedactionProfile {
    pb::RedactionProfile {
        name: format!("organizations/o/redactionProfiles/{id}"),
        choices: vec![pb::RedactionChoice {
            detectors: texts(&["email", "payment_card"]),
            action: action.into(),
            ..pb::RedactionChoice::default()
        }],
        ..pb::RedactionProfile::default()
    }
}

/// Anyone may use everything, redacted by profile `p`.
pub(super) fn redacted(action: pb::RedactionAction) -> Site {
    let rule = pb::Rule {
        prompts: texts(&["*"]),
        resources: texts(&["*"]),
        obligations: Some(pb::Obligations {
            redact: texts(&["p"]),
            ..pb::Obligations::default()
        }),
        ..rule("all", pb::Effect::Allow, &["*"])
    };
    Site {
        rules: vec![rule],
        profiles: vec![profile("p", action)],
        keys: keyring(),
        ..Site::default()
    }
}

impl Site {
    /// Sends a request and has the server answer it, as JSON or event by event.
    pub(super) fn trip(&mut self, message: &Value, answers: &[Value]) -> Trip {
        let (mut exchange, step) = self.begin(message);
        let now = Time::from_unix_ms(1_790_000_000_000 + self.now_ms);
        let (sent, headers, answer) = match step {
            BodyStep::Reply(reply) => {
                (None, Vec::new(), serde_json::from_str(&reply.body).unwrap())
            }
            BodyStep::Forward { headers, body } => {
                let body = body.map_or_else(
                    || message.clone(),
                    |body| serde_json::from_str(&body).unwrap(),
                );
                let answer = answer(&mut exchange, answers, now);
                (Some(body), headers, answer)
            }
            BodyStep::AwaitCredential { .. }
            | BodyStep::AwaitRecord { .. }
            | BodyStep::Spend(_) => panic!("{step:?}"),
        };
        let mut trip = Trip {
            sent,
            headers,
            answer,
            decisions: Vec::new(),
            outcome: None,
        };
        for entry in exchange.take_entries() {
            match entry.event {
                Event::Decision(decision) => trip.decisions.push(*decision),
                Event::Outcome(outcome) => trip.outcome = Some(*outcome),
                Event::Drift(_) => {}
                Event::Shadow(_) => panic!("nobody's"),
                Event::Gap { .. } => panic!("a gap"),
            }
        }
        trip
    }

    /// Calls a tool that answers with a result.
    pub(super) fn called(&mut self, arguments: &Value, result: &Value) -> Trip {
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        self.trip(&call("get_note", arguments), &[answer])
    }
}

pub(super) fn call(tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

/// One answer is JSON, several are events of which the last is shown.
fn answer(exchange: &mut Exchange, answers: &[Value], now: Time) -> Value {
    let [answer] = answers else {
        let head = [("content-type".to_owned(), b"text/event-stream".to_vec())];
        let head = ResponseHead {
            status: 200,
            headers: Headers::new(&head),
            ends: false,
        };
        exchange.response_head(&head, now);
        let events: Vec<_> = answers
            .iter()
            .map(|one| format!("data: {one}\n\n"))
            .collect();
        let body = events.concat();
        let bytes = exchange.response_chunk(body.as_bytes(), true, now);
        let text = String::from_utf8(bytes).unwrap();
        let data = text
            .split("\n\n")
            .filter_map(|event| event.split_once("data: "));
        return data
            .map(|(_, data)| serde_json::from_str::<Value>(data).unwrap())
            .collect();
    };
    let head = [("content-type".to_owned(), b"application/json".to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&head),
        ends: false,
    };
    exchange.response_head(&head, now);
    match exchange.response_body(answer.to_string().as_bytes(), now) {
        Judged::Unchanged => answer.clone(),
        Judged::Rewritten(text) => serde_json::from_str(&text).unwrap(),
        Judged::Reply(reply) => serde_json::from_str(&reply.body).unwrap(),
    }
}

impl Trip {
    /// The findings of the answer: detector, place, count, action.
    pub(super) fn found(&self) -> Vec<(&str, &str, u32, Option<Action>)> {
        let outcome = self.outcome.as_ref().unwrap();
        outcome.findings.iter().map(shown).collect()
    }
}

pub(super) fn shown(finding: &Finding) -> (&str, &str, u32, Option<Action>) {
    (
        &finding.detector,
        &finding.pointer,
        finding.count,
        finding.action,
    )
}
