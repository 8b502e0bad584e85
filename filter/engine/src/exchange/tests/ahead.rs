//! What goes on only once its decision is durable.

use serde_json::{Value, json};

use super::*;
use crate::{audit::AuditLevel, entry::OutcomeEvent};

fn call(tool: &str, path: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": tool, "arguments": { "path": path } },
    })
}

/// A server whose tools wait, but for `read`, and a rule that allows all of them.
fn site() -> Site {
    Site {
        server: pb::Server {
            write_ahead: true,
            standard_tools: texts(&["read"]),
            ..pb::Server::default()
        },
        rules: vec![rule("all", pb::Effect::Allow, &["*"])],
        ..Site::default()
    }
}

fn with_audit(rule: pb::Rule, audit: pb::AuditLevel) -> pb::Rule {
    pb::Rule {
        audit: audit.into(),
        ..rule
    }
}

/// An exchange whose call waits for its decision to be durable, which is recorded.
fn waiting(site: &mut Site, message: &Value) -> Exchange {
    let (mut exchange, step) = site.begin(message);
    assert!(matches!(step, BodyStep::AwaitRecord { .. }), "{step:?}");
    assert!(exchange.take_entries().is_empty(), "not before it may wait");
    exchange.record_ahead();
    let entries = exchange.take_entries();
    let [Event::Decision(decision)] = [&entries[0].event] else {
        panic!("no decision: {entries:?}");
    };
    assert_eq!(decision.verdict, Verdict::Allow);
    assert_eq!(decision.audit, AuditLevel::WriteAhead);
    exchange
}

fn later(site: &Site) -> Arc<Policy> {
    Arc::new(site.policy().unwrap())
}

fn now() -> Time {
    Time::from_unix_ms(1_790_000_000_000)
}

/// The one outcome, of a call that was not sent.
fn unsent(exchange: &mut Exchange) -> OutcomeEvent {
    let mut entries = exchange.take_entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let Some(Event::Outcome(outcome)) = entries.pop().map(|entry| entry.event) else {
        panic!("no outcome");
    };
    assert_eq!(outcome.status, OutcomeStatus::Refused);
    assert!(outcome.is_unsent);
    *outcome
}

#[test]
fn the_server_says_what_waits_where_no_rule_does() {
    let waits = |site: &mut Site, tool| {
        let (_, step) = site.begin(&call(tool, "/"));
        match step {
            BodyStep::AwaitRecord { .. } => true,
            BodyStep::Forward { .. } => false,
            BodyStep::AwaitCredential { .. } | BodyStep::Reply(_) | BodyStep::Spend(_) => {
                panic!("{step:?}")
            }
        }
    };
    let mut site = site();
    assert!(waits(&mut site, "write"));
    assert!(!waits(&mut site, "read"));
    // A rule says otherwise, and of two that say it the stricter counts.
    let more = |audit| with_audit(rule("more", pb::Effect::Allow, &["*"]), audit);
    site.rules.push(more(pb::AuditLevel::Standard));
    assert!(!waits(&mut site, "write"));
    let waiting = rule("waiting", pb::Effect::Allow, &["*e*"]);
    site.rules
        .push(with_audit(waiting, pb::AuditLevel::WriteAhead));
    assert!(waits(&mut site, "read"));
    // Nobody waits for a handshake or a list because of a rule about tools.
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let (_, step) = site.begin(&ping);
    assert!(matches!(step, BodyStep::Forward { .. }), "{step:?}");
    let mut methods = rule("methods", pb::Effect::Allow, &[]);
    methods.methods = texts(&["ping"]);
    site.rules
        .push(with_audit(methods, pb::AuditLevel::WriteAhead));
    let (_, step) = site.begin(&ping);
    assert!(matches!(step, BodyStep::AwaitRecord { .. }), "{step:?}");
}

#[test]
fn a_rule_that_denies_has_nothing_to_wait_for() {
    let mut site = site();
    let deny = rule("deny", pb::Effect::Deny, &["x"]);
    site.rules
        .push(with_audit(deny, pb::AuditLevel::WriteAhead));
    let error = site.policy().unwrap_err().to_string();
    assert!(error.contains("audit"), "{error}");
}

#[test]
fn it_goes_on_once_its_decision_is_durable() {
    let mut site = site();
    let mut exchange = waiting(&mut site, &call("write", "/a"));
    assert!(exchange.recorded(Some(&later(&site)), now()).is_ok());
    exchange.close(now());
    let entries = exchange.take_entries();
    let [Event::Outcome(outcome)] = [&entries[0].event] else {
        panic!("no outcome: {entries:?}");
    };
    assert_eq!(
        (outcome.status, outcome.is_unsent),
        (OutcomeStatus::Unknown, false)
    );
}

#[test]
fn what_cannot_be_durable_is_refused_and_the_record_says_that_nothing_was_sent() {
    let mut site = site();
    let mut exchange = waiting(&mut site, &call("write", "/a"));
    let reply = exchange.fail(Reason::AuditUnavailable, now());
    assert_eq!(reply.status, 200);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["id"], 7);
    assert_eq!(body["error"]["code"], -31_403);
    assert_eq!(body["error"]["data"]["reason"], "audit_unavailable");
    assert_eq!(body["error"]["data"]["next"], "retry later");
    let outcome = unsent(&mut exchange);
    assert_eq!(outcome.reason, Some(Reason::AuditUnavailable));
    // Known at once, it is one decision: refused.
    let (mut exchange, _) = site.begin(&call("write", "/a"));
    exchange.fail(Reason::AuditUnavailable, now());
    let entries = exchange.take_entries();
    let [Event::Decision(decision)] = [&entries[0].event] else {
        panic!("no decision: {entries:?}");
    };
    assert_eq!(decision.verdict, Verdict::Deny(Reason::AuditUnavailable));
    exchange.close(now());
    assert!(exchange.take_entries().is_empty());
    // A client that goes away meanwhile has sent nothing either.
    let mut exchange = waiting(&mut site, &call("write", "/a"));
    exchange.close(now());
    assert_eq!(unsent(&mut exchange).reason, Some(Reason::Aborted));
}

#[test]
fn what_came_in_force_meanwhile_counts() {
    let conditional = |effect, glob: &str| pb::Rule {
        when: vec![pb::Condition {
            argument: "$.path".to_owned(),
            test: Some(pb::condition::Test::Glob(pb::Values {
                values: texts(&[glob]),
            })),
            ..pb::Condition::default()
        }],
        ..rule("conditional", effect, &["*"])
    };
    let mut site = site();
    let refused = |changed: Site| {
        let mut before = self::site();
        let mut exchange = waiting(&mut before, &call("write", "/etc/x"));
        let changed = Site {
            version: 1,
            ..changed
        };
        match exchange.recorded(Some(&later(&changed)), now()) {
            Ok(()) => None,
            Err(_) => unsent(&mut exchange).reason,
        }
    };
    site.version = 1;
    assert_eq!(refused(self::site()), None, "nothing of it changed");
    let denied = |glob| Site {
        rules: vec![
            rule("all", pb::Effect::Allow, &["*"]),
            conditional(pb::Effect::Deny, glob),
        ],
        ..self::site()
    };
    assert_eq!(refused(denied("/etc/*")), Some(Reason::DeniedByRule));
    assert_eq!(
        refused(denied("/tmp/*")),
        None,
        "its own arguments are asked about"
    );
    let allowed = |glob| Site {
        rules: vec![conditional(pb::Effect::Allow, glob)],
        ..self::site()
    };
    assert_eq!(refused(allowed("/tmp/*")), Some(Reason::NoMatchingRule));
    assert_eq!(refused(allowed("/etc/*")), None);
    let mut exchange = waiting(&mut site, &call("write", "/a"));
    assert!(exchange.recorded(None, now()).is_err());
    assert_eq!(unsent(&mut exchange).reason, Some(Reason::NoSnapshot));
}
