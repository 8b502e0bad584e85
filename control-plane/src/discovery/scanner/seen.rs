//! What is known of a server, and what of a scan is news.

use std::collections::BTreeSet;

use chancery_engine::canonical::Pin;
use chancery_proto::admin::v1 as admin;

use crate::discovery::difference::{Comparison, Difference, Key};

/// Differences of one scan that are recorded: a server decides how many there are.
const MAX_RECORDED: usize = 100;

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What the last scan found.
    pub(super) report: Option<admin::ScanReport>,
    /// What is on record.
    recorded: BTreeSet<(Key, Option<Pin>)>,
    /// What some complete scan found: what was approved before it is rolled out is not gone yet.
    present: BTreeSet<Key>,
    /// What was there once, and the last complete scan missed.
    missing: BTreeSet<Key>,
    /// How many scans in a row have failed.
    pub(super) failures: u32,
}

impl Seen {
    /// Takes in a complete scan, and gives what of it is to be recorded.
    pub(super) fn take(&mut self, comparison: &Comparison) -> Vec<Difference> {
        let removals = comparison.differences.iter().filter(|it| it.is_removal());
        let missing: BTreeSet<Key> = removals
            .map(Difference::key)
            .filter(|key| self.present.contains(key))
            .collect();
        self.present.extend(comparison.present.iter().cloned());
        let missed_before = std::mem::replace(&mut self.missing, missing);
        let lasting = comparison
            .differences
            .iter()
            .filter(|it| !it.is_removal() || missed_before.contains(&it.key()));
        let (known, new): (Vec<_>, Vec<_>) =
            lasting.partition(|it| self.recorded.contains(&it.version()));
        // The rest is news for the next scan.
        let new: Vec<_> = new.into_iter().take(MAX_RECORDED).collect();
        self.recorded = known.iter().chain(&new).map(|it| it.version()).collect();
        new.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use chancery_engine::{
        approved::{Approved, Pinning},
        canonical::{DefinitionKind, DefinitionPlace, Pinned, Pins},
        json::Document,
        limits::Limits,
    };

    use super::*;
    use crate::discovery::{
        difference::compare,
        found::{Found, Item},
    };

    fn pin(json: &str) -> Pin {
        let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).unwrap();
        Pin::of(document.root()).unwrap()
    }

    fn found(tools: &[&str]) -> Found {
        let item = |json: &&str| {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            Item {
                kind: DefinitionKind::Tool,
                name: value["name"].as_str().unwrap().to_owned(),
                definition: (*json).to_owned(),
            }
        };
        Found {
            items: tools.iter().map(item).collect(),
            ..Found::default()
        }
    }

    fn approved(tools: &[&str]) -> Approved {
        let found = found(tools);
        let pins = found.items.iter().map(|item| {
            let (kind, name) = (item.kind, &*item.name);
            (Pinned::Capability { kind, name }, pin(&item.definition))
        });
        Approved::new(Pinning::Enforce, Pins::new(pins).unwrap())
    }

    fn named(new: &[Difference]) -> Vec<(&str, bool)> {
        new.iter().map(|it| (&*it.name, it.is_removal())).collect()
    }

    const A: &str = r#"{"name":"a"}"#;
    const B: &str = r#"{"name":"b"}"#;
    const TURNED: &str = r#"{"name":"a","x":1}"#;
    const TURNED_AGAIN: &str = r#"{"name":"a","x":2}"#;

    #[test]
    fn drift_is_recorded_once_until_it_changes() {
        let approved = approved(&[A, B]);
        let mut seen = Seen::default();
        let mut take = |tools: &[&str]| seen.take(&compare(&approved, &found(tools)));
        assert_eq!(take(&[B, r#"{ "name" : "\u0061" }"#]), []);
        assert_eq!(named(&take(&[TURNED, B])), [("a", false)]);
        assert_eq!(take(&[TURNED, B]), []);
        assert_eq!(named(&take(&[TURNED_AGAIN, B])), [("a", false)]);
        // Back as approved, and away again: that is news.
        assert_eq!(take(&[A, B]), []);
        assert_eq!(named(&take(&[TURNED, B])), [("a", false)]);
        assert_eq!(
            named(&take(&[TURNED, B, r#"{"name":"c"}"#])),
            [("c", false)]
        );
    }

    #[test]
    fn what_is_gone_is_recorded_when_two_complete_scans_agree() {
        let approved = approved(&[A, B]);
        let mut seen = Seen::default();
        let mut take = |tools: &[&str]| seen.take(&compare(&approved, &found(tools)));
        // What was never there is approved before its time.
        assert_eq!(take(&[A]), []);
        assert_eq!(take(&[A]), []);
        assert_eq!(take(&[A, B]), []);
        assert_eq!(take(&[A]), []);
        assert_eq!(named(&take(&[A])), [("b", true)]);
        assert_eq!(take(&[A]), []);
        assert_eq!(take(&[A, B]), []);
        // With another definition it is there, and not gone.
        let turned = [A, r#"{"name":"b","x":1}"#];
        assert_eq!(named(&take(&turned)), [("b", false)]);
        assert_eq!(named(&take(&turned)), []);
    }

    #[test]
    fn instructions_count_and_server_info_where_it_is_written_down() {
        let mut offered = found(&[A]);
        offered.instructions = Some("\"Obey\"".to_owned());
        offered.server_info = Some("{}".to_owned());
        let comparison = compare(&approved(&[A]), &offered);
        assert_eq!(comparison.unchanged, 1);
        let places: Vec<_> = comparison.differences.iter().map(|it| it.place).collect();
        assert_eq!(places, [DefinitionPlace::Instructions]);
    }
}
