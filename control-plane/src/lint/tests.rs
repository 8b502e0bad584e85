use chancery_proto::{
    admin::v1::{Offer, Role, Server, ToolDefinition},
    policy::v1::{
        Bounds, Condition, Effect, Obligations, OnMissing, Quantifier, RuleMode, Subjects, Values,
        condition::Test,
    },
};
use prost_types::Timestamp;

use super::*;

const NOW_SECONDS: i64 = 1_000;

/// A server in the workspace `w` with tools, each with its input schema.
fn server(id: &str, tools: &[(&str, &str)]) -> Resource {
    let tools = tools.iter().map(|(name, schema)| ToolDefinition {
        name: (*name).to_owned(),
        definition: format!(r#"{{"name": "{name}", "inputSchema": {schema}}}"#),
    });
    Resource::Server(Server {
        name: format!("organizations/o/workspaces/w/servers/{id}"),
        tools: tools.collect(),
        ..Server::default()
    })
}

const ISSUE: &str = r##"{
    "type": "object",
    "properties": {
        "repo": {"type": "string"},
        "number": {"type": "integer"},
        "state": {"enum": ["open", "closed"]},
        "labels": {"type": "array", "items": {"type": "string"}},
        "owner": {"$ref": "#/$defs/owner"},
        "extra": {"type": "object", "additionalProperties": true},
        "tags": {"type": "object", "patternProperties": {"^x-": {"type": "integer"}}},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]}
    },
    "$defs": {"owner": {"type": "object", "properties": {"name": {"type": "string"}}}}
}"##;

fn github() -> Resource {
    server("github", &[("create_issue", ISSUE), ("get_issue", ISSUE)])
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A rule that allows the group `dev` to call tools.
fn rule(id: &str, servers: &[&str], tools: &[&str]) -> Rule {
    Rule {
        name: format!("organizations/o/rules/{id}"),
        effect: Effect::Allow.into(),
        subjects: Some(Subjects {
            groups: strings(&["dev"]),
            ..Subjects::default()
        }),
        servers: strings(servers),
        tools: strings(tools),
        ..Rule::default()
    }
}

fn when(argument: &str, test: Test) -> Vec<Condition> {
    vec![Condition {
        argument: argument.to_owned(),
        test: Some(test),
        ..Condition::default()
    }]
}

fn glob(glob: &str) -> Test {
    Test::Glob(Values {
        values: strings(&[glob]),
    })
}

/// Adds rules to resources, and says what is found of the last one: `!` before errors.
fn check_last(resources: &[Resource], rules: &[Rule]) -> Vec<String> {
    let rules: Vec<_> = rules.iter().cloned().map(Resource::Rule).collect();
    let after: Vec<_> = resources.iter().chain(&rules).collect();
    let last = rules.last().unwrap();
    let lint = check(&Change {
        before: &resources.iter().collect::<Vec<_>>(),
        after: &after,
        wished: &[(Kind::Rule, last.name(), true)],
        now_seconds: NOW_SECONDS,
    });
    let errors = lint.errors.iter().map(|(_, error)| format!("!{error}"));
    let warnings = lint
        .warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.field, warning.message));
    errors.chain(warnings).collect()
}

fn check_when(argument: &str, test: Test) -> Vec<String> {
    let rule = Rule {
        when: when(argument, test),
        ..rule("r", &["github"], &["create_issue"])
    };
    check_last(&[github()], &[rule])
}

#[test]
fn the_six_line_rule_is_alive() {
    assert_eq!(check_when("$.repo", glob("acme/*")), [""; 0]);
}

#[test]
fn an_argument_must_be_declared_unless_the_schema_is_open() {
    let exists = || Test::Exists(true);
    for argument in [
        "$.repo",
        "$.labels[*]",
        "$.labels[0]",
        "$.owner.name",
        "$.extra.anything.at.all",
        "$.tags['x-a']",
        "$.maybe",
        "$..beyond.what.is.checked",
    ] {
        assert_eq!(check_when(argument, exists()), [""; 0], "{argument}");
    }
    for (argument, expected) in [
        (
            "$.repos",
            "!when[0].argument: found `$.repos`, expected a property that the schema has under \
             `$`: `repo`, `tags`, `owner`, `state`, `labels` and 3 more (in `github/create_issue`)",
        ),
        (
            "$.owner.id",
            "!when[0].argument: found `$.owner.id`, expected a property that the schema has under \
             `$.owner`: `name` (in `github/create_issue`)",
        ),
        (
            "$.tags.y",
            "!when[0].argument: found `$.tags.y`, expected nothing under `$.tags`: the schema \
             declares no such value (in `github/create_issue`)",
        ),
        (
            "$.repo.name",
            "!when[0].argument: found a step into an object, expected no step into `$.repo`, \
             which is a text (in `github/create_issue`)",
        ),
    ] {
        let found = check_when(argument, exists());
        assert_eq!(found.len(), 1, "{found:?}");
        // The order of the likenesses is not the point.
        let cut = |text: &str| text.split("`$`: ").next().map(str::to_owned);
        assert_eq!(cut(&found[0]), cut(expected), "{argument}");
    }
}

/// Whether a condition on `$.repo` that asks for a text fits an input schema; what it says if not.
fn check_repo(schema: &str) -> Vec<String> {
    let rule = Rule {
        when: when("$.repo", glob("acme/*")),
        ..rule("r", &["github"], &["create_issue"])
    };
    check_last(&[server("github", &[("create_issue", schema)])], &[rule])
}

#[test]
fn all_that_a_schema_combines_declares_its_values() {
    let text = r#"{"repo": {"type": "string"}}"#;
    for keywords in [
        r#""additionalProperties": true, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]"#,
        r#""properties": {"a": {}}, "unevaluatedProperties": true"#,
        r#""unevaluatedProperties": {"type": "string"}, "properties": {"a": {}}"#,
        &format!(r#""allOf": [{{"properties": {text}}}], "anyOf": [{{"required": ["a"]}}]"#),
        &format!(r#""properties": {{"a": {{}}}}, "oneOf": [{{"properties": {text}}}, {{}}]"#),
        &format!(
            r#""unevaluatedProperties": {{"type": "integer"}}, "anyOf": [{{"properties": {text}}}]"#
        ),
        &format!(r#""if": {{"properties": {{"a": {{}}}}}}, "then": {{"properties": {text}}}"#),
        &format!(r#""if": {{}}, "then": {{"required": ["a"]}}, "else": {{"properties": {text}}}"#),
        &format!(r#""if": {{"properties": {text}}}, "then": {{"required": ["a"]}}"#),
        &format!(r#""dependentSchemas": {{"a": {{"properties": {text}}}}}"#),
        &format!(r#""dependencies": {{"a": {{"properties": {text}}}, "b": ["a"]}}"#),
        &format!(
            r##""$ref": "#/$defs/a", "$defs": {{"a": {{"required": ["a"]}}}}, "properties": {text}"##
        ),
        // A branch that declares it, and one that does not.
        &format!(
            r#""anyOf": [{{"properties": {{"repo": {{"type": "integer"}}}}}}, {{"properties": {text}}}]"#
        ),
        // One that declares it otherwise, and one where it is the schema's own.
        &format!(
            r#""properties": {text}, "anyOf": [{{"properties": {{"repo": {{"const": "x"}}}}}},
               {{"properties": {{"a": {{}}}}}}]"#
        ),
    ] {
        let schema = format!(r#"{{"type": "object", {keywords}}}"#);
        assert_eq!(check_repo(&schema), [""; 0], "{schema}");
    }
    assert_eq!(check_repo(r#"{"anyOf": [{"required": ["a"]}]}"#), [""; 0]);
    // More than is looked at.
    let endless = r##"{"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}"##;
    assert_eq!(check_repo(endless), [""; 0]);
}

#[test]
fn what_no_part_of_a_schema_declares_is_refused() {
    let number = r#"{"repo": {"type": "integer"}}"#;
    let is_number = "!when[0].glob: found a test of texts, expected a test that fits `$.repo`, \
                     which is a number (in `github/create_issue`)";
    let known = "!when[0].argument: found `$.repo`, expected a property that the schema has under \
                 `$`: `a`, `b` (in `github/create_issue`)";
    for (keywords, expected) in [
        (
            format!(r#""properties": {number}, "anyOf": [{{"required": ["a"]}}]"#),
            is_number,
        ),
        (
            format!(r#""anyOf": [{{"properties": {number}}}, {{"properties": {{"a": {{}}}}}}]"#),
            is_number,
        ),
        (
            format!(r#""if": {{}}, "then": {{"properties": {number}}}"#),
            is_number,
        ),
        (
            r#""properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}, {"required": ["a"]}]"#
                .to_owned(),
            "!when[0].argument: found `$.repo`, expected a property that the schema has under \
             `$`: `a` (in `github/create_issue`)",
        ),
        (
            r#""properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]"#.to_owned(),
            known,
        ),
        (
            r#""unevaluatedProperties": false, "if": {"properties": {"a": {}}},
               "then": {"properties": {"b": {}}}"#
                .to_owned(),
            known,
        ),
    ] {
        let schema = format!(r#"{{"type": "object", {keywords}}}"#);
        assert_eq!(check_repo(&schema), [expected], "{schema}");
    }
}

#[test]
fn a_test_must_be_one_that_a_value_can_pass() {
    let number = || {
        Test::Number(Bounds {
            lt: "5".to_owned(),
            ..Bounds::default()
        })
    };
    for (argument, test) in [
        ("$.number", number()),
        ("$.number", Test::Equals("3".to_owned())),
        ("$.state", glob("op*")),
        ("$.state", Test::Equals("\"open\"".to_owned())),
        ("$.maybe", glob("*")),
        ("$.extra.n", number()),
    ] {
        assert_eq!(check_when(argument, test), [""; 0], "{argument}");
    }
    for (argument, test, expected) in [
        (
            "$.number",
            glob("1*"),
            "!when[0].glob: found a test of texts, expected a test that fits `$.number`, which is \
             a number (in `github/create_issue`)",
        ),
        (
            "$.labels",
            glob("bug"),
            "!when[0].glob: found a test of texts, expected a test that fits `$.labels`, which is \
             a list; `$.labels[*]` are its elements (in `github/create_issue`)",
        ),
        (
            "$.repo",
            number(),
            "!when[0].number: found bounds of a number, expected `$.repo` is a text (in \
             `github/create_issue`)",
        ),
        (
            "$.repo",
            Test::Equals("3".to_owned()),
            "!when[0].equals: found `3`, expected a value that `$.repo` can have, which is a text \
             (in `github/create_issue`)",
        ),
        (
            "$.state",
            Test::In(Values {
                values: strings(&["\"open\"", "\"close\""]),
            }),
            "!when[0].in: found `\"close\"`, expected a value that `$.state` can have: \
             `\"closed\"`, `\"open\"` (in `github/create_issue`)",
        ),
        (
            "$.state",
            glob("merged*"),
            "!when[0].glob: found a test that none of its values passes, expected one that fits a \
             value of `$.state`: `open`, `closed` (in `github/create_issue`)",
        ),
    ] {
        assert_eq!(check_when(argument, test), [expected], "{argument}");
    }
}

#[test]
fn a_tool_must_be_there_and_misfits_are_listed() {
    let notes = || server("notes", &[("read_note", "{}")]);
    let unknown = || server("dark", &[]);
    for (resources, servers, tools, expected) in [
        (
            vec![github(), notes()],
            vec!["*"],
            vec!["create_issue"],
            vec![],
        ),
        (
            vec![github()],
            vec!["github"],
            vec!["create_issues"],
            vec![
                "!tools[0]: found `create_issues`, expected the name of a tool of `github`: \
                 `create_issue`, `get_issue`",
            ],
        ),
        (
            vec![github()],
            vec!["*"],
            vec!["delete_*"],
            vec![
                "!tools[0]: found `delete_*`, expected a glob that fits a tool of `github`: \
                 `get_issue`, `create_issue`",
            ],
        ),
        (
            vec![github(), notes()],
            vec!["*"],
            vec!["get_*"],
            vec!["tools[0]: `get_*` fits no tool of `notes`: there it changes nothing"],
        ),
        (
            vec![github(), notes()],
            vec!["github", "notes"],
            vec!["get_issue"],
            vec!["tools[0]: `get_issue` fits no tool of `notes`: there it changes nothing"],
        ),
        (
            vec![unknown()],
            vec!["*"],
            vec!["x"],
            vec![
                "tools: no tools are known of `dark`: its tools and conditions were not checked \
                 against them",
            ],
        ),
        (
            vec![github(), unknown()],
            vec!["*"],
            vec!["x"],
            vec![
                "tools: no tools are known of `dark`: its tools and conditions were not checked \
                 against them",
                "tools[0]: `x` fits no tool of `github`: it can only be about servers whose tools \
                 are not known",
            ],
        ),
    ] {
        let found = check_last(&resources, &[rule("r", &servers, &tools)]);
        let sorted = |text: &str| text.split(": `").next().map(str::to_owned);
        let found: Vec<_> = found.iter().map(|text| sorted(text)).collect();
        let expected: Vec<_> = expected.iter().map(|text| sorted(text)).collect();
        assert_eq!(found, expected, "{servers:?} {tools:?}");
    }
}

#[test]
fn a_glob_over_tools_lists_those_where_its_condition_cannot_be_evaluated() {
    let search = r#"{"type": "object", "properties": {"query": {"type": "string"}}}"#;
    let both = server("github", &[("create_issue", ISSUE), ("search", search)]);
    let rule = Rule {
        when: when("$.repo", glob("acme/*")),
        ..rule("r", &["github"], &["*"])
    };
    let found = check_last(&[both], &[rule]);
    assert_eq!(
        found,
        [
            "when[0]: it cannot be evaluated for `github/search`: there it satisfies no rule that \
             allows, and every rule that denies"
        ]
    );
}

fn offer(workspaces: &[&str], tools: &[&str]) -> Resource {
    Resource::Offer(Offer {
        name: "organizations/o/offers/f".to_owned(),
        servers: strings(&["git*"]),
        workspaces: strings(workspaces),
        tools: strings(tools),
        ..Offer::default()
    })
}

#[test]
fn an_allow_beyond_every_offer_never_applies() {
    let base = || rule("r", &["github"], &["create_issue"]);
    let dead = "servers: no offer lets any workspace whose calls reach them use what it names of \
                `github`: the rule never applies";
    for (offer, expected) in [
        (offer(&["v"], &[]), Some(dead)),
        (offer(&["w"], &["get_*"]), Some(dead)),
        (offer(&["w"], &["create_*"]), None),
        (offer(&["*"], &[]), None),
    ] {
        let found = check_last(&[github(), offer.clone()], &[base()]);
        assert_eq!(found, Vec::from_iter(expected), "{offer:?}");
    }
}

#[test]
fn a_rule_that_never_applies_is_said_to() {
    let base = || rule("r", &["github"], &["create_issue"]);
    let of = |subjects: Subjects| Rule {
        subjects: Some(subjects),
        ..base()
    };
    let empty_role = Resource::Role(Role {
        name: "organizations/o/roles/empty".to_owned(),
        subjects: Some(Subjects::default()),
        ..Role::default()
    });
    let ended = Rule {
        expire_time: Some(Timestamp {
            seconds: NOW_SECONDS,
            nanos: 0,
        }),
        ..base()
    };
    let elsewhere = Rule {
        environments: strings(&["production"]),
        ..base()
    };
    let of_role = of(Subjects {
        roles: strings(&["empty"]),
        ..Subjects::default()
    });
    let of_workspace = of(Subjects {
        workspaces: strings(&["v"]),
        ..Subjects::default()
    });
    let in_workspace = Rule {
        name: "organizations/o/workspaces/v/rules/r".to_owned(),
        ..base()
    };
    for (more, rule, expected) in [
        (
            vec![],
            ended,
            "expire_time: it ended at 1970-01-01T00:16:40Z",
        ),
        (
            vec![],
            elsewhere,
            "environments: no server that it names is in such an environment (they have none)",
        ),
        (
            vec![empty_role],
            of_role,
            "subjects.roles: `empty` has no members",
        ),
        (
            vec![],
            of_workspace,
            "subjects.workspaces: no call to these servers belongs to `v`",
        ),
        (
            vec![],
            in_workspace,
            "servers: no call to these servers belongs to the workspace `v`",
        ),
    ] {
        let mut resources = vec![github()];
        resources.extend(more);
        let found = check_last(&resources, &[rule]);
        assert_eq!(found, [format!("{expected}: the rule never applies")]);
    }
}

#[test]
fn a_rule_that_another_covers_is_said_to_change_nothing() {
    let base = || rule("r", &["github"], &["create_issue"]);
    let wide = || rule("wide", &["*"], &["*"]);
    let when_acme = || when("$.repo", glob("acme/*"));
    let deny = || Rule {
        effect: Effect::Deny.into(),
        ..wide()
    };
    let denied = "effect: `organizations/o/rules/wide` denies all that it allows: the rule changes \
                  nothing";
    let allowed = "effect: `organizations/o/rules/wide` allows all of it already: the rule changes \
                   nothing";
    for (other, rule, expected) in [
        (deny(), base(), Some(denied)),
        (wide(), base(), Some(allowed)),
        (
            wide(),
            Rule {
                when: when_acme(),
                ..base()
            },
            Some(allowed),
        ),
        (
            Rule {
                when: when_acme(),
                ..wide()
            },
            base(),
            None,
        ),
        (
            Rule {
                when: when_acme(),
                ..deny()
            },
            base(),
            None,
        ),
        (
            Rule {
                mode: RuleMode::Shadow.into(),
                ..deny()
            },
            base(),
            None,
        ),
        (
            Rule {
                name: "organizations/o/workspaces/w/rules/wide".to_owned(),
                ..deny()
            },
            base(),
            None,
        ),
        (
            Rule {
                subjects: Some(Subjects {
                    groups: strings(&["ops"]),
                    ..Subjects::default()
                }),
                ..wide()
            },
            base(),
            None,
        ),
    ] {
        let found = check_last(&[github()], &[other.clone(), rule]);
        assert_eq!(found, Vec::from_iter(expected), "{other:?}");
    }
    // What a rule obliges to, the other has to oblige to as well.
    let obliging = |rule: Rule, redact: &[&str], reveal: &[&str]| Rule {
        obligations: Some(Obligations {
            redact: strings(redact),
            reveal: strings(reveal),
        }),
        ..rule
    };
    for (other, rule, is_covered) in [
        (wide(), obliging(base(), &["default"], &[]), false),
        (
            obliging(wide(), &["p"], &[]),
            obliging(base(), &["default"], &[]),
            false,
        ),
        (
            obliging(wide(), &["p"], &[]),
            obliging(base(), &["p"], &["email"]),
            false,
        ),
        (
            obliging(wide(), &["p", "q"], &["email"]),
            obliging(base(), &["q"], &["email"]),
            true,
        ),
        (obliging(wide(), &["p"], &[]), base(), true),
    ] {
        let found = check_last(&[github()], &[other.clone(), rule]);
        assert_eq!(!found.is_empty(), is_covered, "{other:?}");
    }
    // Of two that are the same, one stays.
    let (a, b) = (rule("a", &["*"], &["*"]), rule("b", &["*"], &["*"]));
    assert_eq!(check_last(&[github()], &[b.clone(), a.clone()]), [""; 0]);
    assert_eq!(check_last(&[github()], &[a, b]).len(), 1);
}

#[test]
fn a_definition_may_change_and_says_what_it_breaks() {
    let rule = Resource::Rule(Rule {
        when: when("$.repo", glob("acme/*")),
        ..rule("r", &["github"], &["create_issue"])
    });
    let narrower = r#"{"type": "object", "properties": {"repository": {"type": "string"}}}"#;
    let before = [github(), rule.clone()];
    let change = |server: Resource, with_rule: Option<bool>| {
        let after = [server, rule.clone()];
        let mut wished = vec![(Kind::Server, after[0].name(), true)];
        wished.extend(with_rule.map(|is_changed| (Kind::Rule, rule.name(), is_changed)));
        check(&Change {
            before: &before.iter().collect::<Vec<_>>(),
            after: &after.iter().collect::<Vec<_>>(),
            wished: &wished,
            now_seconds: NOW_SECONDS,
        })
    };
    let renamed = || server("github", &[("create_issue", narrower)]);
    let lint = change(renamed(), None);
    assert_eq!(lint.errors, []);
    let [warning] = &*lint.warnings else {
        panic!("{:?}", lint.warnings)
    };
    assert_eq!(warning.name, "organizations/o/workspaces/w/servers/github");
    assert_eq!(
        warning.message,
        "this breaks `organizations/o/rules/r`: when[0].argument: found `$.repo`, expected a \
         property that the schema has under `$`: `repository` (in `github/create_issue`)"
    );
    let gone = change(server("github", &[("get_issue", ISSUE)]), None);
    assert!(
        gone.errors.is_empty() && gone.warnings.len() == 1,
        "{gone:?}"
    );
    let unrelated = change(github(), None);
    assert_eq!(unrelated, Lint::default());

    // A rule that is given again as it was does not stand in the way of the definition.
    assert!(change(renamed(), Some(false)).errors.is_empty());
    assert_eq!(change(renamed(), Some(true)).errors.len(), 1);
}

/// Conditions that leave nothing to satisfy them, on the tool of [`ISSUE`].
fn check_conditions(effect: Effect, conditions: Vec<Condition>) -> Vec<String> {
    let rule = Rule {
        effect: effect.into(),
        when: conditions,
        ..rule("r", &["github"], &["create_issue"])
    };
    check_last(&[github()], &[rule])
}

fn number(ge: &str, le: &str) -> Test {
    Test::Number(Bounds {
        ge: ge.to_owned(),
        le: le.to_owned(),
        ..Bounds::default()
    })
}

fn equals(json: &str) -> Test {
    Test::Equals(json.to_owned())
}

#[test]
fn conditions_that_exclude_each_other_are_said_to() {
    let on = |argument: &str, test: Test| when(argument, test).remove(0);
    let with = |quantifier: Quantifier, condition: Condition| Condition {
        quantifier: quantifier.into(),
        ..condition
    };
    let never = "when[1]: no value of `$.repo` satisfies it and `when[0]`: the rule never applies";
    for (one, other) in [
        (equals(r#""a""#), equals(r#""b""#)),
        (Test::Exists(false), glob("acme/*")),
        (glob("acme/*"), equals(r#""b""#)),
        (Test::Exists(true), Test::Exists(false)),
        (Test::Regex("^a".to_owned()), equals(r#""b""#)),
    ] {
        let both = vec![on("$.repo", one.clone()), on("$.repo", other)];
        assert_eq!(check_conditions(Effect::Allow, both), [never], "{one:?}");
    }
    let texts = || {
        vec![
            on("$.repo", equals(r#""a""#)),
            on("$.repo", equals(r#""b""#)),
        ]
    };
    let any = texts().into_iter().map(|one| with(Quantifier::Any, one));
    assert_eq!(check_conditions(Effect::Allow, any.collect()), [never]);
    let deny = never.replace(
        "never applies",
        "applies only where they cannot be evaluated",
    );
    assert_eq!(check_conditions(Effect::Deny, texts()), [deny]);
    let numbers = vec![
        on("$.number", number("5", "")),
        on("$.number", number("", "2")),
    ];
    assert_eq!(
        check_conditions(Effect::Allow, numbers),
        ["when[1]: no value of `$.number` satisfies it and `when[0]`: the rule never applies"]
    );
    assert_eq!(
        check_when("$.number", number("5", "2")),
        ["when[0].number: no number is within these bounds: the rule never applies"]
    );

    // Those that do not.
    let label = |json: &str| with(Quantifier::Any, on("$.labels[*]", equals(json)));
    let missing = |condition: Condition| Condition {
        on_missing: OnMissing::Holds.into(),
        ..condition
    };
    for conditions in [
        vec![label(r#""a""#), label(r#""b""#)],
        vec![
            missing(on("$.repo", equals(r#""a""#))),
            on("$.repo", Test::Exists(false)),
        ],
        vec![
            on("$.repo", equals(r#""a""#)),
            with(Quantifier::None, on("$.repo", equals(r#""b""#))),
        ],
        vec![on("$.repo", glob("a*")), on("$.repo", equals(r#""ab""#))],
        vec![
            on("$.number", number("2", "")),
            on("$.number", number("", "2")),
        ],
        vec![on("$.repo", Test::Exists(true)), on("$.repo", glob("a*"))],
    ] {
        assert_eq!(check_conditions(Effect::Allow, conditions), [""; 0]);
    }
}

#[test]
fn numbers_are_held_against_the_limits_of_a_schema() {
    let check = |schema: &str, test: Test| {
        let schema = format!(r#"{{"type": "object", "properties": {{"n": {schema}}}}}"#);
        let rule = Rule {
            when: when("$.n", test),
            ..rule("r", &["github"], &["create_issue"])
        };
        check_last(&[server("github", &[("create_issue", &schema)])], &[rule])
    };
    let limited = r#"{"type": "integer", "minimum": 1, "maximum": 10}"#;
    for (schema, test, expected) in [
        (
            limited,
            number("50", ""),
            "!when[0].number: found bounds beyond those of the schema, expected bounds that `$.n` \
             can be within: `minimum` is 1, `maximum` is 10 (in `github/create_issue`)",
        ),
        (
            limited,
            equals("11"),
            "!when[0].equals: found `11`, expected a value that `$.n` can have: `minimum` is 1, \
             `maximum` is 10 (in `github/create_issue`)",
        ),
        (
            limited,
            equals("1.5"),
            "!when[0].equals: found `1.5`, expected a value that `$.n` can have, which is an \
             integer (in `github/create_issue`)",
        ),
        (
            r#"{"exclusiveMaximum": 10}"#,
            number("10", ""),
            "!when[0].number: found bounds beyond those of the schema, expected bounds that `$.n` \
             can be within: `exclusiveMaximum` is 10 (in `github/create_issue`)",
        ),
        (
            r#"{"maximum": 10, "exclusiveMaximum": true}"#,
            number("10", ""),
            "!when[0].number: found bounds beyond those of the schema, expected bounds that `$.n` \
             can be within: `maximum` is 10, `exclusiveMaximum` is true (in `github/create_issue`)",
        ),
    ] {
        assert_eq!(check(schema, test), [expected], "{schema}");
    }
    for (schema, test) in [
        (limited, number("10", "")),
        (limited, equals("10.0")),
        (r#"{"type": "number"}"#, equals("1.5")),
        (r#"{"type": ["integer", "number"]}"#, equals("1.5")),
        (
            r#"{"anyOf": [{"maximum": 10}, {"minimum": 40}]}"#,
            number("50", ""),
        ),
    ] {
        assert_eq!(check(schema, test), [""; 0], "{schema}");
    }
}

#[test]
fn what_is_required_is_never_missing() {
    let check = |schema: &str, argument: &str| {
        let rule = Rule {
            when: when(argument, Test::Exists(false)),
            ..rule("r", &["github"], &["create_issue"])
        };
        check_last(&[server("github", &[("create_issue", schema)])], &[rule])
    };
    let required = r#"{"type": "object", "required": ["repo"], "properties": {
        "repo": {"type": "object", "required": ["id"], "properties": {"id": {}, "name": {}}},
        "owner": {"type": "object", "required": ["id"], "properties": {"id": {}}}}}"#;
    let never = "when[0].exists: it is required in `github/create_issue`: no arguments that fit the \
                 schema satisfy the condition";
    assert_eq!(check(required, "$.repo"), [never]);
    assert_eq!(check(required, "$.repo.id"), [never]);
    for argument in ["$.repo.name", "$.owner", "$.owner.id"] {
        assert_eq!(check(required, argument), [""; 0], "{argument}");
    }
}

#[test]
fn methods_must_act_on_what_a_rule_names() {
    let with = |methods: &[&str]| Rule {
        methods: strings(methods),
        ..rule("r", &["github"], &["create_issue"])
    };
    assert_eq!(
        check_last(&[github()], &[with(&["prompts/get"])]),
        [
            "tools: none of the rule's `methods` acts on tools: they change nothing without \
             `tools/call` among them"
        ]
    );
    for methods in [&["tools/*"][..], &["tasks/get"], &[]] {
        assert_eq!(check_last(&[github()], &[with(methods)]), [""; 0]);
    }
    // Whoever listens names the resources whose changes are meant.
    let listening = Rule {
        tools: Vec::new(),
        resources: strings(&["repo://acme/*"]),
        ..with(&["subscriptions/listen"])
    };
    assert_eq!(check_last(&[github()], &[listening]), [""; 0]);
}

#[test]
fn names_that_are_compared_to_the_letter_are_no_globs() {
    let rule = Rule {
        subjects: Some(Subjects {
            users: strings(&["ann@acme.com", "*@acme.com"]),
            groups: strings(&[" dev"]),
            agents: strings(&["bot-*"]),
            ..Subjects::default()
        }),
        ..rule("r", &["github"], &["create_issue"])
    };
    assert_eq!(
        check_last(&[github()], &[rule]),
        [
            "subjects.groups[0]: ` dev`: only a name with those spaces is meant",
            "subjects.users[1]: `*@acme.com`: it is no glob here: only a name with that very `*` is \
             meant",
        ]
    );
}
