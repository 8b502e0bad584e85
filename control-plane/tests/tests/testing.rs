//! `chancery test`, without a control plane.

use std::fs;

use super::{
    Done, check,
    seeing::{DEV, GITHUB},
};

const TESTS: &str = "\
policy: [policy]
tests:
- name: developers file issues
  principal: {user: ann@example.com, groups: [dev]}
  call: {server: github, tool: create_issue, arguments: {repo: acme/x}}
  expect: allow
  rules: [dev-issues]
- name: nobody else does
  principal: {user: bob@example.com}
  call: {server: github, tool: create_issue}
  expect: deny
  reason: no_matching_rule
- name: developers see what they can call
  principal: {user: ann@example.com, groups: [dev]}
  lists: {server: github, shows: [create_issue], hides: [delete_repo]}
- name: they may ping
  principal: {user: ann@example.com, groups: [dev]}
  call: {server: github, message: {jsonrpc: \"2.0\", id: 1, method: ping}}
  expect: allow
";

/// A folder with rules and tests of them, and no control plane.
fn test(tests: &str, more: &[&str]) -> (Done, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    fs::write(folder.path().join("policy/github.yaml"), GITHUB).unwrap();
    fs::write(folder.path().join("policy/dev.yaml"), DEV).unwrap();
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    let mut command = std::process::Command::new(super::PROGRAM);
    command
        .args(["test", "tests.yaml"])
        .args(more)
        .env_remove("CHANCERY_SERVER")
        .current_dir(&folder);
    (super::finish(command, ""), folder)
}

#[test]
fn rules_are_tested_without_a_control_plane() {
    let (done, _folder) = test(TESTS, &[]);
    let passed = "\
tests.yaml
  ok    developers file issues
  ok    nobody else does
  ok    developers see what they can call
  ok    they may ping

4 passed, 0 failed
";
    check(&done, 0, passed, "");
}

#[test]
fn a_test_that_fails_says_what_it_found_and_junit_too() {
    let wrong = TESTS.replace("expect: deny", "expect: allow").replace(
        "shows: [create_issue]",
        "shows: [create_issue, delete_repo]",
    );
    let wrong = wrong.replace("hides: [delete_repo]", "hides: []");
    let (done, folder) = test(&wrong, &["--junit", "report.xml"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(
        done.out.contains(
            "  FAIL  nobody else does\n        expected allow, found deny: no_matching_rule\n"
        ),
        "{}",
        done.out
    );
    assert!(
        done.out
            .contains("expected `delete_repo` to be shown, found it hidden"),
        "{}",
        done.out
    );
    assert!(done.out.ends_with("2 passed, 2 failed\n"), "{}", done.out);
    let report = fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(
        report.contains(r#"<testsuites name="chancery test" tests="4" failures="2">"#),
        "{report}"
    );
}

#[test]
fn what_is_wrong_with_a_file_of_tests_has_a_place() {
    for (from, to, said) in [
        (
            "expect: allow\n  rules",
            "rules",
            "tests.yaml:3:3: tests[0].expect: found nothing, expected `allow` or `deny`",
        ),
        (
            "tool: create_issue, arg",
            "tol: create_issue, arg",
            "tests.yaml:5:26: tests[0].call.tol: found the unknown field `tol`",
        ),
        (
            "expect: deny",
            "expect: refuse",
            "tests.yaml:11:11: tests[1].expect: found `refuse`, expected `allow` or `deny`",
        ),
        (
            "{server: github, shows",
            "{server: gitlab, shows",
            "tests.yaml:15:19: tests[2].lists.server: found `gitlab`, expected a server of `policy`",
        ),
        (
            "policy: [policy]",
            "policy: [nowhere]",
            "nowhere: found no such file",
        ),
    ] {
        let (done, _folder) = test(&TESTS.replacen(from, to, 1), &[]);
        assert_eq!(done.code, 2, "{said}: {}", done.out);
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
}
