//! The arguments of a prompt: a list, told apart by their names.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    change::{ChangeKind, Weight},
    walk::{Pair, Told, Walk},
};

impl<'v> Walk<'v, '_> {
    /// The arguments of a prompt.
    pub(super) fn arguments(&mut self, (old, new): Pair<'v>) {
        let (Some(before), Some(after)) = (by_name(old), by_name(new)) else {
            return self.unclear((old, new));
        };
        for (name, (index, argument)) in &before {
            if !after.contains_key(name) {
                self.within(index, |walk| {
                    let said = format!("Agents cannot send `{name}` any more.");
                    let of = (ChangeKind::PropertyRemoved, Weight::Narrowing);
                    walk.note(of, (Some(argument), None), said);
                });
            }
        }
        for (name, (index, argument)) in &after {
            let before = before.get(name).map(|(_, before)| *before);
            self.differing(index, (before, Some(argument)), |walk| {
                if let Some(before) = before {
                    walk.fields(before, argument, |walk, field, pair| {
                        walk.argument_field(name, field, pair);
                        Told::Here
                    });
                    return Told::Here;
                }
                walk.name(name);
                let must = argument.get("required").and_then(Value::as_bool);
                let may = if must == Some(true) { "must" } else { "may" };
                let said = format!("Agents {may} now send `{name}`.");
                let of = (ChangeKind::PropertyAdded, Weight::Widening);
                walk.note(of, (None, Some(argument)), said);
                Told::Here
            });
        }
    }

    fn argument_field(&mut self, name: &str, field: &'v str, pair: Pair<'v>) {
        match field {
            "title" | "description" => self.text(field, pair),
            "required" => {
                let is_required = pair.1.and_then(Value::as_bool).unwrap_or_default();
                let was_required = pair.0.and_then(Value::as_bool).unwrap_or_default();
                let (of, said) = if is_required == was_required {
                    let of = (ChangeKind::Reordered, Weight::Neutral);
                    (of, format!("`{name}` is as required as before."))
                } else if is_required {
                    let of = (ChangeKind::RequiredAdded, Weight::Narrowing);
                    (
                        of,
                        format!("Agents must send `{name}`; it could be left out."),
                    )
                } else {
                    let of = (ChangeKind::RequiredRemoved, Weight::Widening);
                    (of, format!("`{name}` can be left out now."))
                };
                self.note(of, pair, said);
            }
            _ => self.unclear(pair),
        }
    }
}

/// Arguments by their names, each with its place; nothing where they are none.
fn by_name(list: Option<&Value>) -> Option<BTreeMap<&str, (String, &Value)>> {
    let Some(list) = list else {
        return Some(BTreeMap::new());
    };
    let items = list.as_array()?;
    let mut named = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let name = item.get("name")?.as_str()?;
        if named.insert(name, (index.to_string(), item)).is_some() {
            return None;
        }
    }
    Some(named)
}
