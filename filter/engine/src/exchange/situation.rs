//! What a message says of where it belongs, beside what it asks for: its trace, its conversation, the
//! prompt behind it. For the record; nothing but the presence of a prompt is decided on.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Exchange, Headers};
use crate::{
    canonical::{DefinitionKind, Pin, Pinned},
    entry::{Capability, Content, bounded},
    id::Digest,
    json::{Document, Edits, Value},
    message::{Body, Call, Message, Method},
    redact::Place,
    server::Server,
};

/// The key of `_meta` that has the user's words behind a message.
const PROMPT_KEY: &str = "chancery.dev/prompt";

/// The entry of W3C `baggage` that has them where `_meta` has not.
const PROMPT_ENTRY: &str = "chancery.prompt";

/// Longest `baggage` (W3C Baggage section 3.3.2).
const MAX_BAGGAGE_BYTES: usize = 8_192;

impl Exchange {
    /// Takes what the head says of the prompt.
    pub(super) fn read_baggage(&mut self, headers: Headers<'_>) {
        let mut members = headers
            .all("baggage")
            .filter(|value| value.len() <= MAX_BAGGAGE_BYTES)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','));
        self.prompt = members.find_map(|member| {
            let (key, rest) = member.split_once('=')?;
            let value = rest.split(';').next()?.trim();
            let text = percent_decode_str(value).decode_utf8().ok()?;
            (key.trim() == PROMPT_ENTRY && !text.is_empty()).then(|| text.into())
        });
    }

    /// Takes what a call says in its `_meta`, which counts more than the head (MCP SEP-414).
    pub(super) fn situate(&mut self, call: &Call<'_>) {
        let text = |key: &str| call.meta(key).and_then(Value::as_str);
        if let Some(parent) = text("traceparent") {
            self.ids.trace_parent = Some(bounded(&parent).into());
            self.ids.trace_state = text("tracestate").map(|state| bounded(&state).into());
        }
        let mut said = self.context.conversation_keys.iter();
        let conversation = said.find_map(|key| text(key));
        self.ids.conversation = conversation.map(|id| bounded(&id).into());
        self.has_prompt =
            self.prompt.is_some() || text(PROMPT_KEY).is_some_and(|text| !text.is_empty());
    }

    /// The prompt behind a message that goes on, as the record keeps it.
    pub(super) fn keep_prompt(&self, server: &Server, message: &Message<'_>) -> Option<Content> {
        let call = match &message.body {
            Body::Request { call, .. } | Body::Notification(call) => call,
            Body::Response { .. } => return None,
        };
        // As the server gets it.
        let said = call.meta(PROMPT_KEY).and_then(Value::as_str);
        let said = said.filter(|text| !text.is_empty());
        let text = match (said, &self.prompt) {
            (Some(said), _) => said,
            (None, Some(text)) => Cow::Owned(self.without_finds(server, text)?),
            (None, None) => return None,
        };
        Some(self.keep(&text))
    }

    /// What a server has a client's model asked, as the client gets it.
    pub(super) fn keep_sampled(&self, call: &Call<'_>, edits: &Edits) -> Option<Content> {
        let messages = call.param("messages");
        let messages = messages.filter(|_| call.method == Some(Method::Sample))?;
        let edited = edits.applied_within(messages);
        Some(self.keep(edited.as_deref().unwrap_or_else(|| messages.raw())))
    }

    fn keep(&self, text: &str) -> Content {
        let digest = Digest::of(text.as_bytes());
        Content::bounded(text, self.context.limits.max_content_bytes, Some(digest))
    }

    /// A text of the head, redacted as what goes on; `None` where it must not be kept.
    fn without_finds(&self, server: &Server, text: &str) -> Option<String> {
        let redactor = self.redactor(server, crate::entry::Direction::ToServer);
        if redactor.plan.is_empty() {
            return Some(text.to_owned());
        }
        let json = super::handles::quoted(text);
        let document = Document::parse(json.as_bytes(), json.len(), &self.context.limits).ok()?;
        let (root, mut edits) = (document.root(), Edits::default());
        let place = Place::ParamHeaders;
        let redacted = redactor.redact(place, (root, root), &mut edits, &mut Vec::new());
        redacted.ok()?;
        let Some(edited) = edits.applied_within(root) else {
            return Some(text.to_owned());
        };
        let document =
            Document::parse(edited.as_bytes(), edited.len(), &self.context.limits).ok()?;
        document.root().as_str().map(Cow::into_owned)
    }

    /// The pin of what a message acts on, where one definition of it is approved.
    pub(super) fn pin_of(&self, capability: Option<&Capability>) -> Option<Pin> {
        let approved = self.server()?.approved.as_ref()?;
        let (kind, name) = match capability? {
            Capability::Tool(name) => (DefinitionKind::Tool, name),
            Capability::Prompt(name) => (DefinitionKind::Prompt, name),
            Capability::Resource(uri) => (DefinitionKind::Resource, uri),
        };
        approved.pins.only(Pinned::Capability { kind, name })
    }

    /// Where the data come from that a message touches: what the registry says, and the URI that is
    /// read.
    pub(super) fn data_sources(
        &self,
        method: &str,
        capability: Option<&Capability>,
    ) -> Vec<Box<str>> {
        let registered = self.server().map(|server| &*server.data_sources);
        let mut sources = registered.unwrap_or_default().to_vec();
        if let Some(Capability::Resource(uri)) = capability
            && method == Method::ResourcesRead.as_str()
        {
            sources.push(bounded(uri).into());
        }
        sources
    }
}
