//! `chancery-lab redaction`: how fast the engine redacts in Envoy's V8, and in how much memory.

mod figures;
mod labels;
mod peers;
mod probe;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
};
use crate::bodies::{Flood, Traffic};
use figures::{Figures, Row};
use probe::Body;
pub(super) use probe::Probe;

const SIZES: [(&str, usize); 3] = [
    ("4 KB", 4 << 10),
    ("64 KB", 64 << 10),
    ("512 KB", 512 << 10),
];
const FLOOD_BYTES: usize = 256 << 10;
/// What is gone through at once, so that no round is too short to be timed.
const BATCH_BYTES: usize = 256 << 10;

/// Time the engine's redaction inside Envoy: dense, clean and hostile bodies.
#[derive(Args, Debug)]
pub(super) struct Redaction {
    /// Labelled bodies as JSON lines (.gz), which are dense as real ones are. Not there: made ones.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl Redaction {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        let probe = Probe::start().await?;
        let first = vec![Body::json(Traffic::Clean.answer(4 << 10, 0))];
        let idle_bytes = probe.run(1, &first).await?.memory_bytes;
        let first = vec![Body::json(Traffic::Dense.answer(64 << 10, 0))];
        let tables_bytes = probe.run(1, &first).await?.memory_bytes;

        console.line("Reading, scanning and rewriting of whole bodies by the built-in profile, in V8 in Envoy, one core.");
        console.line("Medians of rounds by Envoy's clock; `reading` is the JSON parser alone. 1 MB is 10^6 bytes.");
        console.line("");
        let mut figures = Figures::default();
        console.line(&console.styled(Style::Bold, &Row::heading()));

        let labelled = self.labels.as_deref().map(labels::read).transpose()?;
        if let Some(bodies) = labelled.flatten() {
            let row = probe.row("dense, labelled", bodies).await?;
            figures.labelled = Some(row.show(console));
        }
        for (size, size_bytes) in SIZES {
            let label = format!("dense {size}");
            let row = probe.row(&label, made(Traffic::Dense, size_bytes)).await?;
            figures.dense.push(row.show(console));
        }
        for traffic in Traffic::CLEAN {
            for (size, size_bytes) in SIZES {
                let label = format!("{} {size}", traffic.label());
                let row = probe.row(&label, made(traffic, size_bytes)).await?;
                figures.clean.push(row.show(console));
            }
        }
        for flood in Flood::ALL {
            let bodies = vec![Body::json(flood.answer(FLOOD_BYTES))];
            let row = probe.row(flood.label(), bodies).await?;
            figures.floods.push(row.show(console));
        }
        let most_bytes = probe.run(1, &first).await?.memory_bytes;

        console.line("");
        peers::show(console, &figures)?;
        console.line("");
        console.line(&format!(
            "memory of the VM: {} with the profile, {} after a scan, {} at most; with stack, constants and the bodies themselves",
            megabytes(idle_bytes),
            megabytes(tables_bytes),
            megabytes(most_bytes),
        ));
        console.line("targets: 40 MB/s dense, 100 MB/s clean (stretch 400), floods within 5x of the mean, 8 MB tables");
        console.line(&figures.figure(&megabytes(tables_bytes)));
        Ok(ExitCode::SUCCESS)
    }
}

/// Different bodies of one kind and size.
fn made(traffic: Traffic, size_bytes: usize) -> Vec<Body> {
    let count = (BATCH_BYTES / size_bytes).max(1);
    let answer = |number| Body::json(traffic.answer(size_bytes, number));
    (0..).take(count).map(answer).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
