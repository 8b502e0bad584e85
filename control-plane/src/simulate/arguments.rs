//! Arguments put together again from the values that a decision read.

use std::collections::{BTreeMap, BTreeSet};

use chancery_proto::audit::v1::{Fact, Provenance};
use serde_json::value::RawValue;

/// The fact of a decision that names the tool which a dispatcher calls.
const DISPATCHED: &str = "dispatch.tool";

/// Arguments of which some values are known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The paths whose values are known, those that lead nowhere too.
    pub(super) paths: BTreeSet<String>,
    root: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    /// JSON text.
    Leaf(String),
    Object(BTreeMap<String, Self>),
    /// The JSON texts of all items.
    List(Vec<String>),
}

/// A path that can be put together again: names, and at its end perhaps every item of a list.
struct Way {
    names: Vec<String>,
    is_list: bool,
}

impl Known {
    /// What facts say of arguments. What was altered, or cannot be put together again, is not known.
    pub(super) fn of(facts: &[Fact]) -> Self {
        // Of a dispatcher's call, nothing tells the inner call's paths from its own.
        if facts.iter().any(|fact| fact.key == DISPATCHED) {
            return Self::default();
        }
        let mut by_path: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| fact.key.starts_with('$')) {
            by_path.entry(&fact.key).or_default().push(fact);
        }
        let mut known = Self::default();
        for (path, facts) in by_path {
            if known.add(path, &facts).is_some() {
                known.paths.insert(path.to_owned());
            }
        }
        known
    }

    /// The arguments as JSON text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        write_object(&self.root, &mut text);
        text
    }

    fn add(&mut self, path: &str, facts: &[&Fact]) -> Option<()> {
        let is_whole = |fact: &&Fact| !fact.altered;
        if !facts.iter().all(is_whole) {
            return None;
        }
        let Way { names, is_list } = way(path)?;
        let is_absent = |fact: &&Fact| fact.provenance() == Provenance::Absent;
        if facts.iter().all(is_absent) {
            return Some(());
        }
        let values: Option<Vec<_>> = facts.iter().map(|fact| json(&fact.value)).collect();
        let values = values?;
        let node = match (is_list, &*values) {
            (true, _) => Node::List(values),
            (false, [only]) if only == "{}" => Node::Object(BTreeMap::new()),
            (false, [only]) => Node::Leaf(only.clone()),
            (false, _) => return None,
        };
        put(&mut self.root, &names, node)
    }
}

/// JSON text, if it is that.
fn json(text: &str) -> Option<String> {
    let raw: Box<RawValue> = serde_json::from_str(text).ok()?;
    Some(raw.get().to_owned())
}

/// Puts a value where names lead to; `None` where another value is in the way.
fn put(object: &mut BTreeMap<String, Node>, names: &[String], node: Node) -> Option<()> {
    let (first, rest) = names.split_first()?;
    if rest.is_empty() {
        let is_mere_object = matches!(&node, Node::Object(members) if members.is_empty());
        match object.get(first) {
            Some(Node::Object(_)) if is_mere_object => {}
            Some(Node::List(_)) => {}
            Some(_) | None => drop(object.insert(first.clone(), node)),
        }
        return Some(());
    }
    let inner = object
        .entry(first.clone())
        .or_insert_with(|| Node::Object(BTreeMap::new()));
    match inner {
        Node::Object(members) => put(members, rest, node),
        Node::Leaf(_) | Node::List(_) => None,
    }
}

/// `$.a.b`, `$['a'].b`, `$.a[*]`.
fn way(path: &str) -> Option<Way> {
    let mut rest = path.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        if rest == "[*]" && !names.is_empty() {
            return Some(Way {
                names,
                is_list: true,
            });
        }
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end)?;
            let is_name = !name.is_empty() && !name.contains(['*', ' ', '\t', '\n', '\r']);
            names.push(is_name.then(|| name.to_owned())?);
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('[')?;
        let quote = inner.chars().next().filter(|c| ['\'', '"'].contains(c))?;
        let (name, after) = inner.get(1..)?.split_once(quote)?;
        names.push((!name.contains('\\')).then(|| name.to_owned())?);
        rest = after.strip_prefix(']')?;
    }
    (!names.is_empty()).then_some(Way {
        names,
        is_list: false,
    })
}

fn write_object(members: &BTreeMap<String, Node>, text: &mut String) {
    text.push('{');
    for (position, (name, node)) in members.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(name.as_str()).to_string());
        text.push(':');
        match node {
            Node::Leaf(leaf) => text.push_str(leaf),
            Node::Object(members) => write_object(members, text),
            Node::List(items) => {
                text.push('[');
                text.push_str(&items.join(","));
                text.push(']');
            }
        }
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(key: &str, value: &str, provenance: Provenance) -> Fact {
        Fact {
            key: key.to_owned(),
            value: value.to_owned(),
            provenance: provenance.into(),
            altered: false,
        }
    }

    #[test]
    fn what_was_read_is_put_together_again() {
        let claimed = |key, value| fact(key, value, Provenance::Claimed);
        let known = Known::of(&[
            claimed("endpoint.host", "mcp.example.com"),
            claimed("$.repo", r#""acme/x""#),
            claimed("$.size", "123456789012345678901234567890.10"),
            claimed("$.options", "{}"),
            claimed("$.options.deep['a b']", "true"),
            claimed("$.labels[*]", r#""bug""#),
            claimed("$.labels[*]", "7"),
            fact("$.branch", "", Provenance::Absent),
            claimed("$.list[0]", "1"),
            claimed("$..any", "1"),
            Fact {
                altered: true,
                ..claimed("$.token", r#""***""#)
            },
        ]);
        assert_eq!(
            known.text(),
            concat!(
                r#"{"labels":["bug",7],"options":{"deep":{"a b":true}},"#,
                r#""repo":"acme/x","size":123456789012345678901234567890.10}"#
            )
        );
        let paths: Vec<_> = known.paths.iter().map(String::as_str).collect();
        let expected = [
            "$.branch",
            "$.labels[*]",
            "$.options",
            "$.options.deep['a b']",
            "$.repo",
            "$.size",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn values_that_contradict_each_other_are_not_known() {
        let known = Known::of(&[
            fact("$.a", "1", Provenance::Claimed),
            fact("$.a.b", "2", Provenance::Claimed),
        ]);
        assert_eq!(known.text(), r#"{"a":1}"#);
        assert!(!known.paths.contains("$.a.b"));
    }
}
