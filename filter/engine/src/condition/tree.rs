//! Arguments as the query library takes them, and where all in them stands in the message.

use std::collections::BTreeSet;

use super::{MAX_VALUES, arguments::Unreadable, decimal::Decimal, query::Query};
use crate::{
    json::{Kind, Value},
    message::forms,
    order,
};

/// Most values and keys in arguments that are queried by more than a singular path.
pub(super) const MAX_QUERIED_NODES: usize = 10_000;
/// Most bytes of keys outside ASCII in such arguments; each costs more to read than to send.
const MAX_FOREIGN_BYTES: usize = 64 << 10;
/// From here on, doubles leave out whole numbers.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Arguments as the query library takes them.
#[derive(Debug)]
pub(super) struct Tree<'d> {
    /// Stays where it is, as all in it does.
    root: Box<serde_json::Value>,
    /// Where each value of the tree stands in the message, by its address.
    places: Vec<(usize, Value<'d>)>,
    /// Every key, below each of its forms.
    keys: BTreeSet<(Vec<u8>, String)>,
    /// Whether it has every number as all readers do.
    is_exact: bool,
}

impl<'d> Tree<'d> {
    /// `None` where the arguments are too large.
    pub(super) fn of(root: Value<'d>) -> Option<Self> {
        if root.node_count() > MAX_QUERIED_NODES {
            return None;
        }
        let mut tree = Self {
            root: Box::default(),
            places: Vec::with_capacity(root.node_count()),
            keys: BTreeSet::new(),
            is_exact: true,
        };
        let mut foreign_bytes = 0;
        *tree.root = tree.branch(root, &mut foreign_bytes)?;
        let mut places = Vec::with_capacity(root.node_count());
        place(&mut places, &tree.root, root);
        order::sort_by_range(&mut places, |(address, _)| *address..*address);
        tree.places = places;
        Some(tree)
    }

    fn branch(&mut self, value: Value<'d>, foreign: &mut usize) -> Option<serde_json::Value> {
        Some(match value.kind() {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool => serde_json::Value::Bool(value.raw() == "true"),
            Kind::Number => exact(value.raw()).map_or_else(
                || {
                    self.is_exact = false;
                    0.into()
                },
                serde_json::Value::Number,
            ),
            Kind::String => serde_json::Value::String(value.as_str()?.into_owned()),
            Kind::Array => {
                let items = value.items().map(|item| self.branch(item, foreign));
                serde_json::Value::Array(items.collect::<Option<_>>()?)
            }
            Kind::Object => {
                let members = value.members().map(|(key, value)| {
                    let key = key.as_str()?.into_owned();
                    if !key.is_ascii() {
                        *foreign = foreign.saturating_add(key.len());
                    }
                    if *foreign > MAX_FOREIGN_BYTES {
                        return None;
                    }
                    for form in forms(&key) {
                        self.keys.insert((form, key.clone()));
                    }
                    Some((key, self.branch(value, foreign)?))
                });
                serde_json::Value::Object(members.collect::<Option<_>>()?)
            }
        })
    }

    pub(super) fn find(&self, query: &Query) -> Result<Vec<Value<'d>>, Unreadable> {
        let mut names = query.names.iter();
        if (query.has_filter && !self.is_exact) || names.any(|name| self.has_look_alike(name)) {
            return Err(Unreadable);
        }
        let found = query.find(&self.root)?;
        if found.len() > MAX_VALUES {
            return Err(Unreadable);
        }
        let place = |value: &serde_json::Value| {
            let by = |(address, _): &(usize, Value<'d>)| address.cmp(&address_of(value));
            let at = self.places.binary_search_by(by).ok()?;
            Some(self.places.get(at)?.1)
        };
        let values = found
            .into_iter()
            .map(|value| place(value).ok_or(Unreadable));
        values.collect()
    }

    /// Whether there is a key anywhere that some reader takes for this one.
    fn has_look_alike(&self, name: &str) -> bool {
        forms(name).any(|form| {
            let alike = self.keys.range((form.clone(), String::new())..);
            let mut alike = alike.take_while(|(other, _)| *other == form);
            alike.any(|(_, key)| key != name)
        })
    }
}

fn address_of(value: &serde_json::Value) -> usize {
    std::ptr::from_ref(value).addr()
}

/// Notes where a value and all in it stand, in one walk.
fn place<'d>(places: &mut Vec<(usize, Value<'d>)>, tree: &serde_json::Value, value: Value<'d>) {
    places.push((address_of(tree), value));
    match tree {
        serde_json::Value::Array(items) => {
            for (item, value) in items.iter().zip(value.items()) {
                place(places, item, value);
            }
        }
        serde_json::Value::Object(members) => {
            for (key, value) in value.members() {
                if let Some(member) = key.as_str().and_then(|key| members.get(&*key)) {
                    place(places, member, value);
                }
            }
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// A number that every reader takes for the same; `None` for one that some would round.
fn exact(lexeme: &str) -> Option<serde_json::Number> {
    let number: f64 = lexeme.parse().ok()?;
    if number.abs() > MAX_EXACT {
        return None;
    }
    if let Ok(number) = lexeme.parse::<i64>() {
        return Some(number.into());
    }
    let printed = number.to_string();
    let same = Decimal::read(lexeme)?
        .compare(Decimal::read(&printed)?)
        .is_eq();
    serde_json::Number::from_f64(number).filter(|_| same)
}
