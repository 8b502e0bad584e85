use chancery_proto::policy::v1 as pb;
use serde_json::json;

use super::{Seen, Site, anyone, rule, texts};
use crate::reason::Reason;

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

fn quota(id: &str, calls: u32, tools: &[&str]) -> pb::Quota {
    pb::Quota {
        name: format!("organizations/o/quotas/{id}"),
        subjects: Some(anyone()),
        servers: texts(&["s"]),
        tools: texts(tools),
        calls,
        period: Some(seconds(60)),
        per: Vec::new(),
    }
}

fn site(quotas: Vec<pb::Quota>) -> Site {
    Site {
        rules: vec![rule("all", pb::Effect::Allow, &["get_*", "set_*"])],
        quotas,
        ..Site::default()
    }
}

fn call(site: &mut Site, tool: &str) -> Seen {
    site.call(tool, &json!({"key": "value"}))
}

#[test]
fn a_call_over_quota_is_refused_with_when_to_come_back() {
    let mut site = site(vec![quota("q", 2, &[])]);
    for _ in 0..2 {
        let seen = call(&mut site, "get_note");
        assert_eq!(seen.reply, None);
        assert!(seen.decision.arguments.is_some());
    }
    site.now_ms = 10_500;
    let seen = call(&mut site, "get_note");
    assert_eq!(seen.reason(), Some(Reason::QuotaExceeded));
    assert_eq!(
        seen.reply.unwrap(),
        json!({"jsonrpc": "2.0", "id": 1, "error": {
            "code": -31403,
            "message": "a quota is used up",
            "data": {
                "decision": "07".repeat(16),
                "reason": "quota_exceeded",
                "next": "retry after `data.retry_after` seconds",
                "retry_after": 20,
            },
        }})
    );
    assert_eq!(*seen.decision.rules, ["organizations/o/quotas/q".into()]);
    assert_eq!(&*seen.decision.method, "tools/call");
    assert_eq!(seen.decision.capability.unwrap().name(), "get_note");
    assert_eq!(seen.decision.arguments, None);
    site.now_ms = 30_000;
    assert_eq!(call(&mut site, "get_note").reason(), None);
}

#[test]
fn what_the_rules_refuse_spends_nothing_and_other_tools_are_not_counted() {
    let mut site = site(vec![quota("q", 1, &["get_*"])]);
    site.rules
        .push(rule("deny", pb::Effect::Deny, &["get_secret"]));
    for _ in 0..3 {
        let denied = call(&mut site, "get_secret");
        assert_eq!(denied.reason(), Some(Reason::DeniedByRule));
        assert_eq!(call(&mut site, "set_note").reason(), None);
    }
    assert!(site.shelves.is_empty());
    assert_eq!(call(&mut site, "get_note").reason(), None);
    let over = call(&mut site, "get_note");
    assert_eq!(over.reason(), Some(Reason::QuotaExceeded));
}

#[test]
fn a_notification_over_quota_has_no_id_to_answer() {
    let mut site = site(vec![quota("q", 1, &[])]);
    let call = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "get_note"}});
    assert_eq!(site.send(&call).reason(), None);
    let over = site.send(&call);
    assert_eq!(over.reason(), Some(Reason::QuotaExceeded));
    assert_eq!(over.reply.unwrap()["id"], json!(null));
}

#[test]
fn lists_and_other_methods_spend_nothing() {
    let mut site = site(vec![quota("q", 1, &[])]);
    for _ in 0..3 {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        assert_eq!(site.send(&list).reason(), None);
    }
    assert_eq!(call(&mut site, "get_note").reason(), None);
}

#[test]
fn a_quota_that_cannot_be_is_refused() {
    type Change = fn(&mut pb::Quota);
    let faults: [(&str, Change); 9] = [
        ("name", |quota| quota.name = "q".to_owned()),
        ("subjects", |quota| quota.subjects = None),
        ("servers", |quota| quota.servers.clear()),
        ("tools[0]", |quota| quota.tools.push(String::new())),
        ("calls", |quota| quota.calls = 0),
        ("period", |quota| quota.period = None),
        ("period", |quota| quota.period = Some(seconds(-60))),
        ("period", |quota| {
            quota.period = Some(seconds(31 * 86_400 + 1));
        }),
        ("per[0]", |quota| quota.per.push(0)),
    ];
    for (field, fault) in faults {
        let mut bad = quota("q", 1, &[]);
        fault(&mut bad);
        let error = site(vec![bad]).policy().unwrap_err().to_string();
        assert!(error.contains(&format!(": {field}: ")), "{error}");
    }
    let mut longest = quota("q", 1, &[]);
    longest.period = Some(seconds(31 * 86_400));
    assert!(site(vec![longest.clone()]).policy().is_ok());
    let error = site(vec![longest.clone(), longest]).policy().unwrap_err();
    assert!(error.to_string().contains("occurs twice"), "{error}");
}
