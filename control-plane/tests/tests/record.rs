//! What the record shows by other rules: replayed and explained, asked from the command line.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use chancery::{
    cli::read_documents,
    ledger::{Batch, Ledger},
    resource::Resource,
    simulate::{Call, Simulator},
};
use chancery_engine::{id::Time, principal::Principal};
use chancery_proto::audit::v1::{Content, Decision, Entry, Verdict, entry::Event};
use prost::Message as _;
use prost_types::Timestamp;

use super::{
    Site, check,
    seeing::{ANN, DEV, FROZEN, GITHUB, OPS, SIX_LINES, run},
};

/// A record in the making: calls, decided by the rules that were in force.
struct Past {
    simulator: Simulator,
    entries: Vec<(u64, Vec<u8>)>,
}

/// What the time of every recorded call is, in seconds.
const PAST: i64 = 1_790_000_000;

impl Past {
    fn new(folder: &std::path::Path) -> Self {
        let documents = read_documents(&[folder.to_owned()]).unwrap();
        let resources: Vec<_> = documents
            .into_iter()
            .map(|document| Resource::try_from(document).unwrap())
            .collect();
        Self {
            simulator: Simulator::of_resources(&resources).unwrap(),
            entries: Vec::new(),
        }
    }

    /// A call of a tool by one user, as the filter would record it.
    fn decide(&self, user: &str, group: &str, tool: &str, arguments: &str) -> Decision {
        let server = "organizations/default/workspaces/default/servers/github";
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        let call = Call {
            place: self.simulator.place(server, "").unwrap(),
            principal: Arc::new(Principal {
                user: Some(user.into()),
                groups: vec![group.into()],
                ..Principal::default()
            }),
            source: None,
            message: Some(message),
            answer: None,
            time: Time::from_unix_ms(PAST.unsigned_abs() * 1_000),
            is_explained: false,
        };
        self.simulator.judge(&call).unwrap().decision
    }

    fn record(&mut self, decision: Decision) {
        let sequence = u64::try_from(self.entries.len()).unwrap() + 1;
        let mut id = vec![0; 8];
        id.extend(sequence.to_be_bytes());
        let entry = Entry {
            schema_version: 1,
            time: Some(Timestamp {
                seconds: PAST,
                nanos: 0,
            }),
            decision_id: id,
            event: Some(Event::Decision(decision)),
        };
        self.entries.push((sequence, entry.encode_to_vec()));
    }

    fn write(self, folder: &std::path::Path) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let ledger = Ledger::open(&folder.join("data/ledger")).unwrap();
        let batch = Batch {
            source: ("edge".to_owned(), vec![7; 16]),
            entries: self.entries,
        };
        runtime.block_on(ledger.append(batch)).unwrap();
    }
}

/// A site whose record holds so many rounds of five calls.
fn site_with_past(rounds: usize) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    fs::create_dir_all(&policy).unwrap();
    fs::write(policy.join("github.yaml"), GITHUB).unwrap();
    fs::write(policy.join("dev.yaml"), DEV).unwrap();
    let mut past = Past::new(&policy);
    for _ in 0..rounds {
        let issue = past.decide(
            "ann@example.com",
            "dev",
            "create_issue",
            r#"{"repo":"acme/x"}"#,
        );
        assert_eq!(issue.verdict(), Verdict::Allow);
        past.record(issue);
        past.record(past.decide(
            "eve@example.com",
            "dev",
            "create_issue",
            r#"{"repo":"acme/y"}"#,
        ));
        let delete = past.decide("otto@example.com", "ops", "delete_repo", "{}");
        assert_eq!(delete.verdict(), Verdict::Deny);
        past.record(delete);
        let bad = Decision {
            reason: "invalid_json".to_owned(),
            ..past.decide("eve@example.com", "none", "delete_repo", "{}")
        };
        past.record(bad);
        let mut cut = past.decide(
            "eve@example.com",
            "dev",
            "create_issue",
            r#"{"repo":"acme/z"}"#,
        );
        cut.arguments = Some(Content {
            truncated: true,
            ..cut.arguments.unwrap()
        });
        past.record(cut);
    }
    past.write(folder.path());
    let site = Site::start_in(folder);
    assert_eq!(site.run(&["apply", "-f", "policy"]).code, 0);
    site
}

#[test]
fn the_record_is_judged_again() {
    let site = site_with_past(3);
    let same = site.run(&["replay"]);
    let table = "\
DECISIONS      COUNT
same           12
newly denied   0
newly allowed  0
undecidable    0
passed over    3
";
    check(&same, 0, table, "");
    site.write("next/frozen.yaml", FROZEN);
    site.write("next/ops.yaml", OPS);
    let flips = site.run(&["replay", "--candidate", "next", "--max-samples", "2"]);
    let table = "\
WAS    WOULD BE  USER               CALL                            WHY                               DECISION
allow  deny      ann@example.com    github tools/call create_issue  denied_by_rule by rule/frozen     00000000000000000000000000000001
deny   allow     otto@example.com   github tools/call delete_repo   by rule/ops-delete                00000000000000000000000000000003
allow  deny      ann@example.com    github tools/call create_issue  denied_by_rule by rule/frozen     00000000000000000000000000000006
deny   allow     otto@example.com   github tools/call delete_repo   by rule/ops-delete                00000000000000000000000000000008

DECISIONS      COUNT
same           6
newly denied   3
newly allowed  3
undecidable    0
passed over    3
";
    check(&flips, 1, table, "");
    let nothing = site.run(&["replay", "-f", "next", "--since", "2026-12-31T00:00:00Z"]);
    assert_eq!(nothing.code, 0, "{}", nothing.out);
    let json = site.run(&["replay", "-f", "next", "-o", "json"]);
    let last: serde_json::Value = serde_json::from_str(json.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["counts"]["newly_denied"], 3);
}

#[test]
fn a_condition_is_replayed_where_its_values_are_known() {
    let site = site_with_past(2);
    site.write("next/dev.yaml", &SIX_LINES.replace("acme/*", "acme/y"));
    let replayed = site.run(&["replay", "-f", "next", "-o", "json"]);
    assert_eq!(replayed.code, 1, "{}", replayed.err);
    let lines: Vec<serde_json::Value> = replayed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let counts = &lines.last().unwrap()["counts"];
    // acme/x flips, acme/y stays, acme/z is known in part only, and the rest is not about it.
    assert_eq!(counts["newly_denied"], 2);
    assert_eq!(counts["undecidable"], 2);
    assert_eq!(counts["same"], 4);
    assert_eq!(counts["passed_over"], 2);
    let why = "its arguments are recorded in part";
    assert!(lines.iter().any(|line| line["sample"]["reason"] == why));
    let lax = site.run(&["replay", "-f", "policy"]);
    assert_eq!(lax.code, 0, "{}", lax.out);
}

#[test]
fn what_was_refused_is_replayed_by_the_values_that_were_read() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    fs::create_dir_all(&policy).unwrap();
    fs::write(policy.join("github.yaml"), GITHUB).unwrap();
    fs::write(policy.join("dev.yaml"), SIX_LINES).unwrap();
    let mut past = Past::new(&policy);
    let refused = past.decide(
        "ann@example.com",
        "dev",
        "create_issue",
        r#"{"repo":"other/x"}"#,
    );
    assert_eq!(
        (refused.verdict(), refused.arguments.is_none()),
        (Verdict::Deny, true)
    );
    past.record(refused);
    past.write(folder.path());
    let site = Site::start_in(folder);
    assert_eq!(site.run(&["apply", "-f", "policy"]).code, 0);
    site.write("next/dev.yaml", &SIX_LINES.replace("acme/*", "other/*"));
    let flips = site.run(&["replay", "-f", "next", "--strict"]);
    assert_eq!(flips.code, 1, "{}", flips.out);
    assert!(
        flips.out.contains("newly allowed  1\nundecidable    0"),
        "{}",
        flips.out
    );
    // Of the branch nothing was read then.
    let branch = SIX_LINES.replace("$.repo", "$.branch");
    site.write("unread/dev.yaml", &branch);
    let unread = site.run(&["replay", "-f", "unread"]);
    assert_eq!(unread.code, 0, "{}", unread.out);
    assert!(unread.out.contains("undecidable    1"), "{}", unread.out);
    assert_eq!(site.run(&["replay", "-f", "unread", "--strict"]).code, 1);
    let id = "00000000000000000000000000000001";
    let again = site.run(&["simulate", "--decision", id]);
    assert!(
        again.out.contains("when[0]  `$.repo` is \"other/x\""),
        "{}",
        again.out
    );
}

#[test]
fn rules_in_shadow_are_counted_and_change_nothing() {
    let site = site_with_past(2);
    let frozen = FROZEN.replace("effect: deny", "mode: shadow, effect: deny");
    site.write("next/frozen.yaml", &frozen);
    let replayed = site.run(&["replay", "-f", "next"]);
    assert_eq!(replayed.code, 0, "{}", replayed.out);
    let shadow = "\nSHADOW RULE  WOULD DENY  WOULD ALLOW\nrule/frozen  2           0\n";
    assert!(replayed.out.ends_with(shadow), "{}", replayed.out);
    let simulated = run(
        &site,
        &[&["simulate", "github", "create_issue"][..], &ANN].concat(),
        &["-f", "next"],
    );
    let said = "allow by rule/dev-issues\nin shadow, rule/frozen would decide otherwise\n";
    assert!(simulated.out.starts_with(said), "{}", simulated.out);
}

#[test]
fn what_rules_in_shadow_would_have_changed_is_counted_from_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    fs::create_dir_all(&policy).unwrap();
    let frozen = FROZEN.replace("effect: deny", "mode: shadow, effect: deny");
    let ops = OPS.replace("effect: allow", "mode: shadow, effect: allow");
    for (name, text) in [
        ("github", GITHUB),
        ("dev", DEV),
        ("frozen", &frozen),
        ("ops", &ops),
    ] {
        fs::write(policy.join(format!("{name}.yaml")), text).unwrap();
    }
    let mut past = Past::new(&policy);
    for user in ["ann@example.com", "ann@example.com", "eve@example.com"] {
        past.record(past.decide(user, "dev", "create_issue", "{}"));
    }
    // As many alike.
    let delete = past.decide("otto@example.com", "ops", "delete_repo", "{}");
    past.record(Decision { count: 3, ..delete });
    past.write(folder.path());
    let site = Site::start_in(folder);
    let counted = site.run(&["audit", "shadow"]);
    let table = "\
RULE             WOULD REFUSE  WOULD ALLOW  LAST
rule/frozen      2             0            2026-09-21T14:13:20Z
rule/ops-delete  0             3            2026-09-21T14:13:20Z
";
    check(&counted, 0, table, "");
    let later = site.run(&["audit", "shadow", "--since", "2026-09-21T14:13:21Z"]);
    check(&later, 0, "RULE  WOULD REFUSE  WOULD ALLOW  LAST\n", "");
    let json = site.run(&["audit", "shadow", "-o", "json"]);
    let first = json.out.lines().next().unwrap();
    let first: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(first["rule"], "organizations/default/rules/frozen");
    assert_eq!(first["wouldRefuse"], 2);
    let examples = site.run(&["audit", "search", "--shadow", "-o", "json"]);
    assert_eq!(examples.out.lines().count(), 3, "{}", examples.out);
}

#[test]
fn records_are_found_by_expressions_and_exported_and_that_is_on_the_record() {
    let site = site_with_past(2);
    let found = |expression: &str| {
        let found = site.run(&["audit", "search", expression, "-o", "json"]);
        assert_eq!(found.code, 0, "{}", found.err);
        found.out.lines().count()
    };
    assert_eq!(found("user = ann@example.com"), 2);
    assert_eq!(found("user = *@example.com AND verdict = deny"), 4);
    assert_eq!(found("kind = decision AND NOT capability = delete_repo"), 6);
    assert_eq!(found("acme x"), 2);
    assert_eq!(found("decision_id = 0000000000000000000000000000000*"), 10);
    let wrong = site.run(&["audit", "search", "usr = ann"]);
    let said = "found `usr` at column 1, expected a field; did you mean `user`?";
    assert!(wrong.code == 2 && wrong.err.contains(said), "{}", wrong.err);
    let last = site.run(&[
        "audit",
        "tail",
        "--follow=false",
        "-n",
        "1",
        "acme x",
        "-o",
        "json",
    ]);
    assert!(last.out.contains("\"position\":5"), "{}", last.out);

    let exported = site.run(&["audit", "export", "kind = decision"]);
    assert_eq!(
        (exported.code, exported.out.lines().count()),
        (0, 10),
        "{}",
        exported.err
    );
    let refusals = exported
        .out
        .lines()
        .filter(|line| line.contains("\"action_id\":2"));
    assert_eq!(refusals.count(), 4, "{}", exported.out);
    let file = site.folder.path().join("day.jsonl");
    let [who, to] = ["user = ann@example.com", "day.jsonl"];
    let export = ["audit", "export", "--as", "otlp-json", "--to", to, who];
    assert_eq!(site.run(&export).code, 0);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.matches("\"resourceLogs\"").count(), 2, "{written}");
    assert_ne!(site.run(&export).code, 0, "a file that is there is kept");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);

    let reads = site.run(&["audit", "search", "kind = record_access", "-o", "json"]);
    let asked = "\"filter\":\"user = *@example.com AND verdict = deny\"";
    assert!(reads.out.contains(asked), "{}", reads.out);
    assert!(reads.out.contains("\"given_count\":4"), "{}", reads.out);
}

#[test]
fn monitoring_gets_figures() {
    let site = site_with_past(1);
    let address = site.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    // Five decisions, and what `apply` made: a server and a rule.
    for line in ["chancery_records_total 7", "chancery_gaps_total 0", "# EOF"] {
        assert!(answer.contains(line), "{answer}");
    }
}

#[test]
fn a_decision_is_explained_and_judged_by_other_rules() {
    let site = site_with_past(1);
    let id = "00000000000000000000000000000001";
    let explained = site.run(&["explain", id]);
    assert_eq!(explained.code, 0, "{}", explained.err);
    for line in [
        "decided    allow by rule/dev-issues",
        "at         2026-09-21T14:13:20.000Z",
        "call       tools/call create_issue at server/github",
        "user       ann@example.com (verified)",
        "groups     dev (verified)",
    ] {
        assert!(explained.out.contains(line), "{}", explained.out);
    }
    site.write("next/frozen.yaml", FROZEN);
    let again = site.run(&["simulate", "--decision", id, "-f", "next"]);
    assert_eq!(again.code, 1, "{}", again.err);
    assert!(
        again.out.contains("deny: denied_by_rule by rule/frozen"),
        "{}",
        again.out
    );
}
