//! What was measured, as rows of a table and one last line.

use super::{super::console::Console, probe::Report};

/// One kind of bodies.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    label: String,
    bytes: usize,
    findings: u64,
    pub(super) unreadable: usize,
    redact_ns: u64,
    /// Of the fastest rounds. Far from the medians, something else had the core.
    fastest_ns: u64,
    parse_ns: u64,
}

impl Row {
    pub(super) fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn heading() -> String {
        format!(
            "{:<18} {:>9} {:>7} {:>9} {:>9} {:>9}",
            "bodies", "bytes", "finds", "MB/s", "fastest", "reading"
        )
    }

    /// Adds a part of the bodies.
    pub(super) fn add(&mut self, report: &Report) {
        self.bytes += report.bytes;
        self.findings += report.findings;
        self.unreadable += report.unreadable;
        self.redact_ns += median(&report.redact_ns);
        self.fastest_ns += report.redact_ns.iter().min().copied().unwrap_or_default();
        self.parse_ns += median(&report.parse_ns);
    }

    /// Prints it.
    pub(super) fn show(self, console: &mut Console) -> Self {
        console.line(&format!(
            "{:<18} {:>9} {:>7} {:>9.1} {:>9.1} {:>9.0}",
            self.label,
            self.bytes,
            self.findings,
            rate(self.bytes, self.redact_ns),
            rate(self.bytes, self.fastest_ns),
            rate(self.bytes, self.parse_ns),
        ));
        self
    }

    /// Nanoseconds a byte.
    fn cost(&self) -> f64 {
        1e3 / rate(self.bytes, self.redact_ns)
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) labelled: Option<Row>,
    pub(super) dense: Vec<Row>,
    pub(super) clean: Vec<Row>,
    pub(super) floods: Vec<Row>,
}

impl Figures {
    /// Of the labelled bodies, where there are any, else of those that were made.
    pub(super) fn dense_rate(&self) -> f64 {
        match &self.labelled {
            Some(row) => rate(row.bytes, row.redact_ns),
            None => together(&self.dense),
        }
    }

    pub(super) fn clean_rate(&self) -> f64 {
        together(&self.clean)
    }

    /// The last line. The mean is over traffic of which half the bytes are dense and half clean.
    pub(super) fn figure(&self, tables: &str) -> String {
        let mean = f64::midpoint(1e3 / self.dense_rate(), 1e3 / self.clean_rate());
        let slowest = self
            .floods
            .iter()
            .max_by(|a, b| a.cost().total_cmp(&b.cost()));
        let (ratio, name) = slowest.map_or((0.0, ""), |row| (row.cost() / mean, &*row.label));
        format!(
            "redaction: {:.1} MB/s dense, {:.1} MB/s clean, worst flood {ratio:.1}x the mean ({name}), {tables} tables",
            self.dense_rate(),
            self.clean_rate(),
        )
    }
}

fn together(rows: &[Row]) -> f64 {
    rate(
        rows.iter().map(|row| row.bytes).sum(),
        rows.iter().map(|row| row.redact_ns).sum(),
    )
}

/// Megabytes a second.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(bytes: usize, nanoseconds: u64) -> f64 {
    bytes as f64 * 1e3 / nanoseconds.max(1) as f64
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, bytes: usize, redact_ns: u64) -> Row {
        Row {
            label: label.to_owned(),
            bytes,
            redact_ns,
            ..Row::default()
        }
    }

    #[test]
    fn the_last_line_says_what_the_rows_say() {
        let mut figures = Figures {
            labelled: None,
            // 40 MB/s and 200 MB/s: at half and half 15 ns a byte.
            dense: vec![row("dense", 4_000, 100_000)],
            clean: vec![row("prose", 10_000, 50_000), row("logs", 10_000, 50_000)],
            floods: vec![row("dots", 1_000, 15_000), row("colons", 1_000, 60_000)],
        };
        assert_eq!(
            figures.figure("2.00 MB"),
            "redaction: 40.0 MB/s dense, 200.0 MB/s clean, worst flood 4.0x the mean (colons), 2.00 MB tables"
        );
        figures.labelled = Some(row("labelled", 8_000, 100_000));
        assert!((figures.dense_rate() - 80.0).abs() < 1e-9);
    }
}
