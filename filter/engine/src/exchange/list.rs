//! Prunes lists to what their reader could use.

use super::target::is_name;
use crate::{
    json::{Edits, Kind, Value},
    limits::Limits,
    message::Method,
    policy::{Policy, ServerIndex},
    principal::Principal,
    rule::Target,
};

/// A list in a result: its key, the key that names an item, and what an item is.
struct Shape {
    key: &'static str,
    name: &'static str,
    target: for<'n> fn(&'n str) -> Target<'n>,
}

const SHAPES: [Shape; 4] = [
    Shape {
        key: "tools",
        name: "name",
        target: |name| Target::Tool(name),
    },
    Shape {
        key: "prompts",
        name: "name",
        target: |name| Target::Prompt(name),
    },
    Shape {
        key: "resources",
        name: "uri",
        target: |uri| Target::Resource(uri),
    },
    Shape {
        key: "resourceTemplates",
        name: "uriTemplate",
        target: |uri| Target::Resource(uri),
    },
];

/// For whom a list is pruned.
pub(super) struct Reader<'a> {
    pub(super) policy: &'a Policy,
    pub(super) server: ServerIndex,
    pub(super) principal: &'a Principal,
    pub(super) limits: &'a Limits,
}

impl Reader<'_> {
    /// Prunes the list that a method answers with; where the method is not known, every list that
    /// the result has.
    pub(super) fn prune(
        &self,
        method: Option<Method>,
        result: Value<'_>,
        edits: &mut Edits,
        pruned: &mut Vec<Box<str>>,
    ) {
        let key = match method {
            Some(Method::ToolsList) => Some("tools"),
            Some(Method::PromptsList) => Some("prompts"),
            Some(Method::ResourcesList) => Some("resources"),
            Some(Method::TemplatesList) => Some("resourceTemplates"),
            Some(_) => return,
            None => None,
        };
        let mut is_list = false;
        for shape in SHAPES
            .iter()
            .filter(|shape| key.is_none_or(|key| key == shape.key))
        {
            if let Some(list) = result.get(shape.key) {
                is_list = true;
                self.prune_list(shape, list, edits, pruned);
            }
        }
        // One reader's list must not be kept for another (MCP 2026-07-28, caching).
        if let Some(scope) = result.get("cacheScope")
            && is_list
            && !scope.is("private")
        {
            edits.replace(scope.span(), "\"private\"".to_owned());
        }
    }

    fn prune_list(
        &self,
        shape: &Shape,
        list: Value<'_>,
        edits: &mut Edits,
        pruned: &mut Vec<Box<str>>,
    ) {
        if list.kind() != Kind::Array {
            edits.replace(list.span(), "[]".to_owned());
            return;
        }
        let mut kept = Vec::new();
        let before = pruned.len();
        for item in list.items() {
            let name = item.get(shape.name).and_then(Value::as_str);
            let target = name.as_deref().map(shape.target);
            if target.is_some_and(|target| self.shows(target)) {
                kept.push(item.raw());
            } else {
                pruned.push(name.map_or_else(|| "(no name)".into(), Box::from));
            }
        }
        if pruned.len() > before {
            edits.replace(list.span(), format!("[{}]", kept.join(",")));
        }
    }

    fn shows(&self, target: Target<'_>) -> bool {
        let can_be_named = match target {
            Target::Tool(name) | Target::Prompt(name) => is_name(name, self.limits.max_name_bytes),
            Target::Resource(_) => true,
            Target::Server => false,
        };
        can_be_named && self.policy.shows(self.server, self.principal, target)
    }
}
