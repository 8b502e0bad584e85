//! Names: of other scripts than they seem to be, and such that are taken for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Findings, Rule, Severity,
    definitions::{Definition, Kind},
    fold::{confusable, fold_name},
};

/// The names of one list.
#[derive(Debug)]
pub(super) struct Names {
    exact: BTreeSet<(&'static str, String)>,
    /// Who has a folded name: places in the list, the first few.
    alike: BTreeMap<(&'static str, String), Vec<(usize, String)>>,
    count: usize,
}

impl Names {
    pub(super) fn of(definitions: &[Definition<'_>]) -> Self {
        let mut exact = BTreeSet::new();
        let mut alike: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (position, definition) in definitions.iter().enumerate() {
            let kind = definition.kind.as_str();
            exact.insert((kind, definition.name.to_lowercase()));
            // A URI differs from another by its separators.
            if matches!(definition.kind, Kind::Tool | Kind::Prompt) {
                let all = alike
                    .entry((kind, fold_name(&definition.name)))
                    .or_default();
                if all.len() < 4 {
                    all.push((position, definition.name.clone()));
                }
            }
        }
        Self {
            exact,
            alike,
            count: definitions.len(),
        }
    }

    /// Whether there is such a name, in lower case.
    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        self.exact.contains(&(kind.as_str(), name.to_owned()))
    }

    /// Whether the names are those of a list, so that others are strange.
    pub(super) fn is_list(&self) -> bool {
        self.count > 1
    }

    pub(super) fn inspect(
        &self,
        definition: &Definition<'_>,
        position: usize,
        found: &mut Findings,
    ) {
        if !matches!(definition.kind, Kind::Tool | Kind::Prompt) {
            return;
        }
        let name = &definition.name;
        let key = (definition.kind.as_str(), fold_name(name));
        let all = self.alike.get(&key).map(Vec::as_slice).unwrap_or_default();
        let other = all.iter().find(|(at, _)| *at != position);
        if let Some((_, other)) = other {
            let (severity, why) = if other == name {
                (
                    Severity::Medium,
                    "Another definition of the list has the same name.".to_owned(),
                )
            } else if other.is_ascii() && name.is_ascii() {
                (
                    Severity::Medium,
                    format!(
                        "It differs from `{}` by case or separators alone.",
                        super::excerpt::excerpt(other)
                    ),
                )
            } else {
                (
                    Severity::High,
                    format!("It looks like `{}`.", super::excerpt::excerpt(other)),
                )
            };
            found.add(Rule::LookAlikeNames, severity, ("/name", name), why);
        }
    }
}

/// Whether a word has letters that pass for Latin ones beside Latin ones, or none but such.
pub(super) fn is_disguised(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    let disguised = letters().filter(|c| is_disguise(*c)).count();
    let plain = letters().filter(char::is_ascii_alphabetic).count();
    disguised > 0 && plain > 0 && disguised.saturating_add(plain) > 2
}

/// Whether a whole name is made of letters that pass for Latin ones.
pub(super) fn is_all_disguised(name: &str) -> bool {
    let letters = || name.chars().filter(|c| c.is_alphabetic());
    letters().count() > 2
        && letters().all(|c| is_disguise(c) || c.is_ascii())
        && letters().any(is_disguise)
}

fn is_disguise(c: char) -> bool {
    // Turkish, and letters of physics.
    confusable(c).is_some() && !matches!(c, 'ı' | 'ℓ')
}
