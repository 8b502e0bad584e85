//! Annotations that say otherwise than the name or the description.

use super::{
    Findings, Rule, Severity,
    definitions::{Definition, Kind},
};

/// What changes something where it stands at the beginning.
const WRITES: [&str; 22] = [
    "create", "update", "write", "insert", "add", "set", "put", "edit", "modify", "rename", "move",
    "send", "post", "upload", "publish", "transfer", "pay", "merge", "deploy", "install", "append",
    "submit",
];
/// What cannot be taken back.
const DESTROYS: [&str; 15] = [
    "delete",
    "remove",
    "drop",
    "destroy",
    "purge",
    "erase",
    "wipe",
    "truncate",
    "kill",
    "terminate",
    "overwrite",
    "revoke",
    "uninstall",
    "reset",
    "format",
];
/// What only looks, whatever it looks for.
const READS: [&str; 22] = [
    "get", "list", "search", "read", "find", "fetch", "describe", "show", "count", "preview",
    "check", "view", "lookup", "query", "is", "has", "diff", "validate", "estimate", "simulate",
    "watch", "can",
];

pub(super) fn inspect(definition: &Definition<'_>, found: &mut Findings) {
    if definition.kind != Kind::Tool {
        return;
    }
    let value = definition.value;
    let hint = |name: &str| {
        let place = format!("/annotations/{name}");
        value.pointer(&place)?.as_bool()
    };
    let description = value
        .get("description")
        .and_then(|description| description.as_str())
        .unwrap_or_default();
    let deed = [definition.name.as_str(), first_words(description)]
        .into_iter()
        .find_map(|text| Some((deed(text)?, text)));
    let Some((deed, text)) = deed else { return };
    let mut add = |name: &str, why: &str| {
        let place = format!("/annotations/{name}");
        found.add(
            Rule::AnnotationContradiction,
            Severity::Medium,
            (&place, text),
            why,
        );
    };
    if hint("readOnlyHint") == Some(true) {
        add(
            "readOnlyHint",
            "It says that it changes nothing; its name or description says that it does.",
        );
    } else if hint("destructiveHint") == Some(false) && deed == Deed::Destroys {
        add(
            "destructiveHint",
            "It says that it destroys nothing; its name or description says that it does.",
        );
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deed {
    Writes,
    Destroys,
}

/// What the first verb of a name or sentence does, where it changes something.
fn deed(text: &str) -> Option<Deed> {
    for word in words(text) {
        let is_one = |verbs: &[&str]| verbs.iter().any(|verb| is_form(&word, verb));
        if is_one(&READS) {
            return None;
        }
        if is_one(&DESTROYS) {
            return Some(Deed::Destroys);
        }
        if is_one(&WRITES) {
            return Some(Deed::Writes);
        }
    }
    None
}

/// A verb as it is, or with the ending of the third person.
fn is_form(word: &str, verb: &str) -> bool {
    word == verb
        || word
            .strip_prefix(verb)
            .is_some_and(|ending| matches!(ending, "s" | "es"))
        || verb.strip_suffix('y').is_some_and(|stem| {
            word.strip_prefix(stem)
                .is_some_and(|ending| ending == "ies")
        })
}

/// The words of a name in any of its spellings, or of a sentence.
fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && was_lower {
            all.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    all.push(word);
    all.retain(|word| !word.is_empty());
    all
}

/// A description says at its very beginning what a tool does.
fn first_words(description: &str) -> &str {
    let end = description
        .char_indices()
        .filter(|(_, c)| c.is_whitespace())
        .nth(1)
        .map_or(description.len(), |(end, _)| end);
    description.get(..end).unwrap_or(description)
}
