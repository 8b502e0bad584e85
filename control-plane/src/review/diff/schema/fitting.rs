//! Which types fit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Side;
use crate::review::diff::{
    change::{ChangeKind, Weight},
    walk::{Pair, Walk},
};

const ALL: [&str; 6] = ["array", "boolean", "null", "number", "object", "string"];

impl<'v> Walk<'v, '_> {
    /// `type`.
    pub(super) fn types(&mut self, pair: Pair<'v>, side: Side) {
        let (Some(old), Some(new)) = (named(pair.0), named(pair.1)) else {
            return self.unclear(pair);
        };
        let (is_wider, is_narrower) = (covers(&new, &old), covers(&old, &new));
        let (before, after) = (listed(&old), listed(&new));
        let (of, said) = match (is_wider, is_narrower) {
            (true, true) => {
                let of = (ChangeKind::Reordered, Weight::Neutral);
                (of, "The same types in another spelling.".to_owned())
            }
            (true, false) => {
                let of = (ChangeKind::TypeWidened, Weight::Widening);
                (
                    of,
                    format!("{} {after} here, not {before} alone.", side.may()),
                )
            }
            (false, true) => {
                let of = (ChangeKind::TypeNarrowed, Weight::Narrowing);
                (
                    of,
                    format!("{} {after} here alone; {before} fitted.", side.may()),
                )
            }
            (false, false) => {
                let of = (ChangeKind::TypeChanged, Weight::Widening);
                (
                    of,
                    format!("{} {after} here in place of {before}.", side.may()),
                )
            }
        };
        self.note(of, pair, said);
    }
}

/// The types that fit; nothing where that cannot be told.
fn named(value: Option<&Value>) -> Option<BTreeSet<&str>> {
    match value {
        None => Some(ALL.into_iter().collect()),
        Some(Value::String(name)) => Some(BTreeSet::from([&**name])),
        Some(Value::Array(names)) => names.iter().map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => None,
    }
}

/// Whether all of `types` are among `wider`. An integer is a number.
fn covers(wider: &BTreeSet<&str>, types: &BTreeSet<&str>) -> bool {
    types
        .iter()
        .all(|name| wider.contains(name) || *name == "integer" && wider.contains("number"))
}

fn listed(types: &BTreeSet<&str>) -> String {
    if ALL.iter().all(|name| types.contains(name)) {
        return "anything".to_owned();
    }
    let names: Vec<_> = types.iter().copied().collect();
    names.join(" or ")
}
