//! A server as such, of which not every rule is asked.

use std::collections::BTreeSet;

use super::*;

prop_compose! {
    /// Of everyone and mostly with a redaction, so that many apply to a server as such.
    fn wide_rule()(
        rule in rule_with(Just(Vec::new())),
        is_deny in prop::bool::weighted(0.1),
        is_shadow in prop::bool::weighted(0.1),
        obligations in obligations(),
    ) -> Rule {
        Rule {
            effect: if is_deny { Effect::Deny } else { Effect::Allow },
            mode: if is_shadow { Mode::Shadow } else { Mode::Enforce },
            subjects: Subjects { anyone: true, ..Subjects::default() },
            servers: vec![Glob::parse("*").unwrap()],
            environments: Vec::new(),
            agents: Vec::new(),
            source_ranges: Vec::new(),
            obligations,
            ..rule
        }
    }
}

fn wide_rules() -> impl Strategy<Value = Vec<Rule>> {
    vec(wide_rule(), 0..=24).prop_map(numbered)
}

/// So many rules that allow and mask something, and after them one that denies these methods.
fn denied_last(allows: usize, methods: &[&str]) -> Vec<Rule> {
    let masking = Obligations {
        redact: vec!["default".into()],
        reveal: Vec::new(),
        audit: None,
        require_prompt: false,
    };
    let rule = |name: String, effect, methods: Vec<Glob>| Rule {
        name: format!("organizations/o/rules/{name}").into(),
        effect,
        mode: Mode::Enforce,
        subjects: Subjects {
            anyone: true,
            ..Subjects::default()
        },
        servers: vec![Glob::parse("*").unwrap()],
        tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
        methods,
        environments: Vec::new(),
        agents: Vec::new(),
        when: Vec::new(),
        source_ranges: Vec::new(),
        expire_time: None,
        obligations: match effect {
            Effect::Allow => masking.clone(),
            Effect::Deny => Obligations::default(),
        },
    };
    let methods = methods
        .iter()
        .map(|method| Glob::parse(method).unwrap())
        .collect();
    let allows = (0..allows).map(|number| rule(format!("a{number:02}"), Effect::Allow, Vec::new()));
    allows
        .chain([rule("z-deny".to_owned(), Effect::Deny, methods)])
        .collect()
}

#[test]
fn no_number_of_rules_that_mask_hides_one_that_denies() {
    for allows in [1, MAX_NAMED_RULES - 1, MAX_NAMED_RULES, 100] {
        let policy = policy(
            &denied_last(allows, &["logging/setLevel", "tools/list"]),
            &[],
        );
        let asked = Asked {
            principal: Principal::anonymous(),
            workspace: "w",
            source: None,
            target: Target::Server,
            method: Method::SetLevel,
            arguments: "{}",
        };
        let rules = rules_for(&policy, &asked);
        for (method, is_denied) in [
            (Method::SetLevel, true),
            (Method::ToolsList, true),
            (Method::Sample, false),
        ] {
            let act = Act::on_server(Some(method));
            let denied = Verdict::Deny(Reason::DeniedByRule);
            let expected = if is_denied { denied } else { Verdict::Allow };
            assert_eq!(rules.judge(act).verdict, expected, "{allows} {method:?}");
            assert_eq!(rules.allow(act), !is_denied, "{allows} {method:?}");
        }
    }
}

proptest! {
    #[test]
    fn of_a_server_every_deny_and_every_redaction_counts(
        rules in wide_rules(),
        mut asked in asked(),
        method in select(&[Method::SetLevel, Method::ToolsList, Method::Sample][..]),
    ) {
        (asked.target, asked.method) = (Target::Server, method);
        let policy = policy(&rules, &[]);
        let rules_here = rules_for(&policy, &asked);
        let judgement = rules_here.judge(asked.act());
        let expected = naive_verdict(&rules, &[], &asked);
        prop_assert_eq!(judgement.verdict, expected.verdict);
        prop_assert_eq!(rules_here.allow(asked.act()), expected.verdict == Verdict::Allow);
        let (mut redact, mut reveal) = (BTreeSet::new(), BTreeSet::new());
        if expected.verdict == Verdict::Allow {
            for rule in rules.iter().filter(|rule| expected.rules.contains(&rule.name.to_string())) {
                redact.extend(rule.obligations.redact.iter().map(|id| &**id));
                reveal.extend(rule.obligations.reveal.iter().map(|id| &**id));
            }
        } else {
            prop_assert_eq!(judgement.rules, expected.rules);
        }
        prop_assert_eq!(BTreeSet::from_iter(judgement.redact), redact);
        prop_assert_eq!(BTreeSet::from_iter(judgement.reveal), reveal);
    }
}
