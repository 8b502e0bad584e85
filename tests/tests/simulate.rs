//! What a simulation says is what the filter does: the case table, with principals that are only
//! assumed.

#![cfg(test)]

use std::sync::Arc;

use chancery::{
    cli,
    resource::Resource,
    simulate::{Call, Place, Simulator},
};
use chancery_engine::{exchange::headers_with, id::Time, limits::Limits, principal::Principal};
use chancery_tests::{
    case::{self, Case, Observed, check},
    clock::now_unix_ms,
    fixture::Fixture,
    layer::Native,
};

fn now() -> Time {
    Time::from_unix_ms(now_unix_ms())
}

/// Whom a case acts for. `None`: its token proves nothing, which no assumption can show.
fn principal(case: &Case) -> Option<Principal> {
    let shows_another = case
        .request
        .headers()
        .any(|(name, _)| name == "authorization");
    // A token that is good, and not for this endpoint, proves nothing here.
    let is_refused = case.expect.decision.reason == "invalid_token";
    match &case.request.token {
        _ if shows_another || is_refused => None,
        None => Some(Principal::anonymous()),
        Some(name) => Fixture::principal(name),
    }
}

#[test]
fn an_assumed_principal_gets_what_a_proven_one_gets() {
    let fixture = Fixture::new().unwrap();
    let mut native = Native::new(&fixture.snapshot(1).unwrap(), now()).unwrap();
    let (mut cases, mut differences) = (0, Vec::new());
    for case in case::all().unwrap() {
        let mut before: Option<Observed> = None;
        for step in case.steps() {
            let step = before
                .as_ref()
                .map_or_else(|| step.clone(), |seen| step.after(seen));
            let Some(principal) = principal(&step) else {
                break;
            };
            let observed = native.assume(&step, &principal);
            let found = check(&step, &observed);
            differences.extend(
                found
                    .into_iter()
                    .map(|line| format!("{}: {line}", step.name)),
            );
            cases += 1;
            before = Some(observed);
        }
    }
    assert!(cases > 200, "only {cases} cases");
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// Whether a case is a message as a client of the protocol sends it, with nothing else to it.
fn is_plain(case: &Case) -> bool {
    let request = &case.request;
    let mut expected = headers_with(&request.bytes(), &Limits::DEFAULT);
    let mut headers: Vec<_> = request
        .headers()
        .filter(|(name, _)| *name != "accept")
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    expected.sort();
    headers.sort();
    case.before.is_none() && request.method == "POST" && headers == expected
}

#[test]
fn a_simulated_call_is_decided_as_the_case_says() {
    let fixture = Fixture::new().unwrap();
    let documents = cli::read_documents(&[fixture.folder()]).unwrap();
    let resources: Vec<_> = documents
        .into_iter()
        .map(|document| Resource::try_from(document).unwrap())
        .collect();
    let simulator = Simulator::of_resources(&resources).unwrap();
    let (mut cases, mut differences) = (0, Vec::new());
    for case in case::all().unwrap().iter().filter(|case| is_plain(case)) {
        let Some(principal) = principal(case) else {
            continue;
        };
        let Ok(message) = String::from_utf8(case.request.bytes()) else {
            continue;
        };
        let request = &case.request;
        let call = Call {
            place: Place {
                verb: request.method.clone(),
                authority: request.host.clone(),
                path: request.path.clone(),
                cluster: request.cluster.clone(),
                route_server: None,
                workspace: None,
            },
            principal: Arc::new(principal),
            source: None,
            message: Some(message),
            answer: None,
            time: now(),
            is_explained: true,
        };
        let simulated = simulator.judge(&call).unwrap();
        let decision = &simulated.decision;
        let expected = &case.expect.decision;
        let verdict = decision
            .verdict()
            .as_str_name()
            .trim_start_matches("VERDICT_")
            .to_lowercase();
        let found = (&*verdict, &*decision.reason);
        let wanted = (&*expected.verdict, &*expected.reason);
        let has_rules = expected
            .rules
            .as_ref()
            .is_none_or(|rules| *rules == decision.rules);
        let is_rewritten = expected_rewriting(case) == simulated.forwarded.as_deref();
        if found != wanted || !has_rules || !is_rewritten {
            differences.push(format!(
                "{}: {found:?} {:?}, expected {wanted:?}",
                case.name, decision.rules
            ));
        }
        cases += 1;
    }
    assert!(cases > 100, "only {cases} cases");
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// What the server gets in place of what was sent.
fn expected_rewriting(case: &Case) -> Option<&str> {
    let rewritten = case.expect.forwarded_body.as_deref();
    rewritten.filter(|_| case.expect.forwarded)
}
