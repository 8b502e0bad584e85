//! A panel of lenient readers: every way in which a real server or client might take bytes for a
//! use of a capability (what is known of them: RFC 8259 section 4, CVE-2026-27896 and its kin).
//!
//! Where readers differ, all of what they could see is seen here: of two members with one key each
//! counts, keys match however they are folded, values count however they are wrapped.

mod fold;
mod text;

use std::collections::BTreeSet;

use chancery_engine::rule::Target;

use crate::tree::{self, Tree};
use fold::{is_like, spellings, uri_spellings};

/// A list in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    /// What is asked for it.
    pub(crate) method: &'static str,
    key: &'static str,
    /// The key that names an item.
    name: &'static str,
    /// What an item is.
    made: fn(String) -> Use,
}

/// Every list.
pub(crate) const LISTS: [List; 4] = [
    List {
        method: "tools/list",
        key: "tools",
        name: "name",
        made: Use::Tool,
    },
    List {
        method: "prompts/list",
        key: "prompts",
        name: "name",
        made: Use::Prompt,
    },
    List {
        method: "resources/list",
        key: "resources",
        name: "uri",
        made: Use::Resource,
    },
    List {
        method: "resources/templates/list",
        key: "resourceTemplates",
        name: "uriTemplate",
        made: Use::Resource,
    },
];

/// A use of a capability, or an offer of one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Use {
    Tool(String),
    Prompt(String),
    Resource(String),
}

impl Use {
    pub(crate) fn is_masked(&self) -> bool {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => {
                name.contains("[redacted:")
            }
        }
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::Tool(name) => Target::Tool(name),
            Self::Prompt(name) => Target::Prompt(name),
            Self::Resource(uri) => Target::Resource(uri),
        }
    }
}

/// Every use that some reader finds in a request.
pub(crate) fn uses(bytes: &[u8]) -> BTreeSet<Use> {
    let mut found = BTreeSet::new();
    for tree in trees(bytes) {
        find_uses(&tree, &mut found);
    }
    found
}

/// Every capability that some reader finds in the list that an answer holds.
pub(crate) fn offers(bytes: &[u8], list: List) -> BTreeSet<Use> {
    let mut found = BTreeSet::new();
    for tree in trees(bytes) {
        find_offers(&tree, list, &mut found);
    }
    found
}

/// Everything that some reader takes the bytes for.
fn trees(bytes: &[u8]) -> Vec<Tree> {
    let mut trees = Vec::new();
    for text in text::texts(bytes) {
        trees.extend(tree::read(&text));
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
            trees.push(Tree::from(&value));
        }
        if let Ok(value) = json5::from_str::<serde_json::Value>(&text) {
            trees.push(Tree::from(&value));
        }
    }
    trees
}

/// The values of all members that could be taken for `key`.
fn members<'t>(tree: &'t Tree, key: &str) -> Vec<&'t Tree> {
    match tree {
        Tree::Object(members) => {
            let alike = members.iter().filter(|(name, _)| is_like(name, key));
            alike.map(|(_, value)| value).collect()
        }
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) | Tree::Array(_) => {
            Vec::new()
        }
    }
}

/// What a value says as text, however it is wrapped.
fn strings(tree: &Tree) -> Vec<&str> {
    match tree {
        Tree::String(text) => vec![text],
        Tree::Array(items) => items.iter().flat_map(strings).collect(),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Object(_) => Vec::new(),
    }
}

fn find_uses(tree: &Tree, found: &mut BTreeSet<Use>) {
    match tree {
        // A batch, or a message by position as some derived readers take it.
        Tree::Array(items) => {
            let methods: Vec<&str> = items.iter().flat_map(strings).collect();
            for item in items {
                find_uses(item, found);
                add_uses(&methods, item, found);
            }
        }
        Tree::Object(_) => {
            let methods = members(tree, "method");
            let methods: Vec<&str> = methods.into_iter().flat_map(strings).collect();
            for params in members(tree, "params") {
                add_uses(&methods, params, found);
            }
        }
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => {}
    }
}

fn add_uses(methods: &[&str], params: &Tree, found: &mut BTreeSet<Use>) {
    let mut names: Vec<&str> = members(params, "name")
        .into_iter()
        .flat_map(strings)
        .collect();
    let mut uris: Vec<&str> = members(params, "uri")
        .into_iter()
        .flat_map(strings)
        .collect();
    if let Tree::Array(items) = params {
        names.extend(items.iter().flat_map(strings));
        uris.extend(items.iter().flat_map(strings));
    }
    for method in methods.iter().flat_map(|method| spellings(method)) {
        match &*method {
            "tools/call" => found.extend(all(&names, spellings, Use::Tool)),
            "prompts/get" => found.extend(all(&names, spellings, Use::Prompt)),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                found.extend(all(&uris, uri_spellings, Use::Resource));
            }
            "completion/complete" => {
                for reference in members(params, "ref") {
                    add_completed(reference, found);
                }
            }
            _ => {}
        }
    }
}

fn add_completed(reference: &Tree, found: &mut BTreeSet<Use>) {
    let of = |key| -> Vec<&str> {
        members(reference, key)
            .into_iter()
            .flat_map(strings)
            .collect()
    };
    for kind in of("type").into_iter().flat_map(spellings) {
        match &*kind {
            "ref/prompt" => found.extend(all(&of("name"), spellings, Use::Prompt)),
            "ref/resource" => found.extend(all(&of("uri"), uri_spellings, Use::Resource)),
            _ => {}
        }
    }
}

fn find_offers(tree: &Tree, list: List, found: &mut BTreeSet<Use>) {
    if let Tree::Array(items) = tree {
        for item in items {
            find_offers(item, list, found);
        }
    }
    for result in members(tree, "result") {
        for listed in members(result, list.key) {
            let Tree::Array(items) = listed else { continue };
            let names = items.iter().flat_map(|item| members(item, list.name));
            let names = names.flat_map(strings).map(str::to_owned);
            found.extend(names.map(list.made));
        }
    }
}

fn all(
    texts: &[&str],
    spellings: impl Fn(&str) -> Vec<String>,
    made: impl Fn(String) -> Use,
) -> Vec<Use> {
    let spelled = texts.iter().flat_map(|text| spellings(text));
    spelled.map(made).collect()
}

#[cfg(test)]
mod tests;
