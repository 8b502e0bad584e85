//! What is redacted, as rows of a table.

use std::collections::BTreeSet;

use chancery_proto::{
    admin::v1::{Allowlist, Detector, RedactionProfile, detector::Matcher},
    policy::v1::{RedactionAction, RedactionMode},
};

use super::{Cell, id_cell, time_cell};

/// No pattern takes more columns than this.
const PATTERN_COLUMNS: usize = 60;

pub(super) fn profile_row(profile: &RedactionProfile) -> Vec<Cell> {
    let mode = match profile.mode() {
        RedactionMode::Unspecified | RedactionMode::Enforce => "enforce",
        RedactionMode::Observe => "observe",
    };
    let mut detectors: Vec<String> = Vec::new();
    for id in profile.choices.iter().flat_map(|choice| &choice.detectors) {
        if !detectors.contains(id) {
            detectors.push(id.clone());
        }
    }
    let actions: BTreeSet<_> = profile
        .choices
        .iter()
        .map(|one| word(one.action()))
        .collect();
    let actions: Vec<_> = actions.into_iter().collect();
    vec![
        id_cell(&profile.name),
        Cell::new(mode),
        Cell::list(&detectors),
        Cell::list(&actions),
        Cell::list(&profile.allowlists),
        time_cell(profile.update_time.as_ref()),
    ]
}

fn word(action: RedactionAction) -> &'static str {
    match action {
        RedactionAction::Replace => "replace",
        RedactionAction::Mask => "mask",
        RedactionAction::Partial => "partial",
        RedactionAction::Hash => "hash",
        RedactionAction::Token => "token",
        RedactionAction::Block => "block",
        RedactionAction::Unspecified => "?",
    }
}

pub(super) fn detector_row(detector: &Detector) -> Vec<Cell> {
    let (finds, what) = match &detector.matcher {
        Some(Matcher::Regex(regex)) => ("regex", Cell::cut(regex, PATTERN_COLUMNS)),
        Some(Matcher::Keywords(keywords)) => ("keywords", Cell::list(&keywords.words)),
        Some(Matcher::Fields(fields)) => ("fields", Cell::list(&fields.paths)),
        None => ("?", Cell::new("?")),
    };
    vec![
        id_cell(&detector.name),
        Cell::new(finds),
        what,
        time_cell(detector.update_time.as_ref()),
    ]
}

pub(super) fn allowlist_row(allowlist: &Allowlist) -> Vec<Cell> {
    let detectors = if allowlist.detectors.is_empty() {
        Cell::new("*")
    } else {
        Cell::list(&allowlist.detectors)
    };
    vec![
        id_cell(&allowlist.name),
        Cell::list(&allowlist.values),
        Cell::list(&allowlist.globs),
        detectors,
        time_cell(allowlist.update_time.as_ref()),
    ]
}
