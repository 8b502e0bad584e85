use super::*;

/// Every problem of these texts, which are files `a.yaml`, `b.yaml` and so on.
fn problems(texts: &[&str]) -> Vec<String> {
    let names = ["a.yaml", "b.yaml", "c.yaml"];
    let texts: Vec<Text> = names
        .iter()
        .zip(texts)
        .map(|(file, content)| Text {
            file: (*file).to_owned(),
            content: (*content).to_owned(),
        })
        .collect();
    match Batch::of(&texts, Vec::new(), &Scope::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(&[text]), expected, "{text}");
}

fn rule(spec: &str) -> String {
    format!("apiVersion: chancery.dev/v1\nkind: Rule\nmetadata: {{name: r}}\nspec:\n{spec}")
}

fn check_rule(spec: &str, expected: &[&str]) {
    check(&rule(spec), expected);
}

const GOOD: &str =
    "  effect: allow\n  subjects: {groups: [dev]}\n  servers: [notes]\n  tools: [a]\n";

#[test]
fn accepts_what_is_right() {
    check_rule(GOOD, &[]);
    check(
        r#"{"apiVersion": "chancery.dev/v1", "kind": "IdentityProvider", "metadata": {"name": "i"},
            "spec": {"issuer": "https://i", "audiences": ["a"], "jwks": "{\"keys\": []}",
                     "leeway": "300s"}}"#,
        &[],
    );
    check(
        "apiVersion: chancery.dev/v1\nkind: Server\nmetadata: {name: s, workspace: w}\nspec:\n  \
         owner: o\n  endpoints: [{cluster: c, path: /mcp}]\n  onDenied: hide\n  tools:\n    - name: t\n      \
         inputSchema: {type: object, anything: [1, 2]}\n",
        &[],
    );
}

#[test]
fn refuses_what_is_no_document() {
    check(
        "",
        &["a.yaml:1:1: document: found nothing, expected a resource document"],
    );
    check(
        "# empty\n",
        &["a.yaml:1:1: document: found nothing, expected a resource document"],
    );
    check(
        "[1]",
        &["a.yaml:1:1: document: found a list, expected a resource document"],
    );
    check(
        "hello",
        &["a.yaml:1:1: document: found `hello`, expected a resource document"],
    );
    check(
        "spec:\n\teffect: allow\n",
        &[
            "a.yaml:2:2: document: found broken YAML, expected a document: tabs disallowed within \
           this context (block indentation) (indent with spaces)",
        ],
    );
    check(
        "a: 1\n",
        &[
            "a.yaml:1:1: apiVersion: found nothing, expected `chancery.dev/v1`",
            "a.yaml:1:1: kind: found nothing, expected `Organization`, `Binding`, `Server`, `IdentityProvider`, `Role`, \
             `Detector`, `Allowlist`, `RedactionProfile`, `Rule`, `Offer`, `Quota`, `Credential` or `Block`",
        ],
    );
}

#[test]
fn refuses_an_unknown_version_or_kind() {
    check(
        "apiVersion: chancery.dev/v2\nkind: Rul\nmetadata: {name: x}\n",
        &[
            "a.yaml:1:13: apiVersion: found `chancery.dev/v2`, expected `chancery.dev/v1`",
            "a.yaml:2:7: kind: found `Rul`, expected `Organization`, `Binding`, `Server`, `IdentityProvider`, `Role`, \
             `Detector`, `Allowlist`, `RedactionProfile`, `Rule`, `Offer`, `Quota`, `Credential` or `Block` (did \
             you mean `Rule`?)",
        ],
    );
    check(
        &rule(GOOD).replace("dev/v1", "dev/v9"),
        &[
            "a.yaml:1:13: apiVersion: found `chancery.dev/v9`, expected `chancery.dev/v1` (did you \
           mean `chancery.dev/v1`?)",
        ],
    );
}

#[test]
fn refuses_unknown_and_missing_fields() {
    check_rule(
        "  efect: allow\n  subjects: {groups: [dev]}\n  servers: [a]\n  tools: [a]\n",
        &[
            "a.yaml:5:3: spec.efect: found the unknown field `efect`, expected `description`, \
           `effect`, `subjects`, `servers`, `tools`, `prompts`, `resources`, `methods`, `environments`, `agents`, \
           `when`, `sourceRanges`, `expires`, `mode`, `reviewBy`, `owner`, `redact`, `reveal`, `audit` or `requirePrompt` (did you mean `effect`?)",
        ],
    );
    check_rule(
        "  subjects: {group: [dev]}\n  servers: [a]\n  tool: [a]\n",
        &[
            "a.yaml:5:3: spec.effect: found nothing, expected `allow`, `deny` or `require_approval`",
            "a.yaml:5:14: spec.subjects.group: found the unknown field `group`, expected `users`, \
             `groups`, `roles`, `tokenRoles`, `teams`, `workspaces`, `agents`, `clients`, \
             `authenticated` or `anyone` (did you mean `groups`?)",
            "a.yaml:7:3: spec.tool: found the unknown field `tool`, expected `description`, \
             `effect`, `subjects`, `servers`, `tools`, `prompts`, `resources`, `methods`, `environments`, `agents`, \
           `when`, `sourceRanges`, `expires`, `mode`, `reviewBy`, `owner`, `redact`, `reveal`, `audit` or `requirePrompt` (did you mean `tools`?)",
        ],
    );
    // What is there already is as right as what is not.
    check_rule(
        &GOOD.replace(
            "  tools",
            "  when: [{arg: $.a, glob: b, globs: c}]\n  tools",
        ),
        &[
            "a.yaml:8:30: spec.when[0].globs: found the unknown field `globs`, expected `arg`, \
             `equals`, `in`, `glob`, `regex`, `cidr`, `number`, `exists`, `normalise`, \
             `quantifier` or `onMissing`",
        ],
    );
    check_rule(
        "  effect: allow\n  subjects: {}\n  servers: []\n",
        &[
            "a.yaml:5:3: spec: found none, expected at least one of `tools`, `prompts`, \
             `resources` or `methods`",
            "a.yaml:6:13: spec.subjects: found none, expected at least one of `users`, `groups`, `roles`, `tokenRoles`, `teams`, `workspaces`, `agents`, `clients`, \
             `authenticated` or `anyone`",
            "a.yaml:7:12: spec.servers: found an empty list, expected at least one item",
        ],
    );
}

#[test]
fn refuses_wrong_types_and_values() {
    check_rule(
        "  effect: alow\n  subjects: {users: [1], anyone: yes}\n  servers: notes\n  tools:\n",
        &[
            "a.yaml:5:11: spec.effect: found `alow`, expected `allow`, `deny` or `require_approval` (did you mean \
             `allow`?)",
            "a.yaml:6:22: spec.subjects.users[0]: found the number `1`, expected a text (quote \
             it: \"1\")",
            "a.yaml:6:34: spec.subjects.anyone: found `yes`, expected `true` or `false` (did you \
             mean `true`?)",
            "a.yaml:7:12: spec.servers: found `notes`, expected a list (a list of one is written \
             [notes])",
            "a.yaml:8:8: spec.tools: found nothing, expected a list",
        ],
    );
    check_rule(
        &format!("{GOOD}  redact: default\n  description: {{}}\n"),
        &[
            "a.yaml:9:11: spec.redact: found `default`, expected a list (a list of one is written \
             [default])",
            "a.yaml:10:16: spec.description: found a mapping, expected a text",
        ],
    );
    check(
        &rule(GOOD).replace("name: r", "name: My_Rule"),
        &[
            "a.yaml:3:18: metadata.name: found `My_Rule`, expected a name of 1 to 63 letters a-z, \
           digits and inner hyphens",
        ],
    );
    for (leeway, found) in [
        ("60", "the number `60`"),
        ("301s", "`301s`"),
        ("1m", "`1m`"),
    ] {
        let text = format!(
            "apiVersion: chancery.dev/v1\nkind: IdentityProvider\nmetadata: {{name: i}}\nspec:\n  \
             issuer: i\n  audiences: [a]\n  jwks: {{keys: []}}\n  leeway: {leeway}\n"
        );
        let expected = format!(
            "a.yaml:8:11: spec.leeway: found {found}, expected whole seconds from `0s` to `300s`"
        );
        let found: Vec<String> = problems(&[&text]);
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{found:?}"
        );
    }
}

#[test]
fn refuses_a_key_that_occurs_twice() {
    check_rule(
        &format!("{GOOD}  effect: deny\n"),
        &[
            "a.yaml:9:3: spec.effect: found `effect` a second time, expected it once; the first is \
           at 5:3",
        ],
    );
    // Also where a schema leaves everything open.
    check(
        "apiVersion: chancery.dev/v1\nkind: Server\nmetadata: {name: s}\nspec:\n  \
         owner: o\n  endpoints: [{cluster: c, path: /mcp}]\n  tools:\n    - name: t\n      x: {a: 1, a: 2}\n",
        &[
            "a.yaml:9:17: spec.tools[0].x.a: found `a` a second time, expected it once; the first \
           is at 9:11",
        ],
    );
}

#[test]
fn refuses_a_resource_that_occurs_twice_and_names_both_places() {
    let other = format!(
        "{}---\n{}",
        rule(GOOD).replace("name: r", "name: other"),
        rule(GOOD)
    );
    assert_eq!(
        problems(&[&rule(GOOD), &other]),
        [
            "b.yaml:12:18: metadata.name: found `rule/r` a second time, expected it once; the first \
          is at a.yaml:3:18"
        ]
    );
}

#[test]
fn says_everything_of_every_file_in_their_order() {
    let found = problems(&["", &rule("  effect: x\n"), "{"]);
    let places: Vec<&str> = found
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "a.yaml:1:1:",
            "b.yaml:5:3:",
            "b.yaml:5:3:",
            "b.yaml:5:3:",
            "b.yaml:5:11:",
            "c.yaml:1:1:"
        ]
    );
}

#[test]
fn shows_no_control_characters() {
    check(
        "apiVersion: chancery.dev/v1\nkind: \"Rule\\e[2J\\u202e\"\n",
        &[
            "a.yaml:2:7: kind: found `Rule\\u{1b}[2J\\u{202e}`, expected \
           `Organization`, `Binding`, `Server`, `IdentityProvider`, `Role`, `Detector`, \
           `Allowlist`, `RedactionProfile`, `Rule`, `Offer`, `Quota`, `Credential` or `Block` (did you mean `Rule`?)",
        ],
    );
}
