//! What each side says it can do, less what the principal may not use of it.

use std::borrow::Cow;

use super::{list::Reader, stateless::TASKS_EXTENSION};
use crate::{
    json::{Child, Edits, Value},
    message::{CLIENT_CAPABILITIES_KEY, Call, Method},
    rule::{Act, CapabilityKind},
};

/// Extensions that add no methods of their own. Any other one is unknown: its methods would be
/// refused, so neither side learns that the other has it.
const EXTENSIONS_WITHOUT_METHODS: [&str; 3] = [
    "io.modelcontextprotocol/enterprise-managed-authorization",
    "io.modelcontextprotocol/oauth-client-credentials",
    "io.modelcontextprotocol/ui",
];

impl Reader<'_> {
    /// Strips what the client says it can do, so that the server does not ask for it.
    pub(super) fn strip_client(&self, call: &Call<'_>, edits: &mut Edits) {
        let capabilities = match call.method {
            Some(Method::Initialize) => call.param("capabilities"),
            Some(_) | None => call.meta(CLIENT_CAPABILITIES_KEY),
        };
        let Some(capabilities) = capabilities else {
            return;
        };
        edits.prune(capabilities, |child| {
            let asks = |method| !self.allows(Some(method));
            match &*key(&child) {
                "sampling" => asks(Method::Sample),
                "elicitation" => asks(Method::Elicit),
                "roots" => asks(Method::RootsList),
                "tasks" => asks(Method::TasksGet),
                _ => false,
            }
        });
        self.strip_extensions(capabilities, edits);
    }

    /// Strips what the server says it offers, so that the client does not try it.
    pub(super) fn strip_server(&self, result: Value<'_>, edits: &mut Edits) {
        let Some(capabilities) = result.get("capabilities") else {
            return;
        };
        let uses = |kind| self.rules.allow_some(kind);
        edits.prune(capabilities, |child| match &*key(&child) {
            "tools" => !uses(CapabilityKind::Tool),
            "prompts" => !uses(CapabilityKind::Prompt),
            "resources" => !uses(CapabilityKind::Resource),
            "completions" => {
                !self.allows(Some(Method::Complete))
                    || !(uses(CapabilityKind::Prompt) || uses(CapabilityKind::Resource))
            }
            "logging" => !self.allows(Some(Method::SetLevel)),
            "tasks" => !self.allows(Some(Method::TasksGet)),
            _ => false,
        });
        if let Some(resources) = capabilities.get("resources") {
            edits.prune(resources, |child| {
                key(&child) == "subscribe" && !self.allows(Some(Method::ResourcesSubscribe))
            });
        }
        // Nothing tells whose the tasks of a list are, so none is ever shown.
        if let Some(tasks) = capabilities.get("tasks") {
            edits.prune(tasks, |child| key(&child) == "list");
        }
        self.strip_extensions(capabilities, edits);
    }

    fn strip_extensions(&self, capabilities: Value<'_>, edits: &mut Edits) {
        if let Some(extensions) = capabilities.get("extensions") {
            edits.prune(extensions, |child| match &*key(&child) {
                TASKS_EXTENSION => !self.allows(Some(Method::TasksGet)),
                name => !EXTENSIONS_WITHOUT_METHODS.contains(&name),
            });
        }
    }

    pub(super) fn allows(&self, method: Option<Method>) -> bool {
        self.rules.allow(Act::on_server(method))
    }
}

fn key<'d>(child: &Child<'d>) -> Cow<'d, str> {
    child.key.and_then(Value::as_str).unwrap_or_default()
}
