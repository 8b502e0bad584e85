//! The last step of the tour: what the record proves to whoever has nothing but a key.

use std::{fs, path::Path};

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{RecordFilter, Verdict};

use super::{super::LabError, report::Report, scene::Scene};

/// What was refused, and what somebody would rather have been refused.
const EDIT: (&[u8], &[u8]) = (b"delete_note", b"create_note");

/// Bytes before each record in a segment: its length and CRC-32.
const HEADER_BYTES: usize = 8;

pub(super) async fn prove(scene: &mut Scene, report: &mut Report<'_>) -> Result<(), LabError> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (key, proof, copy) = (at("log.pub"), at("call.tlog-proof"), at("log"));
    let control_plane = &scene.stack.control_plane;
    fs::write(&key, control_plane.succeed(&["audit", "key"]).await?)?;

    let refused = RecordFilter {
        capability: "delete_note".to_owned(),
        verdict: Verdict::Deny.into(),
        ..RecordFilter::default()
    };
    let found = control_plane.records(refused).await?;
    let decision = found
        .first()
        .map(|it| Hex(&it.entry.decision_id).to_string());
    let decision = decision.unwrap_or_default();
    let proven = control_plane
        .succeed(&["audit", "prove", &decision])
        .await?;
    fs::write(&proof, proven)?;
    let arguments = ["audit", "verify-proof", &proof, "--public-key", &key];
    let shown = control_plane.run(&arguments).await?;
    report.output(&String::from_utf8_lossy(&shown.stdout));
    report.check(
        shown.status.success(),
        "a file proves to anybody with the key that Alice was refused this call",
    );

    control_plane.succeed(&["audit", "copy", &copy]).await?;
    let arguments = ["audit", "verify", &copy, "--public-key", &key];
    let whole = control_plane.run(&arguments).await?;
    report.output(&String::from_utf8_lossy(&whole.stdout));
    report.check(
        whole.status.success(),
        "a copy of the whole record verifies, without the control plane",
    );

    let edited = edit(Path::new(&copy))?;
    report.fact(
        "edit",
        &format!("{edited} `delete_note` of the copy to `create_note`"),
    );
    let altered = control_plane.run(&arguments).await?;
    let said = String::from_utf8_lossy(&altered.stdout).into_owned();
    report.output(&said);
    report.check(
        edited > 0 && altered.status.code() == Some(1) && said.contains("altered: record"),
        "the edited copy does not, and the first record that was edited is named",
    );
    Ok(())
}

/// Edits records of a copy as somebody would who knows how it is kept: checksums say nothing of it.
fn edit(folder: &Path) -> Result<usize, LabError> {
    let mut edited = 0;
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "segment") {
            let mut rest = &*fs::read(&path)?;
            let mut written = Vec::new();
            while let Some((size, _)) = rest.split_first_chunk() {
                let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(0);
                let end = HEADER_BYTES.saturating_add(size).min(rest.len());
                let (frame, behind) = rest.split_at(end);
                let record = frame.get(HEADER_BYTES..).unwrap_or_default();
                let (record, count) = replaced(record);
                edited += count;
                written.extend_from_slice(frame.get(..4).unwrap_or_default());
                written.extend_from_slice(&crc32fast::hash(&record).to_le_bytes());
                written.extend_from_slice(&record);
                rest = behind;
            }
            fs::write(&path, written)?;
        }
    }
    Ok(edited)
}

fn replaced(record: &[u8]) -> (Vec<u8>, usize) {
    let (from, to) = EDIT;
    let mut record = record.to_vec();
    let mut count = 0;
    while let Some(at) = record.windows(from.len()).position(|window| window == from) {
        let (before, rest) = record.split_at(at);
        let behind = rest.get(from.len()..).unwrap_or_default();
        record = [before, to, behind].concat();
        count += 1;
    }
    (record, count)
}
