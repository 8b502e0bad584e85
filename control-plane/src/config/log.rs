//! How the record is signed and kept, as it is written.

use std::{path::PathBuf, time::Duration};

use chancery_engine::wire::Invalid;
use schemars::JsonSchema;
use serde::Deserialize;

use super::invalid;
use crate::ledger::anchor::Anchor;

/// Shortest time that records are kept where they are dropped at all, in days: what is younger is still
/// being looked for.
const MIN_RETENTION_DAYS: u32 = 1;

/// How the record is signed and kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// The file with the key that signs it. `None`: one in the data folder, in development only.
    pub key: Option<PathBuf>,
    /// Where its checkpoints are kept, too.
    pub anchors: Vec<Anchor>,
    /// How old records may become. `None`: as old as they do.
    pub retention: Option<Duration>,
}

impl LogSettings {
    /// These, and those of a configuration where these do not say anything.
    #[must_use]
    pub fn over(mut self, configured: Self) -> Self {
        self.anchors.extend(configured.anchors);
        Self {
            key: self.key.or(configured.key),
            anchors: self.anchors,
            retention: self.retention.or(configured.retention),
        }
    }
}

/// How the record is signed and kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LogDocument {
    /// The key that signs it (`chancery keygen`); `--log-key` outweighs it.
    #[serde(default)]
    key: Option<String>,
    /// Where its signed heads are kept once a minute, too: the absolute path of a folder, or an https URL that
    /// they are posted to.
    #[serde(default)]
    anchors: Vec<String>,
    /// How old records may become, in days; for ever where left out. The hashes of what is dropped stay.
    #[serde(default)]
    #[schemars(range(min = 1))]
    retention_days: Option<u32>,
}

impl LogDocument {
    pub(super) fn read(self, problems: &mut Vec<Invalid>) -> LogSettings {
        let mut anchors = Vec::new();
        for (position, text) in self.anchors.iter().enumerate() {
            match text.parse() {
                Ok(anchor) => anchors.push(anchor),
                Err(_found) => problems.push(invalid(
                    &format!("log.anchors[{position}]"),
                    &format!("`{text}`"),
                    "the absolute path of a folder, or an https URL",
                )),
            }
        }
        if let Some(days) = self
            .retention_days
            .filter(|days| *days < MIN_RETENTION_DAYS)
        {
            let expected = "a number of days, at least 1";
            problems.push(invalid("log.retentionDays", &days.to_string(), expected));
        }
        let day = Duration::from_hours(24);
        LogSettings {
            key: self.key.map(PathBuf::from),
            anchors,
            retention: self.retention_days.map(|days| day.saturating_mul(days)),
        }
    }
}
