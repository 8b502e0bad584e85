//! What a server offers, held against what people have approved.

use std::sync::Arc;

use super::Exchange;
use crate::{
    approved::Approved,
    canonical::Pinned,
    entry::{Content, DriftEvent, bounded},
    json::{Child, Edits, Value},
    message::Method,
    principal::Principal,
};

/// Most bytes of a definition that an entry keeps: what a person reads who reviews it.
const MAX_DEFINITION_BYTES: usize = 16 << 10;

/// What drifted in one answer of a server.
#[derive(Debug)]
pub(super) struct Drifted<'s> {
    /// The server's resource name.
    pub(super) server: &'s str,
    pub(super) principal: &'s Arc<Principal>,
    pub(super) events: Vec<DriftEvent>,
}

impl Drifted<'_> {
    /// More is not kept of one answer: a server decides how much that is.
    const MAX: usize = 100;

    /// Compares a definition; whether it may be shown.
    pub(super) fn compare(
        &mut self,
        approved: &Approved,
        what: Pinned<'_>,
        definition: Value<'_>,
    ) -> bool {
        let Some((drift, seen)) = approved.drift_of(what, definition) else {
            return true;
        };
        if self.events.len() < Self::MAX {
            let (place, name) = what.key();
            self.events.push(DriftEvent {
                server: self.server.into(),
                place,
                name: bounded(name).into(),
                seen,
                drift,
                definition: Content::bounded(definition.raw(), MAX_DEFINITION_BYTES, None),
                principal: Arc::clone(self.principal),
                is_hidden: approved.is_enforced(),
            });
        }
        !approved.is_enforced()
    }
}

impl Exchange {
    /// Hides what a server says of itself where nobody has approved that. Whether the answer may go on:
    /// not that of a release that nobody has approved, since clients cannot do without what it is.
    pub(super) fn compare_server(
        &self,
        approved: &Approved,
        result: Value<'_>,
        edits: &mut Edits,
        drifted: &mut Drifted<'_>,
    ) -> bool {
        let introduces = self.asked.method.is_none_or(Method::is_handshake);
        if !introduces {
            return true;
        }
        let is_asked = approved.pins.has(Pinned::ServerInfo);
        let info = result.get("serverInfo").filter(|_| is_asked);
        let is_shown = info.is_none_or(|info| drifted.compare(approved, Pinned::ServerInfo, info));
        if let Some(text) = result.get("instructions")
            && !drifted.compare(approved, Pinned::Instructions, text)
        {
            edits.prune(result, |child: Child<'_>| {
                child.key.is_some_and(|key| key.is("instructions"))
            });
        }
        is_shown
    }
}
