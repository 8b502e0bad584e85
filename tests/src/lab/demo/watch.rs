//! A profile that observes first, and changes what it finds later.

use chancery_proto::audit::v1::{RecordFilter, entry::Event};
use serde_json::json;

use super::{
    super::LabError,
    answer::{call, said},
    report::Report,
    scene::Scene,
    tour::{enforcing, published},
};
use crate::{artifacts, control_plane::Recorded};

/// The profile as it is enforced.
const ENFORCE: &str = "tests/demo/enforce.yaml";

/// Lets a profile observe a read, then enforces it.
pub(super) async fn watch(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let roadmap = json!({ "id": "roadmap" });
    let before = said(&call(scene, "get_note", roadmap.clone()).await?);
    report.fact("Alice gets", &before);
    let control_plane = &scene.stack.control_plane;
    let filter = RecordFilter::default();
    let recorded = control_plane.records_until("the find to be on the record", filter, |records| {
        records.iter().any(is_observed)
    });
    let is_recorded = recorded.await.is_ok();
    report.check(
        before.contains("spine") && is_recorded,
        "she gets what the server wrote, and the record counts what would be changed",
    );

    let version = published(scene).await?;
    let path = artifacts::root().join(ENFORCE);
    let applied = control_plane.apply_path(&path).await?;
    report.fact("apply", &applied);
    enforcing(scene, version).await?;
    let after = said(&call(scene, "get_note", roadmap).await?);
    report.fact("Alice gets", &after);
    report.check(
        after == before.replace("spine", "[redacted:codename]"),
        "enforced, it replaces that, and all else stays",
    );
    Ok(())
}

fn is_observed(record: &Recorded) -> bool {
    let findings = match &record.entry.event {
        Some(Event::Outcome(outcome)) => &*outcome.findings,
        _ => &[],
    };
    let mut findings = findings.iter();
    findings.any(|finding| finding.detector == "codename" && finding.action == "observe")
}
