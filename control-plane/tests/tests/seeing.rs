//! What rules would do, asked from the command line.

use super::{Done, Site, check};

pub(super) const GITHUB: &str = "\
apiVersion: chancery.dev/v1
kind: Server
metadata: {name: github}
spec:
  owner: team
  endpoints: [{cluster: github, host: mcp.example.com, path: /github}]
  tools:
  - {name: create_issue, inputSchema: {type: object, properties: {repo: {type: string}}}}
  - {name: delete_repo, inputSchema: {type: object}}
";

pub(super) const DEV: &str = "\
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: dev-issues}
spec: {effect: allow, subjects: {groups: [dev]}, servers: [github], tools: [create_issue]}
";

/// What README shows.
pub(super) const SIX_LINES: &str = "\
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: dev-issues}
spec: {effect: allow, subjects: {groups: [dev]}, servers: [github], tools: [create_issue],
       when: [{arg: $.repo, glob: \"acme/*\"}]}
";

pub(super) const FROZEN: &str = "\
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: frozen}
spec: {effect: deny, subjects: {users: [ann@example.com]}, servers: [\"*\"], tools: [\"create_*\"]}
";

pub(super) const OPS: &str = "\
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: ops-delete}
spec: {effect: allow, subjects: {groups: [ops]}, servers: [github], tools: [delete_repo]}
";

fn site() -> Site {
    let site = Site::start();
    site.write("policy/github.yaml", GITHUB);
    site.write("policy/dev.yaml", DEV);
    site.write("candidate/frozen.yaml", FROZEN);
    assert_eq!(site.run(&["apply", "-f", "policy"]).code, 0);
    site
}

pub(super) const ANN: [&str; 4] = ["--user", "ann@example.com", "--group", "dev"];
const BOB: [&str; 2] = ["--user", "bob@example.com"];

pub(super) fn run(site: &Site, command: &[&str], more: &[&str]) -> Done {
    site.run(&[command, more].concat())
}

#[test]
fn a_call_is_simulated_by_the_rules_in_force_and_by_others() {
    let site = site();
    let command = ["simulate", "github", "create_issue"];
    let allowed = run(&site, &command, &ANN);
    check(&allowed, 0, "allow by rule/dev-issues\n", "");
    let denied = run(&site, &command, &BOB);
    assert_eq!(denied.code, 1);
    let near = "\
deny: no_matching_rule

NEAR MISS        FIELD     FOUND                 EXPECTED
rule/dev-issues  subjects  user bob@example.com  group dev
";
    check(&denied, 1, near, "");
    let frozen = run(&site, &[&command[..], &ANN].concat(), &["-f", "candidate"]);
    assert_eq!(frozen.code, 1);
    assert!(
        frozen
            .out
            .starts_with("deny: denied_by_rule by rule/frozen\n"),
        "{}",
        frozen.out
    );
    let without = run(
        &site,
        &[&command[..], &ANN].concat(),
        &["--without", "rule/dev-issues"],
    );
    assert!(
        without.out.starts_with("deny: no_matching_rule\n"),
        "{}",
        without.out
    );
    // Nothing of all that is in force.
    let rules = site.run(&["get", "rules", "-o", "name"]);
    check(&rules, 0, "rule/dev-issues\n", "");
}

#[test]
fn a_condition_on_arguments_says_what_it_found() {
    let site = site();
    site.write("next/dev.yaml", SIX_LINES);
    let command = [
        &["simulate", "github", "create_issue"][..],
        &ANN,
        &["-f", "next"],
    ]
    .concat();
    let acme = run(&site, &command, &["--arguments", r#"{"repo":"acme/x"}"#]);
    let allowed = "\
allow by rule/dev-issues

FACT    VALUE     KNOWN
$.repo  \"acme/x\"  claimed
";
    check(&acme, 0, allowed, "");
    let other = run(&site, &command, &["--arguments", r#"{"repo":"other/x"}"#]);
    let denied = "\
deny: no_matching_rule

NEAR MISS        FIELD    FOUND                  EXPECTED
rule/dev-issues  when[0]  `$.repo` is \"other/x\"  like `acme/*`

FACT    VALUE      KNOWN
$.repo  \"other/x\"  claimed
";
    check(&other, 1, denied, "");
    let nothing = run(&site, &command, &[]);
    assert!(
        nothing
            .out
            .contains("when[0]  no `$.repo`, which cannot be evaluated  like `acme/*`"),
        "{}",
        nothing.out
    );
    let can = [
        &["can-i", "github", "create_issue"][..],
        &ANN,
        &["-f", "next"],
    ]
    .concat();
    let can = run(&site, &can, &["--arguments", r#"{"repo":"other/x"}"#]);
    let why = "no: no_matching_rule; nearest is rule/dev-issues when[0]: found `$.repo` is \"other/x\", \
               expected like `acme/*`\n";
    check(&can, 1, why, "");
    let who = run(
        &site,
        &["who-can", "github", "create_issue"],
        &["-f", "next"],
    );
    let table = "\
EFFECT  WHO        RULE             IF
allow   group dev  rule/dev-issues  $.repo like `acme/*`
";
    check(&who, 0, table, "");
}

#[test]
fn any_message_can_be_simulated() {
    let site = site();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let arguments = [&["simulate", "github", "--message", "-"][..], &ANN].concat();
    check(
        &site.run_with(&arguments, ping),
        0,
        "allow by rule/dev-issues\n",
        "",
    );
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#;
    let done = site.run_with(&arguments, twice);
    check(&done, 1, "deny: invalid_json\n", "");
    let stateless = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_issue",
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    check(
        &site.run_with(&arguments, stateless),
        0,
        "allow by rule/dev-issues\n",
        "",
    );
}

#[test]
fn what_makes_no_sense_to_simulate_is_said() {
    let site = site();
    for (arguments, code, said) in [
        (
            &["simulate", "nowhere", "x"][..],
            3,
            "there is no `organizations/default/workspaces/default/servers/nowhere`",
        ),
        (
            &["simulate", "github", "x", "--arguments", "[1]"],
            2,
            "expected a JSON object",
        ),
        (
            &["simulate", "github", "x", "--arguments", "{"],
            2,
            "`--arguments` is no JSON",
        ),
        (
            &["simulate", "github", "x", "--source", "here"],
            2,
            "expected an IP address",
        ),
        (
            &["simulate", "github", "x", "--without", "dev-issues"],
            2,
            "expected KIND/NAME",
        ),
        (
            &["simulate", "github", "x", "--without", "rule/none"],
            3,
            "there is no `organizations/default/rules/none`",
        ),
        (
            &["simulate", "github", "x", "--call-workspace", "other"],
            2,
            "`other`",
        ),
        (&["simulate", "github"], 2, "<TOOL>"),
        (
            &["can-i", "github", "create_issue"],
            2,
            "expected --user or --agent",
        ),
        (
            &["explain", "3f2a9c1b5d6e7f8091a2b3c4d5e6f708"],
            3,
            "there is no decision",
        ),
        (&["explain", "3f2a"], 2, "expected 32 hexadecimal digits"),
    ] {
        let done = site.run(arguments);
        assert_eq!(done.code, code, "{arguments:?}: {}", done.err);
        assert!(done.err.contains(said), "{arguments:?}: {}", done.err);
    }
    site.write(
        "bad.yaml",
        &DEV.replace("servers: [github]", "servers: [gitlab]"),
    );
    let done = run(
        &site,
        &["simulate", "github", "create_issue", "-f", "bad.yaml"],
        &ANN,
    );
    assert_eq!(done.code, 2);
    assert!(
        done.err
            .starts_with("bad.yaml:4:60: spec.servers[0]: found `gitlab`"),
        "{}",
        done.err
    );
}

#[test]
fn callers_are_listed_and_asked_for() {
    let site = site();
    let who = site.run(&["who-can", "github", "create_issue", "-f", "candidate"]);
    let table = "\
EFFECT  WHO                   RULE             IF
allow   group dev             rule/dev-issues
deny    user ann@example.com  rule/frozen
";
    check(&who, 0, table, "");
    let nobody = site.run(&["who-can", "github", "delete_repo"]);
    check(&nobody, 1, "nobody: no rule allows it\n", "");
    let unknown = site.run(&["who-can", "github", "create_issues"]);
    let note = "note: no tool `create_issues` is registered of this server: did you mean \
                `create_issue`?\n";
    check(&unknown, 1, "nobody: no rule allows it\n", note);
    let can = run(&site, &["can-i", "github", "create_issue"], &ANN);
    check(&can, 0, "yes: by rule/dev-issues\n", "");
    let cannot = run(&site, &["can-i", "github", "create_issue"], &BOB);
    assert_eq!(cannot.code, 1);
    assert!(
        cannot.out.starts_with("no: no_matching_rule"),
        "{}",
        cannot.out
    );
    let list = run(&site, &["can-i", "--list", "github"], &ANN);
    check(&list, 0, "create_issue\n", "");
    let empty = run(&site, &["can-i", "--list", "github"], &BOB);
    check(&empty, 1, "", "none of its registered tools\n");
}

#[test]
fn who_acts_is_said_before_what_they_are() {
    let site = site();
    let expected = "error: it is not said who, expected --user or --agent\n";
    for command in ["simulate", "can-i"] {
        for claim in [["--group", "dev"], ["--client", "c"], ["--scope", "s"]] {
            let done = run(&site, &[command, "github", "create_issue"], &claim);
            check(&done, 2, "", expected);
        }
    }
    let anonymous = site.run(&["simulate", "github", "create_issue"]);
    assert_eq!(anonymous.code, 1);
    assert!(anonymous.out.starts_with("deny: "), "{}", anonymous.out);
}

#[test]
fn a_call_belongs_to_the_workspace_that_is_said() {
    let site = site();
    let two = GITHUB.replace(
        "endpoints: [",
        "endpoints: [{cluster: github, host: mcp.example.com, path: /other, workspace: other}, ",
    );
    site.write("policy/github.yaml", &two);
    assert_eq!(site.run(&["apply", "-f", "policy"]).code, 0);
    let command = ["can-i", "github", "create_issue"];
    let own = run(&site, &command, &ANN);
    check(&own, 0, "yes: by rule/dev-issues\n", "");
    let other = [&ANN[..], &["--call-workspace", "other"]].concat();
    let other = run(&site, &command, &other);
    assert_eq!(other.code, 1);
    assert!(other.out.starts_with("no: not_offered"), "{}", other.out);
}

#[test]
fn a_name_can_be_given_back_as_it_was_shown() {
    let site = site();
    for name in [&["rule/dev-issues"][..], &["rule", "rule/dev-issues"]] {
        let shown = run(&site, &["get"], &[name, &["-o", "name"]].concat());
        check(&shown, 0, "rule/dev-issues\n", "");
    }
    site.write(
        "b/rm.yaml",
        &DEV.replace("dev-issues", "rm, workspace: default").replace(
            "servers: [github], tools: [create_issue]",
            "servers: ['*'], tools: ['*']",
        ),
    );
    assert_eq!(
        site.run(&["--organization", "b", "apply", "-f", "b"]).code,
        0
    );
    let listed = site.run(&["--organization", "b", "get", "rules"]);
    assert!(listed.out.contains("\nb/default/rm "), "{}", listed.out);
    let other = site.run(&["--organization", "b", "delete", "rules", "default/rm"]);
    check(
        &other,
        2,
        "",
        "error: `default/rm` is of the organization `default`, and --organization is `b`: \
         expected `rm` or `b/default/rm` there, or the other organization\n",
    );
    let none = site.run(&["delete", "rule"]);
    check(
        &none,
        2,
        "",
        "error: found no name after `rule`, expected which rule to delete\n",
    );
    let deleted = site.run(&["--organization", "b", "delete", "rules", "b/default/rm"]);
    check(&deleted, 0, "rule/b/default/rm deleted\n", "");
    let deleted = site.run(&["delete", "rule/dev-issues"]);
    check(&deleted, 0, "rule/dev-issues deleted\n", "");
}
