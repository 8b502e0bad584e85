//! Prunes lists to what their reader could use.

use std::{borrow::Cow, collections::BTreeSet};

use super::target::{is_name, is_normal_uri};
use crate::{
    decide::RulesFor,
    entry::Pruned,
    glob::percent_encoded,
    json::{Edits, Kind, Value},
    limits::Limits,
    message::{Method, is_ambiguous_item},
    rule::{Act, Target},
};

/// A list in a result: the method that asks for it, its key, the key that names an item, and what
/// an item is.
struct Shape {
    method: Method,
    key: &'static str,
    name: &'static str,
    target: for<'n> fn(&'n str) -> Target<'n>,
}

const SHAPES: [Shape; 4] = [
    Shape {
        method: Method::ToolsList,
        key: "tools",
        name: "name",
        target: |name| Target::Tool(name),
    },
    Shape {
        method: Method::PromptsList,
        key: "prompts",
        name: "name",
        target: |name| Target::Prompt(name),
    },
    Shape {
        method: Method::ResourcesList,
        key: "resources",
        name: "uri",
        target: |uri| Target::Resource(uri),
    },
    Shape {
        method: Method::TemplatesList,
        key: "resourceTemplates",
        name: "uriTemplate",
        target: |uri| Target::Resource(uri),
    },
];

/// For whom a list is pruned.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a RulesFor<'a>,
    pub(super) limits: &'a Limits,
}

impl Reader<'_> {
    /// Prunes every list of a result but what a use of a capability came to, and whatever else of
    /// it could be kept or tried by somebody who may not.
    pub(super) fn prune(
        &self,
        method: Option<Method>,
        result: Value<'_>,
        edits: &mut Edits,
        pruned: &mut Pruned,
    ) {
        if method.is_none_or(answers_for_the_server) {
            for shape in &SHAPES {
                if let Some(list) = result.get(shape.key) {
                    self.prune_list(shape, list, edits, pruned);
                }
            }
            prune_tasks(result, edits);
            self.strip_server(result, edits);
        }
        self.keep_private(result, edits);
    }

    /// One reader's answer must not be kept for another, nor longer than a change of the rules may
    /// take to be seen (MCP 2026-07-28, caching).
    fn keep_private(&self, result: Value<'_>, edits: &mut Edits) {
        if let Some(scope) = result.get("cacheScope")
            && !scope.is("private")
        {
            edits.replace(scope.span(), "\"private\"".to_owned());
        }
        if result.get("taskId").is_some() {
            // A task lives on the server, for as long as that says.
            return;
        }
        let max = self.limits.max_cache_ttl_ms;
        let is_short = |ttl: Value<'_>| {
            let ttl = ttl.as_number().and_then(|ttl| ttl.parse::<u64>().ok());
            ttl.is_some_and(|ttl| ttl <= max)
        };
        if let Some(ttl) = result.get("ttlMs")
            && !is_short(ttl)
        {
            edits.replace(ttl.span(), max.to_string());
        }
    }

    fn prune_list(&self, shape: &Shape, list: Value<'_>, edits: &mut Edits, pruned: &mut Pruned) {
        if list.kind() != Kind::Array {
            edits.replace(list.span(), "[]".to_owned());
            return;
        }
        // A rule that denies the list itself empties it.
        let is_listed = self.allows(Some(shape.method));
        let mut shown = BTreeSet::new();
        edits.prune(list, |item| {
            let name = item.value.get(shape.name).and_then(Value::as_str);
            let is_shown = is_listed
                && !is_ambiguous_item(item.value)
                && name
                    .as_deref()
                    .is_some_and(|name| self.shows((shape.target)(name)));
            let name = name.unwrap_or(Cow::Borrowed("(no name)"));
            if !is_shown || shown.contains(&name) {
                pruned.add(&name);
                return true;
            }
            // Of two with one name, nobody could say which is called.
            shown.insert(name);
            false
        });
    }

    fn shows(&self, target: Target<'_>) -> bool {
        let can_be_named = match target {
            Target::Tool(name) | Target::Prompt(name) => is_name(name, self.limits),
            Target::Resource(uri) => {
                let judged = percent_encoded(uri);
                let act = Act::using(Target::Resource(&judged));
                return is_normal_uri(uri, self.limits) && self.rules.allow(act);
            }
            Target::Server => false,
        };
        can_be_named && self.rules.allow(Act::using(target))
    }
}

/// Nothing tells whose the tasks of a list are, so none is shown.
fn prune_tasks(result: Value<'_>, edits: &mut Edits) {
    if let Some(tasks) = result.get("tasks") {
        edits.replace(tasks.span(), "[]".to_owned());
        edits.prune(result, |child| {
            child.key.is_some_and(|key| key.is("nextCursor"))
        });
    }
}

/// Whether a method's answer tells of the server rather than of one capability of it, whose
/// results may hold anything.
fn answers_for_the_server(method: Method) -> bool {
    match method {
        Method::ToolsCall
        | Method::PromptsGet
        | Method::ResourcesRead
        | Method::Complete
        | Method::TasksGet
        | Method::TasksResult
        | Method::TasksCancel
        | Method::TasksUpdate => false,
        Method::Initialize
        | Method::Discover
        | Method::Ping
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::TemplatesList
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::SetLevel
        | Method::TasksList
        | Method::Listen
        | Method::Initialized
        | Method::RootsChanged
        | Method::Cancelled
        | Method::Progress
        | Method::Sample
        | Method::Elicit
        | Method::RootsList
        | Method::Log
        | Method::ToolsChanged
        | Method::PromptsChanged
        | Method::ResourcesChanged
        | Method::ResourceUpdated
        | Method::ElicitationComplete
        | Method::TaskStatus
        | Method::TaskChanged
        | Method::Listening => true,
    }
}
