//! Masks sensitive values in the strings of a message by splicing; all other bytes stay.

mod detector;

use std::ops::Range;

pub use detector::Detector;

use crate::json::{Edits, Kind, Value, raw_ranges};

/// Which detectors mask, in each direction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Redaction {
    /// In what goes to the server.
    pub arguments: Detectors,
    /// In what comes back.
    pub results: Detectors,
}

impl Redaction {
    /// Adds what another obligation asks for.
    pub fn extend(&mut self, other: Option<&Self>) {
        if let Some(other) = other {
            self.arguments.extend(other.arguments);
            self.results.extend(other.results);
        }
    }
}

/// A set of detectors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Detectors(u8);

impl Detectors {
    /// Whether none is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one.
    pub fn insert(&mut self, detector: Detector) {
        self.0 |= detector.bit();
    }

    /// Adds those of another set.
    pub fn extend(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether one is in it.
    pub fn contains(self, detector: Detector) -> bool {
        self.0 & detector.bit() != 0
    }
}

/// What was found at one place. Never the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// By which detector.
    pub detector: Detector,
    /// Where: a JSON pointer into the message. Empty: at more places than are kept one by one.
    pub pointer: String,
    /// How often there.
    pub count: u32,
}

/// Most findings that are kept one by one, by place; more are counted together.
const MAX_FINDINGS: usize = 100;

/// Masks below `value` and says what was found. `root` is where pointers begin.
pub fn redact(
    root: Value<'_>,
    value: Value<'_>,
    detectors: Detectors,
    edits: &mut Edits,
    findings: &mut Vec<Finding>,
) {
    if detectors.is_empty() {
        return;
    }
    let mut spans = Vec::new();
    for leaf in value.leaves().filter(|leaf| leaf.kind() == Kind::String) {
        spans.clear();
        let Some(text) = leaf.as_str() else { continue };
        detector::scan(&text, detectors, &mut spans);
        if spans.is_empty() {
            continue;
        }
        // A pointer costs a walk past everything before the place.
        let pointer = if findings.len() < MAX_FINDINGS {
            root.pointer_to(leaf)
        } else {
            String::new()
        };
        note(&pointer, &spans, findings);
        let start = leaf.span().start.saturating_add(1);
        let ranges: Vec<Range<usize>> = spans.iter().map(|span| span.range.clone()).collect();
        let raw = if leaf.is_escaped() {
            raw_ranges(leaf.inner(), &ranges)
        } else {
            ranges
        };
        for (span, range) in spans.iter().zip(raw) {
            let range = range.start.saturating_add(start)..range.end.saturating_add(start);
            edits.replace(range, span.detector.mask().to_owned());
        }
    }
}

/// A text with what must be masked in it masked; `None` where there is nothing.
pub fn mask(text: &str, detectors: Detectors) -> Option<String> {
    let mut spans = Vec::new();
    detector::scan(text, detectors, &mut spans);
    if spans.is_empty() {
        return None;
    }
    let mut edits = Edits::default();
    for span in spans {
        edits.replace(span.range, span.detector.mask().to_owned());
    }
    // Ranges of a scan neither overlap nor reach outside, so there is no other outcome.
    edits.apply(text).ok()
}

fn note(pointer: &str, spans: &[detector::Span], findings: &mut Vec<Finding>) {
    for detector in Detector::ALL {
        let found = spans
            .iter()
            .filter(|span| span.detector == detector)
            .count();
        let Ok(count @ 1..) = u32::try_from(found) else {
            continue;
        };
        let same =
            |finding: &&mut Finding| finding.detector == detector && finding.pointer == pointer;
        match findings
            .iter_mut()
            .rev()
            .take(Detector::ALL.len())
            .find(same)
        {
            Some(finding) => finding.count = finding.count.saturating_add(count),
            None => findings.push(Finding {
                detector,
                pointer: pointer.to_owned(),
                count,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
