//! What a server offers, held against what people have approved.

use super::Exchange;
use crate::{
    approved::{Approved, Drift},
    canonical::{DefinitionPlace, Pin, Pinned},
    entry::{Content, DriftEvent, Event, bounded},
    json::{Child, Edits, Value},
    message::Method,
};

/// Most bytes of a definition that an entry keeps: what a person reads who reviews it.
const MAX_DEFINITION_BYTES: usize = 16 << 10;

/// What drifted in one answer.
#[derive(Debug, Default)]
pub(super) struct Drifted<'d>(Vec<Drifting<'d>>);

/// A definition that differs.
#[derive(Debug)]
struct Drifting<'d> {
    place: DefinitionPlace,
    name: Box<str>,
    definition: Value<'d>,
    drift: Drift,
    seen: Option<Pin>,
}

impl<'d> Drifted<'d> {
    /// More is not kept of one answer: a server decides how much that is.
    const MAX: usize = 100;

    /// Compares a definition; whether it may be shown.
    pub(super) fn compare(
        &mut self,
        approved: &Approved,
        what: Pinned<'_>,
        definition: Value<'d>,
    ) -> bool {
        let Some((drift, seen)) = approved.drift_of(what, definition) else {
            return true;
        };
        if self.0.len() < Self::MAX {
            let (place, name) = what.key();
            self.0.push(Drifting {
                place,
                name: bounded(name).into(),
                definition,
                drift,
                seen,
            });
        }
        !approved.is_enforced()
    }
}

impl Exchange {
    /// Hides what a server says of itself where nobody has approved that.
    pub(super) fn compare_server<'d>(
        &self,
        approved: &Approved,
        result: Value<'d>,
        edits: &mut Edits,
        drifted: &mut Drifted<'d>,
    ) {
        let introduces = self.asked.method.is_none_or(Method::is_handshake);
        if !introduces {
            return;
        }
        let is_asked = approved.pins.has(Pinned::ServerInfo);
        if let Some(info) = result.get("serverInfo").filter(|_| is_asked) {
            // Clients need one; what it says is shown, and recorded.
            let _is_shown = drifted.compare(approved, Pinned::ServerInfo, info);
        }
        if let Some(text) = result.get("instructions")
            && !drifted.compare(approved, Pinned::Instructions, text)
        {
            edits.prune(result, |child: Child<'_>| {
                child.key.is_some_and(|key| key.is("instructions"))
            });
        }
    }

    /// Records what drifted.
    pub(super) fn note_drift(&mut self, approved: &Approved, drifted: Drifted<'_>) {
        for drifting in drifted.0 {
            let Drifting {
                place,
                name,
                definition,
                drift,
                seen,
            } = drifting;
            let event = DriftEvent {
                server: self.server_name.clone(),
                place,
                name,
                seen,
                drift,
                definition: Content::bounded(definition.raw(), MAX_DEFINITION_BYTES, None),
                is_hidden: approved.is_enforced() && place != DefinitionPlace::ServerInfo,
            };
            self.record(Event::Drift(Box::new(event)), self.now);
        }
    }
}
