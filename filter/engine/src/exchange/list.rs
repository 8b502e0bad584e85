//! Prunes lists to what their reader could use.

use std::{borrow::Cow, collections::BTreeSet, sync::Mutex};

use super::{
    drift::Drifted,
    target::{is_name, is_normal_uri},
};
use crate::{
    approved::Approved,
    canonical::{DefinitionKind, ListMemory, Pinned},
    decide::RulesFor,
    entry::Pruned,
    glob::percent_encoded,
    id::SnapshotVersion,
    json::{Edits, Kind, Value},
    limits::Limits,
    message::{Method, is_ambiguous_item},
    rule::{Act, Target},
};

/// A list in a result: the method that asks for it, its key, the key that names an item, and what
/// an item is.
struct Shape {
    method: Method,
    kind: DefinitionKind,
    key: &'static str,
    name: &'static str,
    target: for<'n> fn(&'n str) -> Target<'n>,
}

const SHAPES: [Shape; 4] = [
    Shape {
        method: Method::ToolsList,
        kind: DefinitionKind::Tool,
        key: "tools",
        name: "name",
        target: |name| Target::Tool(name),
    },
    Shape {
        method: Method::PromptsList,
        kind: DefinitionKind::Prompt,
        key: "prompts",
        name: "name",
        target: |name| Target::Prompt(name),
    },
    Shape {
        method: Method::ResourcesList,
        kind: DefinitionKind::Resource,
        key: "resources",
        name: "uri",
        target: |uri| Target::Resource(uri),
    },
    Shape {
        method: Method::TemplatesList,
        kind: DefinitionKind::Template,
        key: "resourceTemplates",
        name: "uriTemplate",
        target: |uri| Target::Resource(uri),
    },
];

/// For whom a list is pruned.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a RulesFor<'a>,
    pub(super) limits: &'a Limits,
    /// What people have approved of the server. `None`: that is not asked.
    pub(super) approved: Option<&'a Approved>,
    /// What is known of lists as a whole, and of which server they are.
    pub(super) known: Option<Known<'a>>,
}

/// Lists that were approved as a whole.
pub(super) struct Known<'a> {
    pub(super) lists: &'a Mutex<ListMemory>,
    pub(super) snapshot: SnapshotVersion,
    pub(super) server: &'a str,
}

impl Known<'_> {
    /// Does something with the memory; a memory that broke knows nothing.
    fn with<T>(&self, act: impl FnOnce(&mut ListMemory) -> T) -> Option<T> {
        self.lists.lock().ok().map(|mut lists| act(&mut lists))
    }
}

/// What is noted while an answer is pruned.
pub(super) struct Noted<'n, 's> {
    pub(super) pruned: &'n mut Pruned,
    pub(super) drifted: &'n mut Drifted<'s>,
}

impl Reader<'_> {
    /// Prunes every list of a result but what a use of a capability came to, and whatever else of
    /// it could be kept or tried by somebody who may not.
    pub(super) fn prune(
        &self,
        method: Option<Method>,
        result: Value<'_>,
        edits: &mut Edits,
        noted: &mut Noted<'_, '_>,
    ) {
        if method.is_none_or(answers_for_the_server) {
            for shape in &SHAPES {
                if let Some(list) = result.get(shape.key) {
                    self.prune_list(shape, list, edits, noted);
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

    fn prune_list(
        &self,
        shape: &Shape,
        list: Value<'_>,
        edits: &mut Edits,
        noted: &mut Noted<'_, '_>,
    ) {
        if list.kind() != Kind::Array {
            edits.replace(list.span(), "[]".to_owned());
            return;
        }
        let known = self.known.as_ref().filter(|_| self.approved.is_some());
        let id = known.and_then(|known| {
            known.with(|lists| lists.id(&known.snapshot, known.server, shape.kind, list))
        });
        let is_known = known
            .zip(id)
            .is_some_and(|(known, id)| known.with(|lists| lists.is_approved(id)) == Some(true));
        let mut is_whole = true;
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
            // Also of what the rules hide from this reader: another may see it.
            let is_approved = is_known
                || self.approved.is_none_or(|approved| {
                    let what = Pinned::Capability {
                        kind: shape.kind,
                        name: &name,
                    };
                    noted.drifted.compare(approved, what, item.value)
                });
            is_whole &= is_approved;
            if !is_shown || !is_approved || shown.contains(&name) {
                noted.pruned.add(&name);
                return true;
            }
            // Of two with one name, nobody could say which is called.
            shown.insert(name);
            false
        });
        if let Some((known, id)) = known.zip(id).filter(|_| is_whole && !is_known) {
            known.with(|lists| lists.remember(id));
        }
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
