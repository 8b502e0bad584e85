//! What other redactors do with bytes: measured by `just redaction-peers`, else what was measured before.

use std::fs;

use serde::Deserialize;

use super::{
    super::{LabError, console::Console},
    figures::Figures,
};
use crate::artifacts;

#[derive(Debug, Deserialize)]
struct Peers {
    measured: String,
    tools: Vec<Tool>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    tool: String,
    /// Absent where it could not be measured.
    mb_per_s: Option<f64>,
}

/// Prints our figure above theirs.
pub(super) fn show(console: &mut Console, ours: &Figures) -> Result<(), LabError> {
    let measured = artifacts::target().join("redaction-peers.json");
    let path = if measured.is_file() {
        measured
    } else {
        artifacts::root().join("tests/redaction/peers.json")
    };
    let peers: Peers = serde_json::from_slice(&fs::read(&path)?)
        .map_err(|error| LabError::Bench(format!("{}: {error}", path.display())))?;
    console.line(&format!(
        "{:<38} {:>9.3} MB/s",
        "Chancery, dense, in V8",
        ours.dense_rate()
    ));
    for tool in peers.tools {
        console.line(&match tool.mb_per_s {
            Some(rate) => format!("{:<38} {rate:>9.3} MB/s", tool.tool),
            None => format!("{:<38} not measured", tool.tool),
        });
    }
    console.line(&format!(
        "(the others: CPU time, native, measured {})",
        peers.measured
    ));
    Ok(())
}
