//! What the record must hold after the tour.

use chancery_proto::audit::v1::{Verdict, entry::Event};
use prost::Message as _;

use crate::control_plane::Recorded;

/// A decision that the record must hold.
pub(super) struct Expected {
    pub(super) what: &'static str,
    verdict: Verdict,
    /// What the call was for; nothing where it was refused before it was read.
    tool: &'static str,
    /// Why; nothing where a rule allowed it.
    reason: Option<&'static str>,
}

/// All of them.
pub(super) const EXPECTED: [Expected; 5] = [
    Expected {
        what: "the note she read",
        verdict: Verdict::Allow,
        tool: "get_note",
        reason: None,
    },
    Expected {
        what: "the deletion she was refused",
        verdict: Verdict::Deny,
        tool: "delete_note",
        reason: Some("no_matching_rule"),
    },
    Expected {
        what: "the calls with bad tokens",
        verdict: Verdict::Deny,
        tool: "",
        reason: Some("invalid_token"),
    },
    Expected {
        what: "the export",
        verdict: Verdict::Allow,
        tool: "export_customers",
        reason: None,
    },
    Expected {
        what: "the note that the new rule refused",
        verdict: Verdict::Deny,
        tool: "create_note",
        reason: Some("denied_by_rule"),
    },
];

impl Expected {
    pub(super) fn is_in(&self, records: &[Recorded]) -> bool {
        records.iter().any(|record| match &record.entry.event {
            Some(Event::Decision(decision)) => {
                decision.verdict() == self.verdict
                    && decision.capability == self.tool
                    && self.reason.is_none_or(|reason| decision.reason == reason)
            }
            _ => false,
        })
    }
}

/// Whether this text is anywhere in it.
pub(super) fn holds(records: &[Recorded], text: &str) -> bool {
    records.iter().any(|record| {
        let entry = record.entry.encode_to_vec();
        entry
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}
