//! The steps of the tour.

use std::time::{Duration, Instant};

use chancery_proto::{
    admin::v1::{ListInstancesRequest, instance_service_client::InstanceServiceClient},
    audit::v1::{RecordFilter, entry::Event},
};
use rmcp::model::CallToolRequestParams;
use serde_json::json;

use super::{
    super::LabError,
    answer::{call, create_note, customers, said, surfaced, tool_names},
    proof, question,
    record::{EXPECTED, holds},
    report::Report,
    scene::Scene,
    turn, watch,
};
use crate::{
    artifacts,
    client::{self, Era},
    control_plane::ControlPlaneError,
    identity::Flaw,
    mcp_server::samples,
    wait,
};

const IN_TIME: Duration = Duration::from_secs(1);

/// The rule that is tried, and then added.
pub(super) const CHANGE: &str = "tests/demo/change.yaml";

/// A step of the tour.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    List,
    Allowed,
    Refused,
    BadTokens,
    Redacted,
    Observed,
    Question,
    Change,
    Turn,
    Record,
    Proof,
}

/// All steps, with their titles and what there is to know before.
pub(super) const STEPS: [(&str, &str, Step); 11] = [
    (
        "Alice lists the tools",
        "She is in `team` and `support`. What no rule could ever allow her is not shown to her.",
        Step::List,
    ),
    (
        "Alice reads a note",
        "The rule `team-uses-notes` allows it.",
        Step::Allowed,
    ),
    (
        "Alice deletes a note all the same",
        "No rule allows it. Her agent is told so in the protocol, in words it can act on.",
        Step::Refused,
    ),
    (
        "Somebody comes without a good token",
        "Plain HTTP, because a client's library would hide the answer.",
        Step::BadTokens,
    ),
    (
        "Alice exports the customers",
        "The rule `support-exports-masked` allows it, and masks what detectors find.",
        Step::Redacted,
    ),
    (
        "A redaction profile observes, and is then enforced",
        "The profile `codenames` has `mode: observe`. tests/demo/enforce.yaml has it without.",
        Step::Observed,
    ),
    (
        "A rule is tried before it is there",
        "tests/demo/change.yaml would freeze notes about releases: on what, and what would have been different?",
        Step::Question,
    ),
    (
        "The rule is added while Alice works",
        "`chancery apply -f tests/demo/change.yaml`",
        Step::Change,
    ),
    (
        "A server changes a tool after everybody has looked at it",
        "tests/demo/resources/search.yaml has `pinning: enforce`: what is not written there is drift.",
        Step::Turn,
    ),
    (
        "What the record says about all of this",
        "`chancery audit search`",
        Step::Record,
    ),
    (
        "The record proves it, and an edited copy does not",
        "Offline, with the log's public key alone. `chancery audit prove`, `verify-proof`, `copy`, `verify`",
        Step::Proof,
    ),
];

impl Step {
    pub(super) async fn take(
        self,
        scene: &mut Scene,
        report: &mut Report<'_>,
    ) -> Result<(), LabError> {
        match self {
            Self::List => list(scene, report).await,
            Self::Allowed => allowed(scene, report).await,
            Self::Refused => refused(scene, report).await,
            Self::BadTokens => bad_tokens(scene, report).await,
            Self::Redacted => redacted(scene, report).await,
            Self::Observed => watch::watch(scene, report).await,
            Self::Question => question::ask(scene, report).await,
            Self::Change => change(scene, report).await,
            Self::Turn => turn::turn(scene, report).await,
            Self::Record => record(scene, report).await,
            Self::Proof => proof::prove(scene, report).await,
        }
    }
}

async fn list(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let direct = client::connect(&scene.server.url(), Era::Auto, None).await?;
    let offered = tool_names(&direct).await?;
    drop(direct.cancel().await);
    let seen = tool_names(&scene.session).await?;
    report.fact("server offers", &offered.join("  "));
    report.fact("Alice sees", &seen.join("  "));
    let hidden: Vec<_> = offered.iter().filter(|name| !seen.contains(name)).collect();
    report.check(
        hidden == ["delete_note"],
        "`delete_note` is hidden from her, and nothing else",
    );
    Ok(())
}

async fn allowed(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let arguments = json!({ "id": "welcome" });
    report.fact("calls", &format!("get_note {arguments}"));
    let answer = call(scene, "get_note", arguments).await?;
    report.fact("gets", &said(&answer));
    report.check(
        answer.is_ok_and(|result| result.is_error != Some(true)),
        "the call went through",
    );
    let headers = scene.server.received().all();
    let told = headers
        .iter()
        .any(|request| request.header("authorization").is_some());
    report.check(!told, "her token stayed in Envoy: the server never saw it");
    Ok(())
}

async fn refused(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let arguments = json!({ "id": "welcome" });
    report.fact("calls", &format!("delete_note {arguments}"));
    let answer = call(scene, "delete_note", arguments).await?;
    report.fact("gets", &said(&answer));
    let code = answer.err().map(|error| error.code.0);
    report.check(
        code == Some(-31403),
        "refused as a JSON-RPC error with code -31403",
    );
    let reached = scene.server.received().called_tools();
    report.check(
        !reached.iter().any(|tool| tool == "delete_note"),
        "the server never saw the call",
    );
    let next = call(scene, "get_note", json!({ "id": "welcome" })).await?;
    report.check(
        next.is_ok(),
        "her session goes on: the note can still be read",
    );
    Ok(())
}

async fn bad_tokens(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let (user, groups) = Scene::alice_is();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": "get_note", "arguments": { "id": "welcome" } },
    });
    let before = scene.server.received().all().len();
    let mut all_refused = true;
    for (label, flaw) in [
        ("no token", None),
        ("expired", Some(Flaw::Expired)),
        ("other audience", Some(Flaw::WrongAudience)),
        ("changed", Some(Flaw::Tampered)),
        ("`alg` none", Some(Flaw::AlgorithmNone)),
    ] {
        let token = flaw
            .map(|flaw| scene.identities.flawed(flaw, user, &groups))
            .transpose()?;
        let response = scene.post(token.as_deref(), &message).await?;
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge
            .and_then(|value| value.to_str().ok())
            .unwrap_or("no challenge");
        report.fact(
            label,
            &format!("HTTP {}  {challenge}", response.status().as_u16()),
        );
        all_refused &= response.status() == 401 && challenge.starts_with("Bearer");
    }
    report.check(
        all_refused,
        "all are answered 401, with what to do about it",
    );
    let after = scene.server.received().all().len();
    report.check(before == after, "none of them reached the server");
    Ok(())
}

async fn redacted(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let direct = client::connect(&scene.server.url(), Era::Auto, None).await?;
    let original = direct
        .call_tool(CallToolRequestParams::new("export_customers"))
        .await;
    drop(direct.cancel().await);
    let answer = call(scene, "export_customers", json!({})).await?;
    report.fact("server says", &customers(&surfaced(original)?));
    report.fact("Alice gets", &customers(&answer));
    let text = answer
        .ok()
        .map(|result| json!(result).to_string())
        .unwrap_or_default();
    let values = samples();
    let secrets = [
        &values.email,
        &values.payment_card,
        &values.aws_access_key,
        &values.github_token,
    ];
    report.check(
        !text.is_empty() && secrets.iter().all(|secret| !text.contains(*secret)),
        "the address, the card and both keys are masked, in text and in structured content",
    );
    report.check(text.contains("Grace"), "the rest is as the server wrote it");
    Ok(())
}

async fn change(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let version = published(scene).await?;
    let before = create_note(scene, "release-3", "third").await?;
    report.fact(
        "before",
        &format!("create_note release-3: {}", said(&before)),
    );

    let start = Instant::now();
    let path = artifacts::root().join(CHANGE);
    let applied = scene.stack.control_plane.apply_path(&path).await?;
    let returned = start.elapsed();
    let instances = enforcing(scene, version).await?;
    let enforced = start.elapsed();

    report.fact("apply", &applied);
    let after = create_note(scene, "release-4", "fourth").await?;
    report.fact("after", &format!("create_note release-4: {}", said(&after)));
    let other = create_note(scene, "shopping", "milk").await?;
    report.fact("", &format!("create_note shopping: {}", said(&other)));
    report.check(
        before.is_ok() && after.is_err() && other.is_ok(),
        "what was allowed is refused, in the same session, and other notes are written",
    );
    report.check(
        enforced < IN_TIME,
        &format!(
            "enforced by all {instances} instances {} ms after `apply` began ({} ms of that its own)",
            enforced.as_millis(),
            returned.as_millis(),
        ),
    );
    report.check(
        scene.stack.envoy.check().is_ok(),
        "Envoy is still the process it was",
    );
    Ok(())
}

/// How many instances there are, once all enforce something newer.
pub(super) async fn enforcing(scene: &Scene, version: u64) -> Result<usize, LabError> {
    let channel = scene.stack.control_plane.connect().await?;
    let mut client = InstanceServiceClient::new(channel);
    let instances = wait::until_closely(
        "all instances to enforce what was applied",
        wait::PATIENCE,
        async || {
            let request = ListInstancesRequest::default();
            let response = client.list_instances(request).await?.into_inner();
            let published = response.published.as_ref();
            let is_newer = published.is_some_and(|now| now.version > version);
            let live = response.instances.iter().filter(|instance| instance.live);
            let live = live.count();
            Ok::<_, ControlPlaneError>((is_newer && response.converged).then_some(live))
        },
    );
    Ok(instances.await?)
}

async fn record(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let control_plane = &scene.stack.control_plane;
    let records = control_plane
        .records_until(
            "the record to hold the tour",
            RecordFilter::default(),
            |records| EXPECTED.iter().all(|expected| expected.is_in(records)),
        )
        .await;
    report.output(&control_plane.succeed(&["audit", "search"]).await?);
    let records = records?;
    for expected in &EXPECTED {
        report.check(
            expected.is_in(&records),
            &format!("it has {}", expected.what),
        );
    }
    let found = records.iter().any(|record| match &record.entry.event {
        Some(Event::Outcome(outcome)) => !outcome.findings.is_empty(),
        _ => false,
    });
    report.check(found, "it says what was masked, and where");
    report.check(
        !holds(&records, &samples().email),
        "it does not hold what was masked",
    );
    Ok(())
}

pub(super) async fn published(scene: &Scene) -> Result<u64, LabError> {
    let channel = scene.stack.control_plane.connect().await?;
    let request = ListInstancesRequest::default();
    let response = InstanceServiceClient::new(channel)
        .list_instances(request)
        .await;
    let published = response
        .map_err(ControlPlaneError::from)?
        .into_inner()
        .published;
    Ok(published.map_or(0, |snapshot| snapshot.version))
}
