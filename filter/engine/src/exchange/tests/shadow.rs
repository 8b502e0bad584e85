use chancery_proto::policy::v1 as pb;
use serde_json::json;

use super::{Site, rule};
use crate::{decide::Verdict, reason::Reason};

fn in_shadow(id: &str, effect: pb::Effect, tools: &[&str]) -> pb::Rule {
    pb::Rule {
        mode: pb::RuleMode::Shadow.into(),
        ..rule(id, effect, tools)
    }
}

/// `call` calls another tool; it and `get` may be used.
fn site(shadow: &[pb::Rule]) -> Site {
    let allow = rule("allow", pb::Effect::Allow, &["call", "get"]);
    Site {
        server: pb::Server {
            dispatchers: vec![pb::Dispatcher {
                tool: "call".to_owned(),
                name: "$.name".to_owned(),
                ..pb::Dispatcher::default()
            }],
            ..pb::Server::default()
        },
        rules: [&[allow], shadow].concat(),
        ..Site::default()
    }
}

#[test]
fn shadow_says_what_would_become_of_everything_that_a_message_does() {
    use pb::Effect::{Allow, Deny};
    let opens = in_shadow("opens", Allow, &["put"]);
    let opens_other = in_shadow("opens-other", Allow, &["other"]);
    let closes = in_shadow("closes", Deny, &["call"]);
    let closes_inner = in_shadow("closes-inner", Deny, &["get"]);
    for (rules, inner, is_allowed, would) in [
        (&[closes.clone()][..], "get", true, &["closes"][..]),
        (
            &[closes_inner.clone(), closes.clone()],
            "get",
            true,
            &["closes", "closes-inner"],
        ),
        (std::slice::from_ref(&opens), "get", true, &[]),
        (std::slice::from_ref(&opens), "put", false, &["opens"]),
        // Another rule in shadow would refuse what this one opens.
        (&[opens.clone(), closes], "put", false, &[]),
        (
            &[opens.clone(), opens_other],
            "other",
            false,
            &["opens-other"],
        ),
        (&[closes_inner], "put", false, &[]),
    ] {
        let seen = site(rules).call("call", &json!({ "name": inner }));
        let decision = seen.decision;
        assert_eq!(decision.verdict == Verdict::Allow, is_allowed, "{inner}");
        let would: Vec<_> = would
            .iter()
            .map(|id| format!("organizations/o/rules/{id}").into_boxed_str())
            .collect();
        assert_eq!(decision.shadow_rules, would, "{inner} under {rules:?}");
    }
}

#[test]
fn what_is_refused_for_another_reason_is_not_said_to_be_a_rules() {
    let mut site = site(&[in_shadow("closes", pb::Effect::Deny, &["get"])]);
    site.server.scopes = vec![pb::ScopeRequirement {
        scopes: vec!["notes".to_owned()],
        tools: vec!["get".to_owned()],
        ..pb::ScopeRequirement::default()
    }];
    let seen = site.call("get", &json!({}));
    assert_eq!(seen.reason(), Some(Reason::NoToken));
    assert!(seen.decision.shadow_rules.is_empty());
}
