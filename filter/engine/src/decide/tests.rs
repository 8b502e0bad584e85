//! Laws of the evaluator, held against the obvious way to evaluate: every rule, field by field.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    condition::{ArgumentPath, Condition, Quantifier, Requirement, Scalar, Test},
    glob::Glob,
    id::{Digest, SnapshotVersion, Time},
    json::Document,
    limits::Limits,
    message::Method,
    offer::Offer,
    policy::Parts,
    rule::Obligations,
    server::{Authentication, Endpoint, OnDenied, Server, ServerState},
    subject::{Names, Role, Subjects},
};

mod server;

const NOW: u64 = 1_000;
const TOOLS: [&str; 4] = ["a", "ab", "b", "bab"];
const ARGUMENTS: [&str; 8] = [
    "{}",
    r#"{"p":1}"#,
    r#"{"p":2.0}"#,
    r#"{"p":"x"}"#,
    r#"{"q":1}"#,
    r#"{"p":1,"q":1}"#,
    r#"{"p":2,"q":2}"#,
    r#"{"p":[1],"q":3}"#,
];

#[derive(Clone, Debug)]
struct Asked {
    principal: Principal,
    workspace: &'static str,
    source: Option<&'static str>,
    target: Target<'static>,
    method: Method,
    arguments: &'static str,
}

impl Asked {
    fn act(&self) -> Act<'static> {
        Act {
            method: Some(self.method),
            target: self.target,
            given: Given::Open,
        }
    }

    fn circumstances(&self) -> Circumstances<'static> {
        Circumstances {
            workspace: self.workspace,
            source: self.source.map(|source| source.parse().unwrap()),
            now: Time::from_unix_ms(NOW),
        }
    }
}

fn names(all: &'static [&'static str]) -> impl Strategy<Value = Names> {
    vec(select(all), 0..2).prop_map(|names| names.into_iter().map(Box::from).collect())
}

fn texts(all: &'static [&'static str]) -> impl Strategy<Value = Vec<Box<str>>> {
    vec(select(all), 0..2).prop_map(|names| names.into_iter().map(Box::from).collect())
}

fn globs(all: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<Glob>> {
    let glob = |pattern| Glob::parse(pattern).unwrap();
    vec(select(all), 0..=most).prop_map(move |patterns| patterns.into_iter().map(glob).collect())
}

prop_compose! {
    fn subjects(has_roles: bool)(
        users in names(&["u0", "u1"]),
        groups in names(&["g0", "g1"]),
        token_roles in names(&["t0"]),
        roles in names(if has_roles { &["r0", "r1"] } else { &["none"] }),
        teams in names(&["m0"]),
        workspaces in names(&["w"]),
        agents in globs(&["a*", "b"], 1),
        clients in names(&["c0"]),
        authenticated in any::<bool>(),
        anyone in prop::bool::weighted(0.2),
    ) -> Subjects {
        let roles = if has_roles { roles } else { Names::new() };
        Subjects { users, groups, token_roles, roles, teams, workspaces, agents, clients, authenticated, anyone }
    }
}

fn condition(arguments: &'static [&'static str]) -> impl Strategy<Value = Condition> {
    let requirement = (
        select(&["1", "2", "\"x\""][..]),
        select(&[Quantifier::All, Quantifier::Any, Quantifier::None][..]),
        option::of(any::<bool>()),
        option::weighted(0.2, any::<bool>()),
    );
    let requirement = requirement.prop_map(|(scalar, quantifier, on_missing, exists)| {
        exists.map_or_else(
            || Requirement::Pass {
                test: Test::OneOf([Scalar::parse(scalar).unwrap()].into_iter().collect()),
                normalisation: None,
                quantifier,
                on_missing,
            },
            Requirement::Exists,
        )
    });
    (select(arguments), requirement).prop_map(|(argument, requirement)| Condition {
        argument: ArgumentPath::parse(argument).unwrap(),
        requirement,
    })
}

const AUDITS: [Option<AuditLevel>; 3] = [
    None,
    Some(AuditLevel::Standard),
    Some(AuditLevel::WriteAhead),
];

fn obligations() -> impl Strategy<Value = Obligations> {
    let ids = |ids: &'static [&'static str]| vec(select(ids), 0..3);
    let boxed = |ids: Vec<&str>| ids.into_iter().map(Box::from).collect();
    let all = (
        ids(&["default"]),
        ids(&["email", "phone"]),
        select(&AUDITS[..]),
    );
    all.prop_map(move |(redact, reveal, audit)| Obligations {
        redact: boxed(redact),
        reveal: boxed(reveal),
        audit,
        require_prompt: false,
    })
}

prop_compose! {
    fn rule_with(conditions: impl Strategy<Value = Vec<Condition>>)(
        is_deny in prop::bool::weighted(0.3),
        is_shadow in prop::bool::weighted(0.2),
        workspace in option::weighted(0.2, select(&["w", "x"][..])),
        subjects in subjects(true),
        servers in select(&["s", "*", "other"][..]),
        tools in globs(&["a", "ab", "a*", "*b", "*", "?", "*a*"], 2),
        methods in globs(&["tools/call", "tools/*", "logging/*"], 1),
        environments in globs(&["prod", "p*", "dev"], 1),
        agents in globs(&["a*"], 1),
        when in conditions,
        ranges in vec(select(&["10.0.0.0/8", "192.0.2.0/24"][..]), 0..2),
        expire_time in option::weighted(0.2, select(&[NOW - 1, NOW, NOW + 1][..])),
        obligations in obligations(),
    ) -> Rule {
        let scope = workspace.map_or_else(String::new, |id| format!("/workspaces/{id}"));
        Rule {
            name: format!("organizations/o{scope}/rules/").into(),
            effect: if is_deny { Effect::Deny } else { Effect::Allow },
            mode: if is_shadow { Mode::Shadow } else { Mode::Enforce },
            subjects,
            servers: vec![Glob::parse(servers).unwrap()],
            tools,
            prompts: Vec::new(),
            resources: Vec::new(),
            methods,
            environments,
            agents,
            when,
            source_ranges: ranges.into_iter().map(|range| range.parse().unwrap()).collect(),
            expire_time: expire_time.map(Time::from_unix_ms),
            obligations,
        }
    }
}

/// Rules with names of their own.
fn numbered(rules: Vec<Rule>) -> Vec<Rule> {
    let number = |(position, mut rule): (usize, Rule)| {
        rule.name = format!("{}r{position}", rule.name).into();
        rule
    };
    rules.into_iter().enumerate().map(number).collect()
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let conditions = vec(condition(&["$.p", "$.q", "$.p[*]"]), 0..2);
    vec(rule_with(conditions), 0..70).prop_map(numbered)
}

prop_compose! {
    fn asked()(
        user in option::of(select(&["u0", "u1", "u2"][..])),
        groups in texts(&["g0", "g1", "g2"]),
        has_more_groups in prop::bool::weighted(0.2),
        token_roles in texts(&["t0", "t1"]),
        team in option::of(select(&["m0", "m1"][..])),
        agent in option::of(select(&["a1", "b", "c"][..])),
        client in option::of(select(&["c0", "c1"][..])),
        workspace in select(&["w", "x"][..]),
        source in option::of(select(&["10.1.2.3", "192.0.2.9", "2001:db8::1"][..])),
        tool in select(&TOOLS[..]),
        method in select(&[Method::ToolsCall, Method::TasksGet][..]),
        arguments in select(&ARGUMENTS[..]),
    ) -> Asked {
        Asked {
            principal: Principal {
                user: user.map(Box::from),
                groups,
                has_more_groups,
                token_roles,
                team: team.map(Box::from),
                agent: agent.map(Box::from),
                client: client.map(Box::from),
                ..Principal::anonymous()
            },
            workspace,
            source,
            target: Target::Tool(tool),
            method,
            arguments,
        }
    }
}

fn role(id: &str, subjects: Subjects) -> Role {
    Role {
        name: format!("organizations/o/roles/{id}").into(),
        subjects,
    }
}

fn roles() -> impl Strategy<Value = Vec<Role>> {
    (subjects(false), subjects(false))
        .prop_map(|(one, other)| vec![role("r0", one), role("r1", other)])
}

fn server() -> Server {
    Server {
        name: "organizations/o/workspaces/w/servers/s".into(),
        endpoints: vec![Endpoint {
            path: "/mcp".into(),
            host: None,
            cluster: "s".into(),
            workspace: "w".into(),
            audiences: Vec::new(),
            resource: None,
        }],
        authentication: Authentication::Optional,
        on_denied: OnDenied::Reveal,
        origins: Vec::new(),
        environment: Some("prod".into()),
        dispatchers: Vec::new(),
        tool_schemas: Vec::new(),
        scopes: Vec::new(),
        upstream: None,
        approved: None,
        state: ServerState::Approved,
        schemas: None,
        audit: crate::audit::CallAudit::Standard,
        data_sources: Vec::new(),
    }
}

/// Of everything, so that calls can belong to other workspaces.
fn offer() -> Offer {
    let any = || vec![Glob::parse("*").unwrap()];
    Offer {
        name: "organizations/o/offers/all".into(),
        servers: any(),
        workspaces: any(),
        tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
    }
}

fn policy(rules: &[Rule], sets: &[Role]) -> Policy {
    let version = SnapshotVersion {
        epoch: 1,
        version: 1,
        digest: Digest::of(b""),
    };
    let parts = Parts {
        servers: vec![server()],
        offers: vec![offer()],
        rules: rules.iter().cloned().map(std::sync::Arc::new).collect(),
        roles: sets.to_vec(),
        ..Parts::default()
    };
    Policy::new(version, parts).unwrap()
}

/// What is compared of a judgement.
#[derive(Debug, Eq, PartialEq)]
struct Said {
    verdict: Verdict,
    rules: Vec<String>,
    shadow_rules: Vec<String>,
}

fn judge(policy: &Policy, asked: &Asked, arguments: &str) -> Said {
    let document = Document::parse(arguments.as_bytes(), 1 << 16, &Limits::DEFAULT).unwrap();
    let act = Act {
        given: Given::Settled(Some(document.root())),
        ..asked.act()
    };
    let judgement = rules_for(policy, asked).judge(act);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Said {
        verdict: judgement.verdict,
        rules: owned(judgement.rules),
        shadow_rules: owned(judgement.shadow_rules),
    }
}

fn rules_for<'p>(policy: &'p Policy, asked: &Asked) -> RulesFor<'p> {
    let index = policy
        .find("organizations/o/workspaces/w/servers/s")
        .unwrap();
    policy.rules_for(index, &asked.principal, &asked.circumstances())
}

fn is_shown(policy: &Policy, asked: &Asked) -> bool {
    rules_for(policy, asked).allow(Act::using(asked.target))
}

fn is_allowed(policy: &Policy, asked: &Asked, arguments: &str) -> bool {
    judge(policy, asked, arguments).verdict == Verdict::Allow
}

/// What a rule comes to, field by field.
fn naive(rule: &Rule, sets: &[Role], asked: &Asked) -> Truth {
    let none = |_: &str| Truth::Fails;
    let in_role = |id: &str| {
        let set = sets.iter().find(|set| set.id() == id).unwrap();
        set.subjects
            .contain(&asked.principal, asked.workspace, none)
    };
    let document = Document::parse(asked.arguments.as_bytes(), 1 << 16, &Limits::DEFAULT).unwrap();
    let arguments = Arguments::new(Some(document.root()));
    let any = |globs: &[Glob], name: Option<&str>| {
        globs.is_empty() || name.is_some_and(|name| globs.iter().any(|glob| glob.matches(name)))
    };
    Truth::all([
        any(&rule.servers, Some("s")).into(),
        any(&rule.environments, Some("prod")).into(),
        rule.workspace()
            .is_none_or(|id| id == asked.workspace)
            .into(),
        any(&rule.agents, asked.principal.agent.as_deref()).into(),
        (!rule.is_expired(Time::from_unix_ms(NOW))).into(),
        rule.covers(asked.act()).into(),
        rule.subjects
            .contain(&asked.principal, asked.workspace, in_role),
        rule.covers_source(asked.circumstances().source),
        Truth::all(
            rule.when
                .iter()
                .map(|condition| condition.evaluate(&arguments)),
        ),
    ])
}

fn naive_verdict(rules: &[Rule], sets: &[Role], asked: &Asked) -> Said {
    let applying = |effect: Effect| {
        let mut names: Vec<String> = rules
            .iter()
            .filter(|rule| rule.mode == Mode::Enforce && rule.effect == effect)
            .filter(|rule| effect.applies(naive(rule, sets, asked)))
            .map(|rule| rule.name.to_string())
            .collect();
        names.sort_unstable();
        names
    };
    let (allowed, denied) = (applying(Effect::Allow), applying(Effect::Deny));
    let (verdict, rules) = match (allowed.is_empty(), denied.is_empty()) {
        (_, false) => (Verdict::Deny(Reason::DeniedByRule), denied),
        (true, true) => (Verdict::Deny(Reason::NoMatchingRule), Vec::new()),
        (false, true) => (Verdict::Allow, allowed),
    };
    Said {
        verdict,
        rules,
        shadow_rules: Vec::new(),
    }
}

fn enforced(rules: &[Rule], mode: impl Fn(&Rule) -> bool) -> Vec<Rule> {
    let rules = rules.iter().filter(|rule| mode(rule)).cloned();
    let enforce = |mut rule: Rule| {
        rule.mode = Mode::Enforce;
        rule
    };
    rules.map(enforce).collect()
}

proptest! {
    #[test]
    fn the_index_finds_what_asking_every_rule_finds(rules in rules(), roles in roles(), asked in asked()) {
        let mut said = judge(&policy(&rules, &roles), &asked, asked.arguments);
        said.shadow_rules.clear();
        prop_assert_eq!(said, naive_verdict(&rules, &roles, &asked));
    }

    #[test]
    fn adding_a_deny_never_allows_more(rules in rules(), roles in roles(), more in rules(), asked in asked()) {
        let denies = more.into_iter().enumerate().map(|(position, rule)| Rule {
            name: format!("organizations/o/rules/more{position}").into(),
            effect: Effect::Deny,
            ..rule
        });
        let with: Vec<_> = rules.iter().cloned().chain(denies).collect();
        let (without, with) = (policy(&rules, &roles), policy(&with, &roles));
        if is_allowed(&with, &asked, asked.arguments) {
            prop_assert!(is_allowed(&without, &asked, asked.arguments));
        }
        if is_shown(&with, &asked) {
            prop_assert!(is_shown(&without, &asked));
        }
    }

    #[test]
    fn the_order_of_rules_does_not_matter(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        roles in roles(),
        asked in asked(),
    ) {
        let (one, other) = (policy(&rules, &roles), policy(&shuffled, &roles));
        prop_assert_eq!(judge(&one, &asked, asked.arguments), judge(&other, &asked, asked.arguments));
        prop_assert_eq!(is_shown(&one, &asked), is_shown(&other, &asked));
    }

    #[test]
    fn shadow_changes_no_outcome_and_says_what_would(rules in rules(), roles in roles(), asked in asked()) {
        let all = policy(&rules, &roles);
        let without = policy(&enforced(&rules, |rule| rule.mode == Mode::Enforce), &roles);
        let with = policy(&enforced(&rules, |_| true), &roles);
        let said = judge(&all, &asked, asked.arguments);
        let expected = judge(&without, &asked, asked.arguments);
        prop_assert_eq!(said.verdict, expected.verdict);
        prop_assert_eq!(&said.rules, &expected.rules);
        prop_assert_eq!(is_shown(&all, &asked), is_shown(&without, &asked));
        let would = judge(&with, &asked, asked.arguments);
        let differs = (would.verdict == Verdict::Allow) != (said.verdict == Verdict::Allow);
        let is_shadow = |name: &String| rules.iter().any(|rule| *rule.name == **name && rule.mode == Mode::Shadow);
        let named: Vec<String> = would.rules.into_iter().filter(is_shadow).collect();
        prop_assert_eq!(said.shadow_rules, if differs { named } else { Vec::new() });
    }

    #[test]
    fn a_value_that_cannot_be_evaluated_never_opens(rules in rules(), roles in roles(), asked in asked()) {
        let policy = policy(&rules, &roles);
        for (unevaluable, others) in [
            (r#"{"p":true,"q":1}"#, [r#"{"p":1,"q":1}"#, r#"{"p":2,"q":1}"#, r#"{"p":"x","q":1}"#]),
            (r#"{"p":[{}]}"#, [r#"{"p":[1]}"#, r#"{"p":[2]}"#, r#"{"p":["x"]}"#]),
        ] {
            if is_allowed(&policy, &asked, unevaluable) {
                for other in others {
                    prop_assert!(is_allowed(&policy, &asked, other), "{} but not {}", unevaluable, other);
                }
            }
        }
    }

    #[test]
    fn a_list_shows_whatever_some_call_is_allowed(rules in rules(), roles in roles(), mut asked in asked()) {
        asked.method = Method::ToolsCall;
        let policy = policy(&rules, &roles);
        let callable = ARGUMENTS.iter().any(|arguments| is_allowed(&policy, &asked, arguments));
        prop_assert!(!callable || is_shown(&policy, &asked));
    }

    #[test]
    fn without_conditions_a_list_shows_exactly_the_callable(
        rules in vec(rule_with(Just(Vec::new())), 0..40).prop_map(numbered),
        roles in roles(),
        mut asked in asked(),
    ) {
        asked.method = Method::ToolsCall;
        let policy = policy(&rules, &roles);
        prop_assert_eq!(is_shown(&policy, &asked), is_allowed(&policy, &asked, asked.arguments));
    }

    /// Where no deny reads what an allow does, and none asks of one argument two things, there are
    /// arguments that every shown tool may be called with.
    #[test]
    fn with_conditions_a_list_shows_exactly_what_some_call_is_allowed(
        allows in vec(rule_with(vec(condition(&["$.p"]), 0..=1)), 0..6),
        denies in vec(rule_with(vec(condition(&["$.q"]), 0..=1)), 0..2),
        roles in roles(),
        mut asked in asked(),
    ) {
        asked.method = Method::ToolsCall;
        let equals = |rule: &Rule| rule.when.iter().all(|condition| match condition.requirement {
            Requirement::Exists(_) => false,
            Requirement::Pass { quantifier, .. } => quantifier != Quantifier::None,
        });
        let allows = allows.into_iter().map(|rule| Rule { effect: Effect::Allow, ..rule });
        let denies = denies.into_iter().map(|rule| Rule { effect: Effect::Deny, ..rule });
        let rules = numbered(allows.chain(denies).filter(equals).collect());
        let policy = policy(&rules, &roles);
        // With a `q` of its own that no deny asks for; of each type that one may ask for.
        let p = ["1", "2", "\"x\""];
        let q = ["7", "\"y\""];
        let types: Vec<_> = rules.iter().filter(|rule| rule.effect == Effect::Deny).collect();
        prop_assume!(types.len() <= 1);
        let callable = p.iter().any(|p| q.iter().any(|q| {
            is_allowed(&policy, &asked, &format!(r#"{{"p":{p},"q":{q}}}"#))
        }));
        prop_assert_eq!(is_shown(&policy, &asked), callable);
    }
}
