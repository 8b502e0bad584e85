//! A diff as JSON.

use serde::Serialize;

use super::{CapabilityKind, Change, Compared, Diff, Outcome, Rename, Weight};

/// A diff as JSON, as `chancery review diff --help` documents it.
#[derive(Debug, Serialize)]
pub struct Written<'d> {
    summary: Summary,
    capabilities: Vec<WrittenCapability<'d>>,
    renames: &'d [Rename<'d>],
}

#[derive(Debug, Serialize)]
struct WrittenCapability<'d> {
    kind: CapabilityKind,
    name: &'d str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<Weight>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'d [Change<'d>],
}

/// How many capabilities have which outcome.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// New ones.
    pub added: usize,
    /// Those that are gone.
    pub removed: usize,
    /// Those that say something else.
    pub changed: usize,
    /// Those that say what they said.
    pub same: usize,
}

impl<'d> Written<'d> {
    /// The JSON of a diff.
    pub fn of(diff: &'d Diff<'d>) -> Self {
        let written = |compared: &'d Compared<'d>| WrittenCapability {
            kind: compared.kind,
            name: compared.name,
            outcome: compared.outcome.as_str(),
            weight: compared.weight(),
            changes: compared.changes(),
        };
        Self {
            summary: Summary::of(diff),
            capabilities: diff.capabilities.iter().map(written).collect(),
            renames: &diff.renames,
        }
    }
}

impl Summary {
    /// Counts.
    pub fn of(diff: &Diff<'_>) -> Self {
        let mut summary = Self::default();
        for compared in &diff.capabilities {
            let count = match compared.outcome {
                Outcome::Added(_) => &mut summary.added,
                Outcome::Removed => &mut summary.removed,
                Outcome::Changed(_) => &mut summary.changed,
                Outcome::Same => &mut summary.same,
            };
            *count = count.saturating_add(1);
        }
        summary
    }
}
