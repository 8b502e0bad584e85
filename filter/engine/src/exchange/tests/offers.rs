use chancery_proto::policy::v1 as pb;
use proptest::prelude::*;
use serde_json::json;

use super::{Site, rule, texts};
use crate::{
    circumstances::Circumstances,
    decide::RulesFor,
    id::Time,
    policy::Policy,
    principal::Principal,
    reason::Reason,
    rule::{Act, CapabilityKind, Target},
};

fn offer(id: &str, workspaces: &[&str], tools: &[&str]) -> pb::Offer {
    pb::Offer {
        name: format!("organizations/o/offers/{id}"),
        servers: texts(&["*"]),
        workspaces: texts(workspaces),
        tools: texts(tools),
        ..pb::Offer::default()
    }
}

/// Everything is allowed to anyone.
fn site(offers: Vec<pb::Offer>) -> Site {
    let all = pb::Rule {
        prompts: texts(&["*"]),
        resources: texts(&["*"]),
        ..rule("all", pb::Effect::Allow, &["*"])
    };
    Site {
        rules: vec![all],
        offers,
        ..Site::default()
    }
}

fn in_workspace<'p>(policy: &'p Policy, workspace: &str) -> RulesFor<'p> {
    let server = policy.locate("mcp.test", "/mcp", "c").unwrap().server;
    let circumstances = Circumstances {
        workspace,
        source: None,
        now: Time::default(),
    };
    policy.rules_for(server, &Principal::anonymous(), &circumstances)
}

fn allows_tool(policy: &Policy, workspace: &str, tool: &str) -> bool {
    let act = Act::using(Target::Tool(tool));
    in_workspace(policy, workspace).allow(act)
}

#[test]
fn without_offers_a_server_is_its_own_workspaces_alone() {
    let policy = site(Vec::new()).policy().unwrap();
    assert!(allows_tool(&policy, "w", "t"));
    assert!(!allows_tool(&policy, "x", "t"));
}

#[test]
fn with_offers_a_workspace_has_what_they_say_and_no_more() {
    let offers = vec![
        offer("x-reads", &["x"], &["get_*"]),
        offer("y-all", &["y*"], &[]),
    ];
    let policy = site(offers).policy().unwrap();
    for (workspace, tool, expected) in [
        ("x", "get_note", true),
        ("x", "set_note", false),
        ("y2", "set_note", true),
        ("w", "get_note", false),
        ("", "get_note", false),
    ] {
        let allowed = allows_tool(&policy, workspace, tool);
        assert_eq!(allowed, expected, "{tool} in {workspace}");
    }
    let x = in_workspace(&policy, "x");
    assert!(x.allow_some(CapabilityKind::Tool));
    assert!(!x.allow_some(CapabilityKind::Prompt));
    assert!(!x.allow(Act::using(Target::Prompt("p"))));
    assert!(x.allow(Act::on_server(None)));
    assert!(in_workspace(&policy, "y").allow_some(CapabilityKind::Prompt));
    assert!(!in_workspace(&policy, "w").allow(Act::on_server(None)));
}

#[test]
fn an_offer_of_another_organization_changes_nothing() {
    let mut foreign = offer("f", &["x"], &[]);
    foreign.name = "organizations/other/offers/f".to_owned();
    let policy = site(vec![foreign]).policy().unwrap();
    assert!(allows_tool(&policy, "w", "t"));
    assert!(!allows_tool(&policy, "x", "t"));
}

#[test]
fn what_is_not_offered_is_refused_whatever_is_allowed() {
    let mut site = site(vec![offer("reads", &["w"], &["get_*"])]);
    assert_eq!(site.call("get_note", &json!({})).reason(), None);
    let refused = site.call("set_note", &json!({}));
    assert_eq!(refused.reason(), Some(Reason::NotOffered));
    assert_eq!(refused.decision.rules, []);
    let error = &refused.reply.unwrap()["error"];
    assert_eq!(error["code"], -31403);
    assert_eq!(error["data"]["reason"], "not_offered");
    site.on_denied = Some(pb::OnDenied::Hide);
    let hidden = site.call("set_note", &json!({})).reply.unwrap();
    assert_eq!(hidden["error"]["message"], "Unknown tool: set_note");
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(site.send(&initialize).reason(), None);
}

#[test]
fn a_server_that_is_not_offered_is_refused_as_a_whole() {
    let mut site = site(vec![offer("elsewhere", &["x"], &[])]);
    for method in ["ping", "tools/list", "initialize"] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}});
        let reason = site.send(&message).reason();
        assert!(
            matches!(reason, Some(Reason::NotOffered | Reason::NoSealingKey)),
            "{method}: {reason:?}"
        );
    }
}

#[test]
fn an_offer_that_cannot_be_is_refused() {
    type Change = fn(&mut pb::Offer);
    let faults: [(&str, Change); 4] = [
        ("name", |offer| offer.name = "offer".to_owned()),
        ("servers", |offer| offer.servers.clear()),
        ("workspaces", |offer| offer.workspaces.clear()),
        ("tools[0]", |offer| offer.tools.push(String::new())),
    ];
    for (field, fault) in faults {
        let mut bad = offer("bad", &["w"], &[]);
        fault(&mut bad);
        let error = site(vec![bad]).policy().unwrap_err().to_string();
        assert!(error.contains(&format!(": {field}: ")), "{error}");
    }
    let twice = vec![offer("a", &["w"], &[]), offer("a", &["x"], &[])];
    let error = site(twice).policy().unwrap_err().to_string();
    assert!(error.contains("occurs twice"), "{error}");
}

proptest! {
    /// Offers only ever take away from what the rules allow, and a further one for the same
    /// workspace takes nothing away from those before it.
    #[test]
    fn a_further_offer_only_adds(
        offers in prop::collection::vec(("[wx*]", "[ab]{1,2}|[ab]?\\*"), 1..5),
        tool in "[ab]{1,2}",
        workspace in "[wxy]",
    ) {
        let offers: Vec<_> = offers
            .iter()
            .enumerate()
            .map(|(n, (workspace, tool))| offer(&format!("o{n}"), &[workspace], &[tool]))
            .collect();
        let mut allowed = false;
        for count in 1..=offers.len() {
            let policy = site(offers[..count].to_vec()).policy().unwrap();
            let now = allows_tool(&policy, &workspace, &tool);
            prop_assert!(now || !allowed);
            allowed = now;
        }
        let mut site = site(offers);
        site.rules.clear();
        prop_assert!(!allows_tool(&site.policy().unwrap(), &workspace, &tool));
    }
}
