//! What a rule would do, before it is there.

use chancery_proto::audit::v1::RecordFilter;

use super::{
    super::LabError,
    answer::{create_note, said},
    record::holds,
    report::Report,
    scene::Scene,
    tour::CHANGE,
};
use crate::artifacts;

/// Asks, and lets the record be judged again.
pub(super) async fn ask(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let before = create_note(scene, "release-1", "first").await?;
    report.fact(
        "Alice calls",
        &format!("create_note release-1: {}", said(&before)),
    );
    let control_plane = &scene.stack.control_plane;
    control_plane
        .records_until(
            "the note to be on the record",
            RecordFilter::default(),
            |records| holds(records, "release-1"),
        )
        .await?;
    let rule = artifacts::root().join(CHANGE);
    let rule = rule.to_string_lossy();
    let (user, groups) = Scene::alice_is();
    let [team, support] = groups;
    for (arguments, status, verdict) in [
        (r#"{"id":"release-2","text":"second"}"#, 1, "deny"),
        (r#"{"id":"shopping","text":"milk"}"#, 0, "allow"),
    ] {
        let asked = control_plane
            .run(&[
                "simulate",
                "notes",
                "create_note",
                "--user",
                user,
                "--group",
                team,
                "--group",
                support,
                "--arguments",
                arguments,
                "-f",
                &rule,
            ])
            .await?;
        let said = String::from_utf8_lossy(&asked.stdout);
        report.fact(
            "asks",
            &format!("chancery simulate notes create_note --user {user} … --arguments '{arguments}' -f change.yaml"),
        );
        report.output(&said);
        report.check(
            asked.status.code() == Some(status) && said.starts_with(verdict),
            &format!("it would {verdict} it, and says why"),
        );
    }
    let replayed = control_plane
        .run(&["replay", "--since", "1h", "-f", &rule])
        .await?;
    report.fact("asks", "chancery replay --since 1h -f change.yaml");
    report.output(&String::from_utf8_lossy(&replayed.stdout));
    report.check(
        replayed.status.code() == Some(1),
        "her note about a release would have been refused, and nothing else",
    );
    Ok(())
}
