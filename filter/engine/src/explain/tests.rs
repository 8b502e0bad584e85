use chancery_proto::policy::v1 as pb;

use super::*;
use crate::{
    id::{Digest, SnapshotVersion, Time},
    json::Document,
    limits::Limits,
    policy::Parts,
    server::Server,
};

const SERVER: &str = "organizations/o/workspaces/w/servers/s";

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Groups may use tools, through methods if any are named.
fn rule(id: &str, groups: &[&str], tools: &[&str], methods: &[&str]) -> pb::Rule {
    pb::Rule {
        name: format!("organizations/o/rules/{id}"),
        effect: pb::Effect::Allow.into(),
        subjects: Some(pb::Subjects {
            groups: texts(groups),
            ..pb::Subjects::default()
        }),
        servers: texts(&["*"]),
        tools: texts(tools),
        methods: texts(methods),
        mode: pb::RuleMode::Enforce.into(),
        ..pb::Rule::default()
    }
}

fn policy(rules: Vec<pb::Rule>) -> Policy {
    let server = pb::Server {
        name: SERVER.to_owned(),
        endpoints: vec![pb::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..pb::Endpoint::default()
        }],
        authentication: pb::Authentication::Optional.into(),
        on_denied: pb::OnDenied::Reveal.into(),
        ..pb::Server::default()
    };
    let version = SnapshotVersion {
        epoch: 1,
        version: 1,
        digest: Digest::of(b""),
    };
    let parts = Parts {
        servers: vec![Server::try_from(server).unwrap()],
        rules: rules
            .into_iter()
            .map(|rule| std::sync::Arc::new(rule.try_into().unwrap()))
            .collect(),
        ..Parts::default()
    };
    Policy::new(version, parts).unwrap()
}

/// What keeps rules from letting somebody of group `dev` call a tool.
fn misses(rules: Vec<pb::Rule>, has_more_groups: bool) -> Vec<(String, String, String)> {
    let policy = policy(rules);
    let principal = Principal {
        user: Some("ann".into()),
        groups: vec!["dev".into()],
        has_more_groups,
        ..Principal::default()
    };
    let circumstances = Circumstances {
        workspace: "w",
        source: None,
        now: Time::default(),
    };
    let arguments = Document::parse(br#"{"repo":"evil"}"#, 1 << 10, &Limits::DEFAULT).unwrap();
    let act = Act {
        given: Given::Settled(Some(arguments.root())),
        ..Act::using(Target::Tool("create_issue"))
    };
    let server = policy.find(SERVER).unwrap();
    policy
        .near_misses(server, &principal, &circumstances, act)
        .into_iter()
        .map(|miss| {
            let id = miss.rule.rsplit('/').next().unwrap().to_owned();
            let said = format!("{} not {}", miss.found, miss.expected);
            (id, miss.field, said)
        })
        .collect()
}

fn expected(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned = |(id, field, said): &(&str, &str, &str)| {
        ((*id).to_owned(), (*field).to_owned(), (*said).to_owned())
    };
    rows.iter().map(owned).collect()
}

#[test]
fn the_nearest_rule_comes_first_and_one_that_applies_not_at_all() {
    let rules = vec![
        rule("applies", &["dev"], &["create_*"], &[]),
        rule("other-tools", &["dev"], &["read_*", "list"], &[]),
        rule("other-methods", &["dev"], &["create_issue"], &["tasks/*"]),
        rule("other-groups", &["ops", "sec"], &["create_issue"], &[]),
    ];
    let rows = [
        (
            "other-groups",
            "subjects",
            "user ann, groups dev not group ops or group sec",
        ),
        ("other-methods", "methods", "tools/call not tasks/*"),
        ("other-tools", "tools", "create_issue not read_*, list"),
    ];
    assert_eq!(misses(rules, false), expected(&rows));
}

#[test]
fn groups_that_a_token_leaves_out_keep_an_allow_from_applying() {
    let allow = rule("allow", &["ops"], &["create_issue"], &[]);
    let deny = pb::Rule {
        effect: pb::Effect::Deny.into(),
        ..rule("deny", &["ops"], &["create_issue"], &[])
    };
    let left_out = "user ann, groups dev, and groups that the token leaves out not group ops";
    let rows = [("allow", "subjects", left_out)];
    assert_eq!(misses(vec![allow, deny], true), expected(&rows));
}

#[test]
fn all_that_a_rule_asks_for_is_explained() {
    let base = || rule("r", &["dev"], &["create_issue"], &[]);
    let condition = |test| pb::Condition {
        argument: "$.repo".to_owned(),
        test: Some(test),
        ..pb::Condition::default()
    };
    let glob = pb::condition::Test::Glob(pb::Values {
        values: texts(&["acme/*"]),
    });
    for (asks, field, said) in [
        (
            pb::Rule {
                name: "organizations/o/workspaces/x/rules/r".to_owned(),
                ..base()
            },
            "name",
            "a call of workspace w not a call of workspace x",
        ),
        (
            pb::Rule {
                environments: texts(&["prod*"]),
                ..base()
            },
            "environments",
            "none not prod*",
        ),
        (
            pb::Rule {
                agents: texts(&["bot-*"]),
                ..base()
            },
            "agents",
            "none not bot-*",
        ),
        (
            pb::Rule {
                source_ranges: texts(&["10.0.0.0/8"]),
                ..base()
            },
            "source_ranges",
            "an unknown address not 10.0.0.0/8",
        ),
        (
            pb::Rule {
                expire_time: Some(prost_types::Timestamp::default()),
                ..base()
            },
            "expire_time",
            "a rule that has expired not a time to come",
        ),
        (
            pb::Rule {
                when: vec![
                    condition(pb::condition::Test::Exists(true)),
                    condition(glob),
                ],
                ..base()
            },
            "when[1]",
            "`$.repo` is \"evil\" not like `acme/*`",
        ),
        (
            pb::Rule {
                mode: pb::RuleMode::Shadow.into(),
                ..base()
            },
            "mode",
            "shadow not enforce",
        ),
    ] {
        let rows = [("r", field, said)];
        assert_eq!(misses(vec![asks], false), expected(&rows));
    }
}
