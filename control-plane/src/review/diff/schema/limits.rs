//! Bounds of values.

use std::cmp::Ordering;

use serde_json::Value;

use super::Side;
use crate::review::diff::{
    change::{ChangeKind, Weight},
    walk::{Pair, Walk},
};

/// Which way a bound bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// What is less does not fit.
    Lower,
    /// What is more does not fit.
    Upper,
    /// One that no other is more or less than.
    Shape,
}

fn way(keyword: &str) -> Option<Way> {
    Some(match keyword {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties"
        | "minContains" => Way::Lower,
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties"
        | "maxContains" => Way::Upper,
        "pattern" | "format" | "multipleOf" | "uniqueItems" | "contentEncoding"
        | "contentMediaType" | "contentSchema" => Way::Shape,
        _ => return None,
    })
}

/// Whether a keyword is a bound.
pub(super) fn is_limit(keyword: &str) -> bool {
    way(keyword).is_some()
}

impl<'v> Walk<'v, '_> {
    /// A bound.
    pub(super) fn limit(&mut self, keyword: &str, pair: Pair<'v>, side: Side) {
        let looser = || {
            let said = format!("{} more: `{keyword}` lets more through.", side.may());
            ((ChangeKind::LimitLoosened, Weight::Widening), said)
        };
        let tighter = || {
            let said = format!("{} less: `{keyword}` lets less through.", side.may());
            ((ChangeKind::LimitTightened, Weight::Narrowing), said)
        };
        // `uniqueItems: false` and an `exclusiveMinimum: false` of old schemas bound nothing.
        let bound = |value: Option<&'v Value>| value.filter(|value| **value != Value::Bool(false));
        let (of, said) = match (bound(pair.0), bound(pair.1)) {
            (None, None) => {
                let said = "It bounds nothing, as before.".to_owned();
                ((ChangeKind::Reordered, Weight::Neutral), said)
            }
            (None, Some(_)) => tighter(),
            (Some(_), None) => looser(),
            (Some(old), Some(new)) => {
                let order = old.as_f64().zip(new.as_f64());
                let order = order.and_then(|(old, new)| new.partial_cmp(&old));
                match (way(keyword), order) {
                    (Some(Way::Lower), Some(Ordering::Less))
                    | (Some(Way::Upper), Some(Ordering::Greater)) => looser(),
                    (Some(Way::Lower), Some(Ordering::Greater))
                    | (Some(Way::Upper), Some(Ordering::Less)) => tighter(),
                    (Some(_) | None, _) => {
                        let said = format!(
                            "`{keyword}` lets something else through: a person must compare both."
                        );
                        ((ChangeKind::LimitChanged, Weight::Unclear), said)
                    }
                }
            }
        };
        self.note(of, pair, said);
    }
}
