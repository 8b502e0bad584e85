use chancery_proto::policy::v1 as pb;
use serde_json::{Value, json};

use super::{Seen, Site, anyone, rule, texts};
use crate::reason::Reason;

fn dispatcher(tool: &str, name: &str, arguments: &str) -> pb::Dispatcher {
    pb::Dispatcher {
        tool: tool.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

/// `call_tool` calls others; of these, `get_*` and `call_tool` itself may be used.
fn site() -> Site {
    Site {
        server: pb::Server {
            dispatchers: vec![
                dispatcher("call_tool", "$.name", "$.arguments"),
                dispatcher("deep", "$.call.tool", ""),
            ],
            ..pb::Server::default()
        },
        rules: vec![rule(
            "all",
            pb::Effect::Allow,
            &["call_tool", "deep", "get_*", "weird.*"],
        )],
        ..Site::default()
    }
}

fn call(arguments: &Value) -> Seen {
    site().call("call_tool", arguments)
}

fn facts(seen: &Seen) -> Vec<&str> {
    let facts = seen.decision.facts.iter();
    let facts = facts.filter(|fact| fact.key == "dispatch.tool");
    facts.map(|fact| &*fact.value).collect()
}

#[test]
fn a_call_is_judged_as_the_one_inside_it_too() {
    let seen = call(&json!({"name": "get_note", "arguments": {"id": 1}}));
    assert_eq!(seen.reason(), None);
    assert_eq!(
        seen.decision.capability.as_ref().unwrap().name(),
        "call_tool"
    );
    assert_eq!(facts(&seen), ["get_note"]);

    let seen = call(&json!({"name": "delete_note", "arguments": {"id": 1}}));
    assert_eq!(seen.reason(), Some(Reason::NoMatchingRule));
    assert_eq!(facts(&seen), ["delete_note"]);
    let error = &seen.reply.as_ref().unwrap()["error"];
    assert_eq!(
        error["message"],
        "not allowed by policy: the inner tool `delete_note`"
    );

    let mut outer_denied = site();
    outer_denied
        .rules
        .push(rule("deny", pb::Effect::Deny, &["call_tool"]));
    let seen = outer_denied.call("call_tool", &json!({"name": "get_note"}));
    assert_eq!(seen.reason(), Some(Reason::DeniedByRule));
    assert_eq!(*seen.decision.rules, ["organizations/o/rules/deny".into()]);
}

#[test]
fn a_hidden_inner_tool_looks_unknown() {
    let mut site = site();
    site.on_denied = Some(pb::OnDenied::Hide);
    let seen = site.call("call_tool", &json!({"name": "delete_note"}));
    let error = &seen.reply.unwrap()["error"];
    assert_eq!(error["message"], "Unknown tool: delete_note");
    assert_eq!(error["data"], Value::Null);
}

#[test]
fn calls_within_calls_are_judged_to_a_depth_of_three() {
    let nested = |depth: usize, innermost: &str| {
        (1..depth).fold(
            json!({"name": innermost}),
            |inner, _| json!({"name": "call_tool", "arguments": inner}),
        )
    };
    let seen = call(&nested(3, "get_note"));
    assert_eq!(seen.reason(), None);
    assert_eq!(facts(&seen), ["call_tool", "call_tool", "get_note"]);
    let denied = call(&nested(3, "delete_note")).reason();
    assert_eq!(denied, Some(Reason::NoMatchingRule));
    let deep = call(&nested(4, "get_note")).reason();
    assert_eq!(deep, Some(Reason::UnreadableDispatch));

    let seen = site().call(
        "deep",
        &json!({"call": {"tool": "get_note"}, "arguments": 7}),
    );
    assert_eq!(seen.reason(), None);
}

#[test]
fn a_call_inside_that_cannot_be_read_is_refused() {
    for arguments in [
        json!({}),
        json!([]),
        json!("get_note"),
        json!({"name": 1}),
        json!({"name": null}),
        json!({"name": ""}),
        json!({"name": "get note"}),
        json!({"name": ["get_note"]}),
        json!({"name": "get_note", "arguments": "{}"}),
        json!({"name": "get_note", "arguments": null}),
        json!({"name": "get_note", "arguments": []}),
        json!({"name": "get_note", "Name": "delete_note"}),
        json!({"name": "get_note", "NAME": "delete_note"}),
        json!({"name": "get_note", "name\u{200B}": "delete_note"}),
        json!({"name": "get_note", "ｎａｍｅ": "delete_note"}),
        json!({"name": "get_note", "name\u{0}x": "delete_note"}),
        json!({"name": "get_note", "Arguments": {}}),
        json!({"name": "call_tool", "arguments": {"name": "get_note", "naMe": "delete_note"}}),
    ] {
        let seen = call(&arguments);
        assert_eq!(
            seen.reason(),
            Some(Reason::UnreadableDispatch),
            "{arguments}"
        );
        let error = &seen.reply.unwrap()["error"];
        assert_eq!(error["code"], -32602);
        assert_eq!(error["data"]["reason"], "unreadable_dispatch");
    }
    let without = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "call_tool"}});
    let seen = site().send(&without);
    assert_eq!(seen.reason(), Some(Reason::UnreadableDispatch));
    let other = json!({"name": "get_note", "title": "Name", "names": 1});
    assert_eq!(call(&other).reason(), None);
}

#[test]
fn quotas_count_the_tool_inside_and_no_bucket_twice() {
    let quota = |id: &str, calls: u32, tools: &[&str], per: Vec<i32>| pb::Quota {
        name: format!("organizations/o/quotas/{id}"),
        subjects: Some(anyone()),
        servers: texts(&["*"]),
        tools: texts(tools),
        calls,
        period: Some(prost_types::Duration {
            seconds: 60,
            nanos: 0,
        }),
        per,
    };
    let inner = json!({"name": "get_note"});
    let mut counted = site();
    counted.quotas = vec![quota("inner", 1, &["get_note"], Vec::new())];
    assert_eq!(counted.call("call_tool", &inner).reason(), None);
    let direct = counted.call("get_note", &json!({}));
    assert_eq!(direct.reason(), Some(Reason::QuotaExceeded));

    let mut shared = site();
    shared.quotas = vec![quota("all", 2, &[], Vec::new())];
    for _ in 0..2 {
        assert_eq!(shared.call("call_tool", &inner).reason(), None);
    }
    let over = shared.call("call_tool", &inner).reason();
    assert_eq!(over, Some(Reason::QuotaExceeded));

    let mut each = site();
    each.quotas = vec![quota("each", 1, &[], vec![pb::QuotaKey::Tool.into()])];
    assert_eq!(each.call("get_note", &json!({})).reason(), None);
    let over = each.call("call_tool", &inner).reason();
    assert_eq!(over, Some(Reason::QuotaExceeded));
    // What the outer tool's bucket had given was given back.
    let other = json!({"name": "get_other"});
    assert_eq!(each.call("call_tool", &other).reason(), None);
}

#[test]
fn what_either_rule_says_to_mask_is_masked() {
    let mut site = site();
    site.rules.push(pb::Rule {
        obligations: Some(pb::Obligations {
            redact: texts(&["default"]),
            reveal: Vec::new(),
        }),
        ..rule("mask", pb::Effect::Allow, &["get_mail"])
    });
    let call = |name: &str| json!({"name": name, "arguments": {"to": "ada@example.com"}});
    assert_eq!(
        site.call("call_tool", &call("get_note")).decision.findings,
        []
    );
    let masked = site.call("call_tool", &call("get_mail")).decision;
    assert_eq!(masked.findings.len(), 1);
    let kept = String::from_utf8(masked.arguments.unwrap().data).unwrap();
    assert!(!kept.contains("ada@example.com"), "{kept}");
}

#[test]
fn what_is_not_offered_is_not_reached_through_a_dispatcher() {
    let mut site = site();
    site.offers = vec![pb::Offer {
        name: "organizations/o/offers/some".to_owned(),
        servers: texts(&["s"]),
        workspaces: texts(&["w"]),
        tools: texts(&["call_tool", "get_a"]),
        ..pb::Offer::default()
    }];
    let call =
        |site: &mut Site, name: &str| site.call("call_tool", &json!({"name": name})).reason();
    assert_eq!(call(&mut site, "get_a"), None);
    assert_eq!(call(&mut site, "get_b"), Some(Reason::NotOffered));
}

#[test]
fn a_dispatcher_that_cannot_be_is_refused() {
    let good = dispatcher("call_tool", "$.name", "$");
    for (field, bad) in [
        ("tool", dispatcher("", "$.name", "")),
        ("tool", dispatcher("call_*", "$.name", "")),
        ("name", dispatcher("t", "", "")),
        ("name", dispatcher("t", "$", "")),
        ("name", dispatcher("t", "name", "")),
        ("name", dispatcher("t", "$..name", "")),
        ("name", dispatcher("t", "$.calls[0]", "")),
        ("name", dispatcher("t", "$.*", "")),
        ("arguments", dispatcher("t", "$.name", "$.a b")),
        ("tool", good.clone()),
    ] {
        let mut site = site();
        site.server.dispatchers = vec![good.clone(), bad];
        let error = site.policy().unwrap_err().to_string();
        assert!(
            error.contains(&format!("dispatchers[1].{field}: ")),
            "{error}"
        );
    }
}
