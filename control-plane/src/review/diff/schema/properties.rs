//! Which properties and items there are, and which must be.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Schemas, open};
use crate::review::diff::{
    change::{ChangeKind, Weight},
    definition::EMPTY,
    walk::{Pair, Told, Walk},
};

impl<'v> Walk<'v, '_> {
    /// `properties` and `patternProperties`.
    pub(super) fn properties(&mut self, keyword: &str, pair: Pair<'v>, schemas: &Schemas<'v>) {
        let (old, new) = (pair.0.unwrap_or(&*EMPTY), pair.1.unwrap_or(&*EMPTY));
        if !old.is_object() || !new.is_object() {
            return self.unclear(pair);
        }
        let side = schemas.side;
        let what = if keyword == "properties" {
            ""
        } else {
            "names like "
        };
        let required = names(schemas.new);
        self.fields(old, new, |walk, name, pair| {
            match pair {
                (Some(old), Some(new)) => walk.part(old, new, schemas),
                (Some(_), None) => {
                    // Most schemas let through what they do not list.
                    let is_closed = schemas.new.get("additionalProperties") == Some(&false.into());
                    let said = if is_closed {
                        format!("{} {what}`{name}` any more.", side.cannot())
                    } else {
                        format!("Nothing tells of {what}`{name}` any more, though it gets through.")
                    };
                    let of = (ChangeKind::PropertyRemoved, Weight::Narrowing);
                    walk.note(of, pair, said);
                }
                (None, _) => {
                    walk.name(name);
                    let said = if required.contains(name) {
                        format!("{} {what}`{name}` now: it is required.", side.must())
                    } else {
                        format!("{} {what}`{name}` now.", side.may())
                    };
                    walk.note((ChangeKind::PropertyAdded, Weight::Widening), pair, said);
                }
            }
            Told::Here
        });
    }

    /// `required`. What became of a property that is new or gone is told with it.
    pub(super) fn required(&mut self, pair: Pair<'v>, schemas: &Schemas<'v>) -> Told {
        let is_list = |value: Option<&Value>| {
            value.is_none_or(|value| {
                let items = value.as_array();
                items.is_some_and(|items| items.iter().all(Value::is_string))
            })
        };
        if !is_list(pair.0) || !is_list(pair.1) {
            return Told::Here;
        }
        let (old, new) = (names(schemas.old), names(schemas.new));
        if old == new {
            // Absent and empty are the same.
            let said = "As much is required as before.";
            self.note((ChangeKind::Reordered, Weight::Neutral), pair, said);
            return Told::Here;
        }
        let (before, after) = (properties(schemas.old), properties(schemas.new));
        let is_kept = |name: &str| has(before, name) == has(after, name);
        let elements =
            |list: Option<&'v Value>| list.and_then(Value::as_array).into_iter().flatten();
        for element in elements(pair.1) {
            if let Some(name) = element.as_str()
                && !old.contains(name)
                && is_kept(name)
            {
                let said = format!("{} `{name}`; it could be left out.", schemas.side.must());
                let of = (ChangeKind::RequiredAdded, Weight::Narrowing);
                self.note(of, (None, Some(element)), said);
            }
        }
        for element in elements(pair.0) {
            if let Some(name) = element.as_str()
                && !new.contains(name)
                && is_kept(name)
            {
                let said = format!("`{name}` can be left out now.");
                let of = (ChangeKind::RequiredRemoved, Weight::Widening);
                self.note(of, (Some(element), None), said);
            }
        }
        Told::Elsewhere
    }

    /// `$defs` and `definitions`: they count where a `$ref` points at them.
    pub(super) fn definitions(&mut self, pair: Pair<'v>, schemas: &Schemas<'v>) {
        let (old, new) = (pair.0.unwrap_or(&*EMPTY), pair.1.unwrap_or(&*EMPTY));
        self.fields(old, new, |walk, name, pair| {
            match pair {
                (Some(old), Some(new)) => walk.part(old, new, schemas),
                (None, _) => {
                    let said = format!("`{name}` counts where a `$ref` points at it.");
                    walk.note((ChangeKind::PropertyAdded, Weight::Unclear), pair, said);
                }
                (Some(_), None) => {
                    let said = format!("What a `$ref` to `{name}` means is not said any more.");
                    walk.note((ChangeKind::PropertyRemoved, Weight::Unclear), pair, said);
                }
            }
            Told::Here
        });
    }

    /// `additionalProperties` and the like: what is let through that is not listed.
    pub(super) fn openness(&mut self, pair: Pair<'v>, schemas: &Schemas<'v>) {
        let (old, new) = (pair.0.unwrap_or(&*EMPTY), pair.1.unwrap_or(&*EMPTY));
        let side = schemas.side;
        let room = |schema: &Value| match open(schema) {
            Some(keywords) if keywords.is_empty() => Some(Room::Open),
            Some(_) => Some(Room::Held),
            None if *schema == Value::Bool(false) => Some(Room::Closed),
            None => None,
        };
        let (Some(was), Some(is)) = (room(old), room(new)) else {
            return self.unclear(pair);
        };
        if was == Room::Held && is == Room::Held {
            return self.part(old, new, schemas);
        }
        let (of, said) = match is {
            _ if was == is => {
                let said = "As much is let through as before.".to_owned();
                ((ChangeKind::Reordered, Weight::Neutral), said)
            }
            Room::Open => {
                let said = format!("{} anything here that is not listed.", side.may());
                ((ChangeKind::Opened, Weight::Widening), said)
            }
            Room::Held if was == Room::Closed => {
                let said = format!("{} here what is not listed, if it fits.", side.may());
                ((ChangeKind::Opened, Weight::Widening), said)
            }
            Room::Held => {
                let said = "What is not listed here must fit a schema now.".to_owned();
                ((ChangeKind::Closed, Weight::Narrowing), said)
            }
            Room::Closed => {
                let said = format!("{} here what is not listed.", side.cannot());
                ((ChangeKind::Closed, Weight::Narrowing), said)
            }
        };
        self.note(of, pair, said);
    }

    /// `items` and other schemas of what is within a value.
    pub(super) fn parts(&mut self, keyword: &str, pair: Pair<'v>, schemas: &Schemas<'v>) {
        let (of, said) = match pair {
            (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
                for (index, (old, new)) in old.iter().zip(new).enumerate() {
                    let index = index.to_string();
                    self.differing(&index, (Some(old), Some(new)), |walk| {
                        walk.part(old, new, schemas);
                        Told::Here
                    });
                }
                return;
            }
            (Some(Value::Array(_)), _) | (_, Some(Value::Array(_))) => return self.unclear(pair),
            (Some(old), Some(new)) => return self.part(old, new, schemas),
            (None, _) => {
                let said = format!("`{keyword}` holds what is within it to a schema.");
                ((ChangeKind::LimitTightened, Weight::Narrowing), said)
            }
            (Some(_), None) => {
                let said = format!("`{keyword}` holds what is within it to no schema any more.");
                ((ChangeKind::LimitLoosened, Weight::Widening), said)
            }
        };
        self.note(of, pair, said);
    }
}

/// How much is let through that is not listed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    Closed,
    Held,
    Open,
}

/// The names that a schema requires.
fn names(schema: &Map<String, Value>) -> BTreeSet<&str> {
    let list = schema.get("required").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn has(properties: Option<&Map<String, Value>>, name: &str) -> bool {
    properties.is_some_and(|properties| properties.contains_key(name))
}
