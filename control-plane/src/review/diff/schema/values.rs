//! Which listed or fixed values fit.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::Side;
use crate::review::diff::{
    change::{ChangeKind, Weight},
    value::canonical,
    walk::{Pair, Walk},
};

impl<'v> Walk<'v, '_> {
    /// `enum`.
    pub(super) fn listed(&mut self, pair: Pair<'v>, side: Side) {
        match pair {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                let removed = missing(old, new);
                let added = missing(new, old);
                if !added.is_empty() {
                    let said = format!("{} these values too.", side.may());
                    let of = (ChangeKind::EnumAdded, Weight::Widening);
                    let added = Cow::Owned(Value::Array(added));
                    self.note_all(of, (None, Some(added)), said);
                }
                if !removed.is_empty() {
                    let said = format!("{} these values any more.", side.cannot());
                    let of = (ChangeKind::EnumRemoved, Weight::Narrowing);
                    let removed = Cow::Owned(Value::Array(removed));
                    self.note_all(of, (Some(removed), None), said);
                }
            }
            (None, Some(Value::Array(_))) => {
                let said = format!("{} these values alone.", side.may());
                self.note((ChangeKind::EnumRemoved, Weight::Narrowing), pair, said);
            }
            (Some(Value::Array(_)), None) => {
                let said = format!("{} other values than these too.", side.may());
                self.note((ChangeKind::EnumAdded, Weight::Widening), pair, said);
            }
            (Some(_) | None, _) => self.unclear(pair),
        }
    }

    /// `const`.
    pub(super) fn fixed(&mut self, pair: Pair<'v>, side: Side) {
        let (weight, said) = match pair {
            (None, _) => {
                let said = format!("{} this value alone.", side.may());
                (Weight::Narrowing, said)
            }
            (_, None) => {
                let said = format!("{} other values than this too.", side.may());
                (Weight::Widening, said)
            }
            (Some(_), Some(_)) => {
                let said = format!("{} another value, and it alone.", side.must());
                (Weight::Widening, said)
            }
        };
        self.note((ChangeKind::Const, weight), pair, said);
    }
}

/// The values of one list that are not in the other.
fn missing(these: &[Value], others: &[Value]) -> Vec<Value> {
    let others: BTreeSet<_> = others.iter().map(canonical).collect();
    let missing = these
        .iter()
        .filter(|value| !others.contains(&canonical(value)));
    missing.cloned().collect()
}
