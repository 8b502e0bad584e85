//! Holds what a layer saw against what a case expects.

use std::collections::BTreeMap;

use chancery_proto::audit::v1::{self as pb, entry::Event};
use serde_json::Value;

use super::{Case, Decision, Observed, Outcome};

/// Everything that differs, one line each; empty where the case holds.
pub fn check(case: &Case, observed: &Observed) -> Vec<String> {
    let mut differences = Differences::default();
    differences.client(case, observed);
    differences.server(case, observed);
    differences.entries(case, observed);
    differences.0
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.0
                .push(format!("{what}: found {found:?}, expected {expected:?}"));
        }
    }

    fn that(&mut self, holds: bool, difference: impl FnOnce() -> String) {
        if !holds {
            self.0.push(difference());
        }
    }

    fn client(&mut self, case: &Case, observed: &Observed) {
        let expect = &case.expect;
        self.same("status", &observed.status, &expect.status);
        let header = |name: &str| observed.header(name);
        for (name, value) in &expect.headers {
            self.same(name, &header(name), &value.as_str());
        }
        for (name, part) in &expect.header_contains {
            self.that(header(name).contains(part), || {
                format!("{name}: {} lacks {part}", header(name))
            });
        }
        let body = String::from_utf8_lossy(&observed.body);
        if let Some(expected) = &expect.body {
            self.same("body", &&*body, &expected.as_str());
        }
        for part in &expect.body_contains {
            self.that(body.contains(part), || {
                format!("body lacks {part:?}: {body}")
            });
        }
        for part in &expect.body_lacks {
            self.that(!body.contains(part), || {
                format!("body has {part:?}: {body}")
            });
        }
        let json = observed.message();
        if let Some(error) = &expect.error {
            let found = |pointer| json.pointer(pointer).cloned().unwrap_or_default();
            self.same("error.code", &found("/error/code"), &error.code.into());
            if let Some(reason) = &error.reason {
                let reason = Value::from(reason.as_str());
                self.same("error.data.reason", &found("/error/data/reason"), &reason);
                let decision = found("/error/data/decision").as_str().map_or(0, str::len);
                self.same("length of the decision id", &decision, &32);
            }
        }
        if let Some(id) = &expect.id {
            self.that(body.contains(&format!("\"id\":{id},")), || {
                format!("id is not {id}: {body}")
            });
        }
    }

    fn server(&mut self, case: &Case, observed: &Observed) {
        let expect = &case.expect;
        self.same(
            "forwarded",
            &observed.forwarded.is_some(),
            &expect.forwarded,
        );
        let Some(forwarded) = &observed.forwarded else {
            return;
        };
        let sent = case.request.bytes();
        let expected = expect
            .forwarded_body
            .as_ref()
            .map_or(&*sent, |body| body.as_bytes());
        self.that(forwarded.body == expected, || {
            let (found, expected) = (
                String::from_utf8_lossy(&forwarded.body),
                String::from_utf8_lossy(expected),
            );
            format!("the server got {found}, expected {expected}")
        });
        for (name, expected) in &expect.forwarded_headers {
            let found: Vec<_> = forwarded
                .headers
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
                .collect();
            let what = format!("header {name} that the server got");
            self.same(&what, &found, &vec![expected]);
        }
        for name in &expect.forwarded_lacks_headers {
            let is_there = forwarded
                .headers
                .iter()
                .any(|(key, _)| key.eq_ignore_ascii_case(name));
            self.that(!is_there, || format!("the server got header {name}"));
        }
    }

    fn entries(&mut self, case: &Case, observed: &Observed) {
        let decisions = observed
            .entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Some(Event::Decision(decision)) => Some((entry, decision)),
                _ => None,
            });
        let to_server = pb::Direction::ToServer;
        let mut decisions = decisions.filter(|(_, decision)| decision.direction() == to_server);
        match (decisions.next(), decisions.count()) {
            (Some((entry, decision)), 0) => {
                self.same(
                    "length of the entry's decision id",
                    &entry.decision_id.len(),
                    &16,
                );
                self.decision(&case.expect.decision, decision);
            }
            (first, more) => {
                let count = usize::from(first.is_some()) + more;
                self.same("decisions about what the client sent", &count, &1);
            }
        }
        let drift: Vec<_> = observed
            .entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Some(Event::Drift(drift)) => Some(drifted(drift)),
                _ => None,
            })
            .collect();
        self.same("drift", &drift, &case.expect.drift);
        let outcomes: Vec<_> = observed
            .entries
            .iter()
            .filter_map(|entry| match &entry.event {
                Some(Event::Outcome(outcome)) => Some(outcome),
                _ => None,
            })
            .collect();
        self.same(
            "outcomes",
            &outcomes.len(),
            &usize::from(case.expect.outcome.is_some()),
        );
        if let (Some(expected), Some(found)) = (&case.expect.outcome, outcomes.first()) {
            self.outcome(expected, found);
        }
    }

    fn decision(&mut self, expected: &Decision, found: &pb::Decision) {
        let verdict = found
            .verdict()
            .as_str_name()
            .trim_start_matches("VERDICT_")
            .to_lowercase();
        self.same("verdict", &verdict, &expected.verdict);
        self.same("reason", &found.reason, &expected.reason);
        if let Some(rules) = &expected.rules {
            self.same("rules", &found.rules, rules);
        }
        if let Some(rules) = &expected.shadow_rules {
            self.same("shadow rules", &found.shadow_rules, rules);
        }
        if let Some(facts) = &expected.facts {
            self.same("facts", &arguments_read(&found.facts), facts);
        }
        if let Some(method) = &expected.method {
            self.same("method", &found.method, method);
        }
        if let Some(capability) = &expected.capability {
            self.same("capability", &found.capability, capability);
        }
        if let Some(version) = &expected.protocol_version {
            self.same("protocol version", &found.protocol_version, version);
        }
        if let Some(user) = &expected.user {
            let principal = found
                .principal
                .as_ref()
                .and_then(|principal| principal.user.as_ref());
            self.same("user", &principal.map(|user| &*user.value), &Some(&**user));
        }
        for (name, expected) in &expected.principal {
            let found = found.principal.as_ref().and_then(|p| attribute(p, name));
            self.same(name, &found.unwrap_or_default(), expected);
        }
        if let Some(findings) = &expected.findings {
            self.same("findings", &triples(&found.findings), findings);
        }
        if let Some(actions) = &expected.actions {
            self.same("actions", &actions_of(&found.findings), actions);
        }
        if let Some(arguments) = &expected.arguments {
            let kept = found.arguments.as_ref().map(|kept| &*kept.data);
            let kept = String::from_utf8_lossy(kept.unwrap_or_default()).into_owned();
            self.same("arguments on the record", &kept, arguments);
        }
    }

    fn outcome(&mut self, expected: &Outcome, found: &pb::Outcome) {
        let status = found
            .status()
            .as_str_name()
            .trim_start_matches("OUTCOME_STATUS_")
            .to_lowercase();
        self.same("outcome", &status, &expected.status);
        if let Some(reason) = &expected.reason {
            self.same("outcome's reason", &found.reason, reason);
        }
        if let Some(pruned) = &expected.pruned {
            self.same("pruned", &found.pruned, pruned);
        }
        if let Some(findings) = &expected.findings {
            self.same("outcome's findings", &triples(&found.findings), findings);
        }
        if let Some(actions) = &expected.actions {
            self.same("outcome's actions", &actions_of(&found.findings), actions);
        }
        if let Some(code) = expected.rpc_code {
            self.same("rpc code", &found.rpc_code, &code);
        }
    }
}

/// What rules read of the arguments, by path, and what schemas say of them: provenance and value.
fn arguments_read(facts: &[pb::Fact]) -> BTreeMap<String, String> {
    let is_of_arguments =
        |fact: &&pb::Fact| fact.key.starts_with('$') || fact.key.ends_with("arguments.misfit");
    let facts = facts.iter().filter(is_of_arguments);
    let said = |fact: &pb::Fact| {
        let provenance = fact.provenance().as_str_name();
        let provenance = provenance.trim_start_matches("PROVENANCE_").to_lowercase();
        let altered = if fact.altered { "altered " } else { "" };
        (
            fact.key.clone(),
            format!("{provenance} {altered}{}", fact.value),
        )
    };
    facts.map(said).collect()
}

fn triples(findings: &[pb::Finding]) -> Vec<(String, String, u32)> {
    let triple = |f: &pb::Finding| (f.detector.clone(), f.pointer.clone(), f.count);
    findings.iter().map(triple).collect()
}

fn actions_of(findings: &[pb::Finding]) -> Vec<String> {
    let action = |finding: &pb::Finding| finding.action.clone();
    findings.iter().map(action).collect()
}

/// A field of a principal as `provenance value`.
fn attribute(principal: &pb::Principal, name: &str) -> Option<String> {
    let listed = |values: &[String], provenance: pb::Provenance| pb::Attribute {
        value: values.join(","),
        provenance: provenance.into(),
    };
    let found = match name {
        "user" => principal.user.clone(),
        "issuer" => principal.issuer.clone(),
        "team" => principal.team.clone(),
        "workspace" => principal.workspace.clone(),
        "organization" => principal.organization.clone(),
        "agent" => principal.agent.clone(),
        "client" => principal.client.clone(),
        "groups" => Some(listed(&principal.groups, principal.groups_provenance())),
        "roles" => Some(listed(&principal.roles, principal.roles_provenance())),
        _ => None,
    }?;
    let provenance = found.provenance().as_str_name();
    let provenance = provenance.trim_start_matches("PROVENANCE_").to_lowercase();
    Some(
        format!("{provenance} {}", found.value)
            .trim_end()
            .to_owned(),
    )
}

/// `changed tool NAME`.
fn drifted(drift: &pb::DriftSighting) -> String {
    let word = |name: &str, prefix: &str| {
        let word = name.strip_prefix(prefix).unwrap_or(name);
        word.to_lowercase().replace('_', " ")
    };
    let how = word(drift.drift().as_str_name(), "DRIFT_");
    let kind = word(drift.definition_kind().as_str_name(), "DEFINITION_KIND_");
    format!("{how} {kind} {}", drift.capability)
        .trim_end()
        .to_owned()
}
