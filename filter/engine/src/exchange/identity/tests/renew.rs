//! What becomes of an exchange while which time passes and another policy comes in force.

use super::*;
use crate::exchange::{BodyStep, Judged, ResponseHead, ResponseStep};

const NEWS: &[u8] = b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\
    \"params\":{\"level\":\"info\",\"data\":\"news\"}}\n\n";
const ANSWER: &[u8] = b"data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[]}}\n\n";

fn after(milliseconds: u64) -> Time {
    Time::from_unix_ms(NOW_SECONDS * 1_000 + milliseconds)
}

/// A later policy than that of [`parts`].
fn later(parts: Parts) -> Arc<Policy> {
    let version = SnapshotVersion {
        epoch: 1,
        version: 2,
        digest: Digest::of(b"2"),
    };
    Arc::new(Policy::new(version, parts).unwrap())
}

/// The policy of [`parts`], with this in place of some of it.
fn with(change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = parts();
    change(&mut parts);
    parts
}

/// The only rule applies no more so long after an exchange began.
fn with_rule_until(milliseconds: u64) -> Parts {
    with(|parts| {
        let rule = Rule::clone(&parts.rules[0]);
        let expire_time = Some(after(milliseconds));
        parts.rules = vec![Arc::new(Rule {
            expire_time,
            ..rule
        })];
    })
}

fn respond(exchange: &mut Exchange, content_type: &str) -> ResponseStep {
    let headers = [("content-type".to_owned(), content_type.as_bytes().to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&headers),
        ends: false,
    };
    exchange.response_head(&head, after(1))
}

/// Somebody listens, whose token is good for a minute.
fn listening(parts: Parts) -> Exchange {
    let asked = Asked {
        method: "GET",
        token: Some(good(&json!({}))),
        ..Asked::default()
    };
    let (mut exchange, step) = open(policy(parts), &asked, &mut cache());
    assert!(matches!(step, HeadStep::Forward(_)), "{step:?}");
    let step = respond(&mut exchange, "text/event-stream");
    assert!(matches!(step, ResponseStep::Stream(_)), "{step:?}");
    exchange
}

/// Somebody has called a tool, and the answer is a stream or not.
fn calling(parts: Parts, content_type: &str) -> Exchange {
    let asked = Asked {
        token: Some(good(&json!({}))),
        ..Asked::default()
    };
    let (mut exchange, step) = open(policy(parts), &asked, &mut cache());
    assert!(matches!(step, HeadStep::AwaitBody), "{step:?}");
    let step = exchange.body(&call("get_x"));
    assert!(matches!(step, BodyStep::Forward { .. }), "{step:?}");
    respond(&mut exchange, content_type);
    exchange
}

fn chunk(exchange: &mut Exchange, policy: &Arc<Policy>, bytes: &[u8], now: Time) -> String {
    exchange.renew(Some(Arc::clone(policy)), now);
    String::from_utf8(exchange.response_chunk(bytes, false, now)).unwrap()
}

fn same(exchange: &Exchange) -> Arc<Policy> {
    exchange.context.policy.clone().unwrap()
}

/// Whether it ended for this reason, and nothing more goes on.
fn is_over(exchange: &mut Exchange, said: &str, reason: &str) -> bool {
    let policy = same(exchange);
    let more = chunk(exchange, &policy, NEWS, after(500));
    said.contains(reason) && !said.contains("news") && more.is_empty()
}

#[test]
fn whoever_listens_hears_nothing_after_the_only_rule_has_expired() {
    let parts = with_rule_until(100);
    let mut exchange = listening(parts);
    let policy = same(&exchange);
    let said = chunk(&mut exchange, &policy, NEWS, after(99));
    assert_eq!(said.as_bytes(), NEWS);
    let said = chunk(&mut exchange, &policy, NEWS, after(100));
    assert!(is_over(&mut exchange, &said, "no_matching_rule"), "{said}");
}

#[test]
fn whoever_listens_hears_nothing_after_the_token_has_expired() {
    let mut exchange = listening(parts());
    let policy = same(&exchange);
    let said = chunk(&mut exchange, &policy, NEWS, after(59_999));
    assert_eq!(said.as_bytes(), NEWS);
    let said = chunk(&mut exchange, &policy, NEWS, after(60_000));
    assert!(is_over(&mut exchange, &said, "invalid_token"), "{said}");
}

/// A rule that denies Ann these methods and tools.
fn deny(methods: &[&str], tools: &[&str]) -> Arc<Rule> {
    let glob = |text: &&str| Glob::parse(text).unwrap();
    Arc::new(Rule {
        name: "organizations/o/rules/deny".into(),
        subjects: Subjects {
            users: [Box::from("ann")].into_iter().collect(),
            ..Subjects::default()
        },
        servers: vec![glob(&"*")],
        methods: methods.iter().map(glob).collect(),
        tools: tools.iter().map(glob).collect(),
        ..rule()
    })
}

#[test]
fn another_policy_ends_what_it_does_not_allow() {
    let policies = [
        (
            with(|parts| parts.rules.push(deny(&[], &[]))),
            "denied_by_rule",
        ),
        (with(|parts| parts.rules.clear()), "no_matching_rule"),
        (
            with(|parts| drop(parts.servers.remove(0))),
            "unknown_server",
        ),
        (
            with(|parts| parts.servers[0].endpoints[0].cluster = "d".into()),
            "unknown_server",
        ),
        (
            with(|parts| drop(parts.identity_providers.remove(0))),
            "invalid_token",
        ),
        (
            with(|parts| parts.identity_providers[0].audiences = texts(&["other"])),
            "invalid_token",
        ),
        (
            with(|parts| parts.servers[0].scopes = parts.servers[1].scopes.clone()),
            "insufficient_scope",
        ),
    ];
    for (parts, reason) in policies {
        let policy = later(parts);
        let mut exchange = listening(super::parts());
        let said = chunk(&mut exchange, &policy, NEWS, after(10));
        assert!(is_over(&mut exchange, &said, reason), "{reason}: {said}");
        let mut exchange = calling(super::parts(), "application/json");
        exchange.renew(Some(policy), after(10));
        let judged = exchange.response_body(ANSWER, after(10));
        assert!(
            matches!(&judged, Judged::Reply(reply) if reply.body.contains(reason)),
            "{reason}: {judged:?}"
        );
    }
}

#[test]
fn a_new_deny_ends_what_it_is_about_and_nothing_else() {
    let tool = later(with(|parts| parts.rules.push(deny(&[], &["get_x"]))));
    let said = chunk(
        &mut calling(parts(), "text/event-stream"),
        &tool,
        ANSWER,
        after(10),
    );
    assert!(said.contains("denied_by_rule"), "{said}");
    let said = chunk(&mut listening(parts()), &tool, NEWS, after(10));
    assert_eq!(said.as_bytes(), NEWS);
    let sent = later(with(|parts| {
        parts.rules.push(deny(&["notifications/message"], &[]));
    }));
    let said = chunk(&mut listening(parts()), &sent, NEWS, after(10));
    assert_eq!(said, "");
}

#[test]
fn another_policy_that_allows_as_much_changes_nothing() {
    // Its servers stand in another order.
    let policy = later(with(|parts| parts.servers.reverse()));
    let mut exchange = listening(parts());
    let said = chunk(&mut exchange, &policy, NEWS, after(10));
    assert_eq!(said.as_bytes(), NEWS);
    assert_eq!(&*exchange.workspace, "w");
    let mut exchange = calling(parts(), "text/event-stream");
    // A call was made in time, however long its answer takes.
    let said = chunk(&mut exchange, &policy, ANSWER, after(3_600_000));
    assert_eq!(said.as_bytes(), ANSWER);
}

#[test]
fn what_must_be_masked_by_now_is_masked() {
    let masking = later(with(|parts| {
        let rule = Rule::clone(&parts.rules[0]);
        let obligations = Obligations {
            redact: vec!["default".into()],
            reveal: Vec::new(),
            audit: None,
            require_prompt: false,
        };
        parts.rules = vec![Arc::new(Rule {
            obligations,
            ..rule
        })];
    }));
    let news = String::from_utf8(NEWS.to_vec())
        .unwrap()
        .replace("news", "ann@idp.test");
    let said = chunk(
        &mut listening(parts()),
        &masking,
        news.as_bytes(),
        after(10),
    );
    assert!(
        said.contains("notifications/message") && !said.contains("ann@idp.test"),
        "{said}"
    );
}

#[test]
fn a_head_is_judged_again_once_it_says_something_else() {
    let asked = Asked {
        token: Some(good(&json!({}))),
        ..Asked::default()
    };
    let opened = || open(policy(parts()), &asked, &mut cache()).0;
    let mut exchange = opened();
    let own = same(&exchange);
    assert!(exchange.holds_on(Some(&own), after(59_999)));
    assert!(!exchange.holds_on(Some(&own), after(60_000)));
    assert!(!opened().holds_on(Some(&later(parts())), after(1)));
    assert!(!opened().holds_on(None, after(1)));
}

#[test]
fn a_body_is_judged_by_the_rules_of_when_it_is_whole() {
    let parts = with_rule_until(100);
    let asked = Asked {
        token: Some(good(&json!({}))),
        ..Asked::default()
    };
    let (mut exchange, _) = open(policy(parts), &asked, &mut cache());
    let own = same(&exchange);
    assert!(exchange.holds_on(Some(&own), after(100)));
    let step = exchange.body(&call("get_x"));
    assert!(
        matches!(&step, BodyStep::Reply(reply) if reply.body.contains("no_matching_rule")),
        "{step:?}"
    );
}
